"""A DynamoDB and an S3 that answer at once, in a process of their own: `python -m bench.lib.standin.server`.

One rule: it is never what is measured. It keeps and counts what it got, and tells when asked:

    GET  /__counts    what was counted, the pieces of each object, the sum of the table's items
    GET  /__feed      the file that was named as the feed
    POST /__set       {"throttle": units a second or null, "feed": path, "keep": whether objects are kept,
                       "clear": ["items", "objects", "counts"]}, each only if given
"""

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, unquote

import orjson

from bench.lib.standin.dynamodb import Table
from bench.lib.standin.pieces import LARGE, Growing, Piece
from bench.lib.standin.s3 import Bucket, Reply

STREAM = 512 * 1024
"""Bytes of a file that are sent at a time."""

_LINE = re.compile(rb"([A-Z]+) /([^ ?]*)(?:\?([^ ]*))? HTTP/1\.1\r\n")
_TARGET = re.compile(rb"\r\nX-Amz-Target: DynamoDB_20120810\.([A-Za-z]+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\nContent-Length: *([0-9]+)\r\n", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nExpect: *100-continue\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\n(?:Transfer-Encoding|Content-Encoding): *[^\r]*chunked", re.IGNORECASE)
_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"

Source = tuple[Callable[[int, int], bytes], int, int]
"""What is sent of a file: its reader, from where, how many bytes."""


class World:
    """What all connections share."""

    def __init__(self) -> None:
        self.table = Table()
        self.bucket = Bucket()
        self._feed: IO[bytes] | None = None

    def side(self, path: str, body: bytes) -> tuple[Reply, list[Source]]:
        """Answer on the side path."""
        if path == "__counts":
            return Reply(body=orjson.dumps(self.counted(), option=orjson.OPT_NON_STR_KEYS)), []
        if path == "__set":
            self.set(orjson.loads(body))
            return Reply(body=b"{}"), []
        if path == "__feed" and self._feed is not None:
            number = self._feed.fileno()
            size = os.fstat(number).st_size
            headers = (("Content-Length", str(size)), ("Last-Modified", formatdate(usegmt=True)))
            return Reply(headers=headers), [(lambda at, wanted: os.pread(number, wanted, at), 0, size)]
        return Reply(404), []

    def set(self, asked: Mapping[str, Any]) -> None:
        """Change what is asked for."""
        if "throttle" in asked:
            self.table.limit(asked["throttle"])
        if "feed" in asked:
            self._feed = Path(asked["feed"]).open("rb")  # noqa: SIM115  # open until the next one
        self.bucket.heap.keep = asked.get("keep", self.bucket.heap.keep)
        for name in asked.get("clear", ()):
            _CLEARED[name](self)

    def forget(self) -> None:
        """Begin all counts anew."""
        self.table.forget()
        self.bucket.counts.clear()

    def counted(self) -> dict[str, Any]:
        """Give everything that was counted."""
        return {
            "table": dict(self.table.counts),
            "seconds": self.table.seconds,
            "items": self.table.digest(),
            "s3": dict(self.bucket.counts),
            "objects": self.bucket.listed(),
            "cpu": sum(os.times()[:2]),
        }


_CLEARED: Mapping[str, Callable[[World], object]] = {
    "items": lambda world: world.table.items.clear(),
    "objects": lambda world: world.bucket.clear(),
    "counts": lambda world: world.forget(),
}


class Connection(asyncio.Protocol):
    """One client: requests one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._buffer = bytearray()
        self._told = False  # to go on with the body
        self._coming: tuple[re.Match[bytes], bytes, Growing] | None = None  # a large object, after its head
        self._paused = False
        self._sending: deque[Source] = deque()
        self._tail = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # of a TCP server it is one of both directions

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        if self._coming:
            line, head, body = self._coming
            data = body.take(data)
            if body.left:
                return
            self._coming = None
            self._answer_of_bucket(line, head, body.piece())
        self._buffer += data
        while self._buffer and not self._sending and self._one():
            pass

    def pause_writing(self) -> None:
        """Stop sending a file."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on with it."""
        self._paused = False
        self._send()

    def _one(self) -> bool:
        """Take one request out of the buffer and answer it; False while it is not complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[: end + 4])
        if _CHUNKED.search(head):
            raise NotImplementedError("a body in chunks")
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < size:
            if not self._told and _EXPECT.search(head):
                self._told = True
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if size - len(head) > LARGE and (line := _LINE.match(head)):
                self._grow(line, head, size - len(head))
            return False
        self._told = False
        with memoryview(self._buffer) as view:
            body = bytes(view[end + 4 : size])
        del self._buffer[:size]
        self._answer(head, body)
        return True

    def _grow(self, line: re.Match[bytes], head: bytes, size: int) -> None:
        """Keep a large object as it comes."""
        body = self._world.bucket.heap.growing(size)
        body.take(bytes(self._buffer[len(head) :]))
        self._buffer.clear()
        self._told, self._coming = False, (line, head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if target := _TARGET.search(head):
            status, made = self._world.table.answer(target[1].decode(), body)
            self._transport.write(_HEAD % (status, len(made)) + made)
            return
        line = _LINE.match(head)
        if line is None:
            self._transport.abort()
        elif line[2].startswith(b"__"):
            self._reply(*self._world.side(line[2].decode(), body), no_body=False)
        else:
            self._answer_of_bucket(line, head, body)

    def _answer_of_bucket(self, line: re.Match[bytes], head: bytes, body: bytes | Piece) -> None:
        method, path, query = ((part or b"").decode() for part in line.groups())
        headers = dict(_header(each) for each in head.decode("latin-1").split("\r\n")[1:-2])
        asked, key = dict(parse_qsl(query, keep_blank_values=True)), unquote(path).partition("/")[2]
        bucket, no_body = self._world.bucket, method == "HEAD"
        reply = bucket.answer(method, key, asked, headers, body)
        sources: list[Source] = [(bucket.heap.read, at, size) for at, size in reply.ranges]
        self._reply(reply, [] if no_body else sources, no_body=no_body)

    def _reply(self, reply: Reply, sources: list[Source], *, no_body: bool) -> None:
        """Send headers and body; what comes out of a file piece by piece, as the client takes it."""
        names = {name for name, _ in reply.headers}
        length = () if "Content-Length" in names else (("Content-Length", str(len(reply.body))),)
        lines = "".join(f"{name}: {value}\r\n" for name, value in (*reply.headers, *length))
        self._transport.write(f"HTTP/1.1 {reply.status} OK\r\n{lines}\r\n".encode())
        self._tail = b"" if no_body else reply.body
        self._sending.extend(sources)
        self._send()

    def _send(self) -> None:
        while self._sending and not self._paused and not self._transport.is_closing():
            read, at, left = self._sending.popleft()
            size = min(STREAM, left)
            if size < left:
                self._sending.appendleft((read, at + size, left - size))
            piece = read(at, size)
            if len(piece) < size:  # it was not kept
                self._transport.abort()
                return
            self._transport.write(piece)
        if not self._sending and self._tail:
            tail, self._tail = self._tail, b""
            self._transport.write(tail)
        if not self._sending and self._buffer:
            self.data_received(b"")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


async def serve() -> None:
    """Serve until SIGTERM, or until stdin ends: with the process that started this."""
    loop = asyncio.get_running_loop()
    world, over = World(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_reader(sys.stdin.fileno(), over.set)
    server = await loop.create_server(lambda: Connection(world), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()


if __name__ == "__main__":
    with suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(serve())
