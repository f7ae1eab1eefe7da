"""The download of a snapshot over real sockets: what is asked for, what is accepted, where it is led."""

import asyncio
import gzip
import socket
from pathlib import Path

import pytest

from aqi_service.errors import FetchFailed, SnapshotFailed
from aqi_service.snapshots import download as feed_module
from aqi_service.snapshots.download import ANSWER_SECONDS, MAX_HEADER, READ_SECONDS, download
from tests.doubles.certificates import stranger
from tests.doubles.feed_server import (
    CHUNKED,
    RESET,
    Step,
    answer,
    chunked,
    feed_server,
    head,
)
from tests.doubles.load_helpers import AGENT, fetch, refusal
from tests.doubles.wire_fixtures import advance, by_hand, task

BODY = b'[{"id": 1}]'


async def test_a_whole_answer_gives_its_bytes_and_validators() -> None:
    reply = answer(BODY, ETag='"v1"', Last_Modified="Wed, 20 Dec 2023 17:00:00 GMT")
    async with feed_server((reply,)) as feed:
        found, body = await fetch(feed.url())
    assert body == BODY
    assert (found.status, found.etag) == (200, '"v1"')
    assert found.last_modified == "Wed, 20 Dec 2023 17:00:00 GMT"


async def test_the_request_names_program_and_contact_and_asks_for_gzip() -> None:
    async with feed_server((answer(BODY),)) as feed:
        await fetch(feed.url("/data.24h.json?area=1"))
    (request,) = feed.requests
    assert (request.method, request.target) == ("GET", "/data.24h.json?area=1")
    assert request.headers["user-agent"] == AGENT
    assert request.headers["accept-encoding"] == "gzip"
    assert not request.headers.keys() & {"if-none-match", "if-modified-since", "authorization"}


@pytest.mark.parametrize(
    "reply",
    [
        head(**CHUNKED) + chunked(BODY[:3], BODY[3:]),
        head() + BODY,
        answer(BODY, Content_Encoding="identity"),
        answer(BODY, Content_Encoding="gzip"),
    ],
    ids=["chunks", "until the end of the connection", "identity", "gzip stays as it came"],
)
async def test_every_framing_gives_the_bytes_as_they_were_sent(reply: bytes) -> None:
    async with feed_server((reply,)) as feed:
        _, body = await fetch(feed.url())
    assert body == BODY


@pytest.mark.parametrize(
    "encoding", ["aws-chunked", "AWS-Chunked", "aws-chunked,gzip", "identity, aws-chunked"]
)
async def test_how_an_object_was_once_sent_to_its_server_is_no_encoding(encoding: str) -> None:
    body = gzip.compress(BODY) if "gzip" in encoding else BODY
    async with feed_server((answer(body, Content_Encoding=encoding),)) as feed:
        found, received = await fetch(feed.url())
    assert received == body
    assert found.length == (None if "gzip" in encoding else len(BODY))


@pytest.mark.parametrize("size", [9_000, MAX_HEADER])
async def test_a_long_header_of_the_answer_is_taken(size: int) -> None:
    async with feed_server((answer(BODY, Content_Security_Policy="x" * size),)) as feed:
        assert (await fetch(feed.url()))[1] == BODY


async def test_an_endless_header_of_the_answer_is_not_taken() -> None:
    async with feed_server((answer(BODY, X="x" * 4 * MAX_HEADER),)) as feed:
        await refusal(feed.url())


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, br", "zstd"])
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    async with feed_server((answer(BODY, Content_Encoding=encoding),)) as feed:
        assert encoding in str(await refusal(feed.url()))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("404 Not Found", "404 Not Found"),
        ("403 Forbidden", "403 Forbidden"),
        ("500 /data?token=x\x1b[2J", "500 Internal Server Error"),
        ("502 ", "502 Bad Gateway"),
        ("206 Partial", "206 Partial Content"),
        ("599 Whatever", "599"),
    ],
)
async def test_a_status_other_than_200_fails_and_stands_in_the_sentence_by_its_own_name(
    sent: str, shown: str
) -> None:
    async with feed_server((answer(status=sent),)) as feed:
        error = await refusal(feed.url())
        assert str(error) == f"{feed.url()} answers {shown}"
        assert error.retry_after is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Wed, 20 Dec 2023 17:10:00 GMT", 600.0),
        ("Wed, 20 Dec 2023 16:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u00b2", None),
    ],
)
@pytest.mark.parametrize("status", ["429 Too Many", "503 Busy"])
async def test_retry_after_counts_as_seconds_or_from_the_answers_own_date(
    status: str, value: str, seconds: float | None
) -> None:
    reply = answer(status=status, Retry_After=value, Date="Wed, 20 Dec 2023 17:00:00 GMT")
    async with feed_server((reply,)) as feed:
        assert (await refusal(feed.url())).retry_after == seconds


