"""The raw feed of the tests: it sends the bytes and pauses of its script, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.doubles.faults.clock import jumping
from tests.doubles.feed_server import RESET, FeedServer, feed_server

REQUEST = b"GET /data.24h.json HTTP/1.1\r\nHost: x\r\nUser-Agent: a test\r\n\r\n"


@asynccontextmanager
async def asked(feed: FeedServer) -> AsyncIterator[asyncio.StreamReader]:
    """Ask on a connection of its own; give what comes back as it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
    writer.write(REQUEST)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def got(feed: FeedServer) -> bytes:
    """Ask; give all that comes back."""
    async with asked(feed) as reader:
        return await reader.read()


async def test_exactly_the_bytes_of_the_script_are_sent_whatever_they_are() -> None:
    script = (b"HTTP/1.1 2", b"00 \x00\xff\r\n", (b"a", b"bc"), b"")
    async with feed_server(script) as feed:
        assert await got(feed) == b"HTTP/1.1 200 \x00\xff\r\nabc"
    assert [(each.method, each.target, each.headers["user-agent"]) for each in feed.requests] == [
        ("GET", "/data.24h.json", "a test")
    ]


async def test_each_request_has_a_script_of_its_own_and_the_last_one_stays() -> None:
    async with feed_server((b"one",), (b"two",)) as feed:
        assert [await got(feed) for _ in range(3)] == [b"one", b"two", b"two"]


@jumping
async def test_a_pause_is_as_long_as_the_script_says() -> None:
    loop = asyncio.get_running_loop()
    async with feed_server((b"a", 3600.0, b"b")) as feed, asked(feed) as reader:
        assert await reader.read(1) == b"a"
        begun = loop.time()
        assert await reader.read() == b"b"
    assert loop.time() - begun == pytest.approx(3600, abs=1)


async def test_what_follows_an_event_waits_for_it() -> None:
    gate, order = asyncio.Event(), list[str]()

    def after() -> None:
        order.append("sent")

    async with feed_server((b"a", gate, after, b"b")) as feed, asked(feed) as reader:
        assert await reader.readexactly(1) == b"a"
        order.append("opened")
        gate.set()
        assert await reader.read() == b"b"
    assert order == ["opened", "sent"]


async def test_a_body_without_end_is_sent_for_as_long_as_somebody_reads() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    async with feed_server((endless(),)) as feed, asked(feed) as reader:
        assert await reader.readexactly(100_000) == b"x" * 100_000


async def test_a_reset_breaks_the_connection_off() -> None:
    async with feed_server((RESET, b"never")) as feed:
        with pytest.raises(ConnectionResetError):
            await got(feed)
