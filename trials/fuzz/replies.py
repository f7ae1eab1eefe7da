"""Replies: the client asks for three records, and a hostile server answers with any bytes.

One rule: what comes of them does not depend on the cuts, and is harmless wherever it is shown or kept.
"""

import asyncio
import contextlib
import csv
import io
import json
import zlib
from collections.abc import Sequence
from contextlib import aclosing

from aqi_service.client.client import Client
from aqi_service.client.csv_text import guard, parse, safe
from aqi_service.client.exit_codes import EXIT_CODES
from aqi_service.client.files import Files
from aqi_service.client.output import _take
from aqi_service.client.printing import PRINTERS
from aqi_service.client.records import record_of
from aqi_service.client.stdio import print_error
from aqi_service.core.frames import MAX_REPLY, NOT_FOUND, kind
from aqi_service.errors import ServerGone
from aqi_service.server.connection import READ_SIZE
from tests.doubles.documents import pieces
from trials.fuzz.frames import by_hand
from trials.fuzz.memory_wire import fed, finished, opened
from trials.fuzz.mutations import cuts_of

REFUSED = 3
"""Exit code for a reply that is none."""

IDS = ("18456691289", "1", "2")


class _Once(Client):
    """A client for which `Busy` is the last word: asked again, the next reply would be that to another."""

    async def _asked_again(self, request: str, busy: bytes, begun: float) -> bytes:
        return busy


class _Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class _Nowhere(io.BytesIO):
    def write(self, data: object) -> int:
        return 0


def replies(data: bytes) -> None:
    """The same replies whatever the cuts; printed, saved and complained of without harm; else ServerGone."""
    expected = by_hand(data, MAX_REPLY, NOT_FOUND).payloads[: len(IDS)]
    got, error = finished(_asked([data] if zlib.crc32(data) % 4 == 0 else cuts_of(data)))
    assert (got, error is None) == (expected, len(expected) == len(IDS))
    for reply in got:
        _harmless(reply)
    if error is not None:
        assert str(error).isprintable()
        raise error


def replies_alone(data: bytes) -> None:
    """Only read and print them; nothing is kept."""
    got, _ = finished(_asked(pieces(data, READ_SIZE)))
    for reply in got:
        _shown(reply, _Nowhere())
        if kind(reply) == "found":
            with contextlib.suppress(ValueError):
                safe(reply.decode("utf-8"))


async def _asked(parts: Sequence[bytes]) -> tuple[list[bytes], ServerGone | None]:
    """Give the replies that the client takes, and the error that it ends with."""
    client = _Once("192.0.2.1")
    reader, writer, wire = opened(keeps=False)
    client._streams = reader, writer
    feeding = asyncio.get_running_loop().create_task(fed(reader, wire, parts))
    got: list[bytes] = []
    error: ServerGone | None = None
    try:
        async with aclosing(client.replies(IDS)) as found:
            async for _, reply in found:
                got.append(reply)
    except ServerGone as gone:
        error = gone
    wire.close()
    await feeding
    return got, error


def _harmless(reply: bytes) -> None:
    printed = _shown(reply, io.BytesIO())
    if printed is None:
        return
    record = record_of(reply)
    for text in (printed.decode("utf-8"), safe(reply.decode("utf-8"))):
        head, row = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert [guard(cell) for cell in (*head, *row)] == [*head, *row]
    assert list(parse(safe(reply.decode("utf-8"))).values()) == [guard(cell) for cell in record.values()]
    on_terminal = _shown(reply, _Terminal())
    assert on_terminal is not None
    assert on_terminal.decode("utf-8").replace("\n", "").isprintable()
    assert on_terminal.count(b"\n") == 2
    line = _shown(reply, io.BytesIO(), format_="json")
    assert line is not None
    assert list(json.loads(line)) == list(record)
    assert line.decode("ascii").removesuffix("\n").isprintable()


def _shown(reply: bytes, out: io.BytesIO, *, format_: str = "csv") -> bytes | None:
    """Print a reply as `aqi-client` does; None if it is none, and then say so in one harmless line."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            code = _take(IDS[0], reply, PRINTERS[format_](out), Files(None, asked=False))
        except ServerGone as error:
            print_error(str(error))
            code = REFUSED
    assert code in (EXIT_CODES[kind(reply)], REFUSED)
    assert told.getvalue().removesuffix("\n").isprintable()
    assert len(told.getvalue()) < 1000
    return None if code else out.getvalue()