async def test_304_is_an_answer_to_a_conditional_request() -> None:
    async with feed_server((answer(status="304 Not Modified"),)) as feed:
        found, body = await fetch(feed.url(), {"If-None-Match": '"v1"'})
    assert (found.status, body) == (304, b"")
    assert feed.requests[0].headers["if-none-match"] == '"v1"'


async def test_304_fails_when_nothing_was_asked_on_condition() -> None:
    async with feed_server((answer(status="304 Not Modified"),)) as feed:
        assert "answers 304" in str(await refusal(feed.url()))


async def test_a_refused_connection_fails() -> None:
    with socket.socket() as kept:  # a port of ours, on which nobody listens
        kept.bind(("127.0.0.1", 0))
        told = str(await refusal(f"http://127.0.0.1:{kept.getsockname()[1]}/"))
        assert "does not answer: Cannot connect to host 127.0.0.1:" in told
        assert "ssl" not in told


async def test_a_name_that_is_not_found_fails() -> None:
    assert "http://feed.invalid/ does not answer" in str(await refusal("http://feed.invalid/"))


async def test_a_certificate_that_nobody_vouches_for_fails_before_anything_is_asked(tmp_path: Path) -> None:
    async with feed_server((answer(BODY),), tls=stranger(tmp_path)) as feed:
        assert "certificate verify failed" in str(await refusal(feed.url()))
        assert feed.requests == []


@pytest.mark.parametrize(
    "steps",
    [
        (RESET,),
        (b"",),
        (b"HTTP/1.1 200", RESET),
        (head(Content_Length=100), RESET),
        (head(Content_Length=100), b"[", RESET),
        (head(**CHUNKED), b"5\r\n[", RESET),
        (head(**CHUNKED), b"XYZ\r\n"),
        (b"220 smtp.example.org ESMTP\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",),
    ],
)
async def test_a_broken_answer_fails_wherever_it_breaks(steps: tuple[Step, ...]) -> None:
    async with feed_server(steps) as feed:
        with pytest.raises(SnapshotFailed, match=feed.url()):
            await fetch(feed.url())


async def passing(work: asyncio.Task[object], seconds: float) -> None:
    """Let the hand-driven clock pass a time, and the loop turn, until the work ends."""
    for _ in range(int(seconds)):
        advance(1)
        await asyncio.sleep(0)
    await asyncio.wait([work])


@by_hand
async def test_a_peer_that_takes_no_connection_is_given_up_and_the_query_stays_secret() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        with socket.create_connection(address), socket.socket() as queued:
            queued.setblocking(False)
            queued.connect_ex(address)  # with it the queue is full: the next one gets no answer
            work = task(refusal(f"http://127.0.0.1:{address[1]}/?token=hunter2"))
            await passing(work, feed_module.CONNECT_SECONDS + 5)
            assert "does not answer" in str(work.result())
            assert "hunter2" not in str(work.result())


@by_hand
async def test_a_peer_that_never_answers_is_given_up() -> None:
    async with feed_server((asyncio.Event(),)) as feed:
        work = task(refusal(feed.url()))
        await feed.asked.wait()
        await passing(work, READ_SECONDS + 5)
        assert "does not answer" in str(work.result())


@by_hand
async def test_headers_that_never_end_are_given_up() -> None:
    seconds = 0

    def drip() -> object:
        nonlocal seconds
        yield b"HTTP/1.1 200 OK\r\nX: "
        while True:
            advance(1)
            seconds += 1
            yield b"x"

    async with feed_server((drip(),)) as feed:  # type: ignore[arg-type]  # a generator can be iterated
        begun = asyncio.get_running_loop().time()
        assert "does not answer" in str(await refusal(feed.url()))
        assert asyncio.get_running_loop().time() - begun >= ANSWER_SECONDS
        assert seconds < ANSWER_SECONDS + 30


@by_hand
async def test_a_byte_every_ten_seconds_is_too_slow() -> None:
    taken = asyncio.Semaphore(0)

    async def ten_seconds_later() -> None:
        await taken.acquire()
        advance(10)

    slow: list[Step] = [ten_seconds_later, b" "]
    async with feed_server((head(Content_Length=1000), b"[", *slow * 20)) as feed:
        received = 0

        async def take() -> None:
            nonlocal received
            async with download(feed.url(), AGENT) as found:
                async for _ in found.chunks:
                    received += 1
                    taken.release()

        with pytest.raises(FetchFailed, match="sends under 1024 bytes a second"):
            await take()
    assert 6 <= received <= 8


@by_hand
async def test_a_reader_that_takes_its_time_is_not_the_sources_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CHUNK", 100)
    async with feed_server((answer(b"x" * 1000),)) as feed, download(feed.url(), AGENT) as found:
        received = 0
        async for chunk in found.chunks:
            received += len(chunk)
            advance(100)
    assert received == 1000
