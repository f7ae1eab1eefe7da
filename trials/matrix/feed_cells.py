"""F1 to F26: what the feed does to a load.

One rule: what is not a whole snapshot is not archived, and a bad record costs itself alone.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from aqi_service.core.report import LoadReport, Status
from tests.doubles.documents import REFUSED
from tests.doubles.feed_server import CHUNKED, RESET, Step, answer, chunked, head
from tests.doubles.load_helpers import NOW
from trials.matrix.cells import SMALL, Cell, Check, Script, records, written
from trials.matrix.ground import Ground

FAILED, REJECTED, COMPLETE, UNCHANGED = (
    (status,) for status in (Status.FAILED, Status.REJECTED, Status.COMPLETE, Status.UNCHANGED)
)
MIDDLE = len(SMALL) // 2
PACKED = gzip.compress(SMALL, mtime=0)
PLAIN = records(range(6, 251))


def says(*steps: Step) -> Script:
    """Make a script of steps that are always the same."""
    return lambda _found, _body: steps


def feed(code: str, fault: str, ends: tuple[Status, ...], *steps: Step, **more: Any) -> Cell:
    """Make a cell in which the feed says this, and the same body whole afterwards."""
    return Cell(code, fault, "GET", ends=ends, script=says(*steps), **more)


def f3() -> Iterator[Cell]:
    for status in ("404 Not Found", "403 Forbidden", "500 Oops", "502 Bad Gateway", "204 No Content"):
        yield feed("F3", status, FAILED, answer(status=status), check=_asks_for(None))


def f4() -> Iterator[Cell]:
    for status in ("429 Too Many Requests", "503 Service Unavailable"):
        for asked, seconds in (("90", 90.0), ("999999", 999999.0), ("soon", None)):
            said = answer(status=status, Retry_After=asked)
            yield feed("F4", f"{status}, Retry-After {asked}", FAILED, said, check=_asks_for(seconds))


def _asks_for(seconds: float | None) -> Check:
    def check(_found: Ground, report: LoadReport) -> None:
        assert report.retry_after == seconds

    return check


def f5() -> Iterator[Cell]:
    async def first(found: Ground) -> None:
        report = await found.load_from((answer(SMALL, ETag='"one"'),))
        assert report.status is Status.COMPLETE

    yield feed("F5", "200 with the same content", UNCHANGED, answer(SMALL, ETag='"two"'), before=first)


BAD = {
    "F6": {
        "an HTML page": b"<!DOCTYPE html><html></html>",
        "an error in JSON": b'{"error": "down"}',
        "null": b"null",
        "a string": b'"[]"',
        "a number": b"12",
    },
    "F7": {"nothing": b"", "blanks": b" \r\n\t "},
    "F16": {
        "bytes after the bracket": SMALL + b"\x00\x8f",
        "a second document": SMALL + SMALL,
        "a second bracket": SMALL + b"]",
    },
    "F19": {
        "bytes between the elements": SMALL[:-1] + b";{}]",
        "two commas": SMALL[:-1] + b",,{}]",
        "no comma": SMALL[:-1] + b"{}]",
    },
}
"""Bodies that are no snapshot."""

CUT: dict[str, dict[str, tuple[Step, ...]]] = {
    "F9": {
        "fewer bytes than announced": (head(Content_Length=len(SMALL)), SMALL[:MIDDLE]),
        "a byte fewer than announced": (head(Content_Length=len(SMALL) + 1), SMALL),
        "chunks without the last": (head(**CHUNKED), chunked(SMALL, last=False)),
        "a chunk cut inside": (head(**CHUNKED), b"%x\r\n" % len(SMALL), SMALL[:MIDDLE]),
    },
    "F10": {
        "no length, cut short": (head(), SMALL[:MIDDLE]),
        "no length, only the bracket missing": (head(), SMALL[:-1]),
        "chunks in order, cut short": (head(**CHUNKED), chunked(SMALL[:MIDDLE])),
        "gzip cut in whole framing": (answer(PACKED[: len(PACKED) // 2], Content_Encoding="gzip"),),
        "gzip cut in whole chunks": (head(**CHUNKED), chunked(PACKED[:-100])),
        "gzip without its trailer": (answer(PACKED[:-8], Content_Encoding="gzip"),),
    },
    "F11": {
        "a bad checksum": (answer(PACKED[:-8] + bytes(4) + PACKED[-4:]),),
        "bytes after gzip": (answer(PACKED + b"more"),),
        "gzip damaged inside": (answer(PACKED[:200] + bytes(20) + PACKED[220:]),),
    },
    "F13": {
        "reset before the answer": (RESET,),
        "reset in the headers": (head(Content_Length=9)[:20], RESET),
        "reset after the headers": (head(Content_Length=len(SMALL)), RESET),
        "reset after a byte": (head(Content_Length=len(SMALL)), SMALL[:1], RESET),
        "reset in the middle": (head(Content_Length=len(SMALL)), SMALL[:MIDDLE], RESET),
        "reset before the last byte": (head(Content_Length=len(SMALL)), SMALL[:-1], RESET),
    },
    "F14": {
        "a byte every 10 s": (head(), *(step for n in range(60) for step in (SMALL[n : n + 1], 10.0))),
        "silent in the middle": (head(Content_Length=len(SMALL)), SMALL[:MIDDLE], 3600.0),
        "no answer": (3600.0,),
    },
}
"""Bodies that are not whole."""


def broken() -> Iterator[Cell]:
    for code, bodies in BAD.items():
        for fault, body in bodies.items():
            yield feed(code, fault, REJECTED, answer(body))
    for code, scripts in CUT.items():
        for fault, steps in scripts.items():
            yield feed(code, fault, FAILED, *steps)


def f8() -> Iterator[Cell]:
    yield Cell("F8", "an empty array", "GET", body=b"[]", check=_warned("empty_feed"))


def _warned(warning: str) -> Check:
    def check(_found: Ground, report: LoadReport) -> None:
        assert report.warnings.get(warning)

    return check


def f12() -> Iterator[Cell]:
    limit = {"max_bytes": 1_000_000}
    bomb = b"".join(_bomb())
    yield feed("F12", "gzip bomb", REJECTED, answer(bomb, Content_Encoding="gzip"), changes=limit)
    yield feed("F15", "endless body", REJECTED, head(), SMALL[:-1], repeat(b" " * 65536), changes=limit)
    endless = b"," + SMALL[1:-1]
    yield feed("F15", "endless records", REJECTED, head(), SMALL[:-1], repeat(endless), changes=limit)


def _bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(SMALL[:-1])
    for _ in range(50):
        yield packer.compress(b" " * 1_000_000)
    yield packer.flush()


def odd(code: str, fault: str, elements: Iterable[object], like: Iterable[object], **fates: int) -> Cell:
    """Make a cell whose document is whole, with odd elements in it, and comes to the same as plain ones."""
    body, plain = written(elements), written(like)
    return Cell(code, fault, "GET", body=body, like=plain, fates={"pending": 0, **fates})


def f17() -> Iterator[Cell]:
    yield Cell("F17", "byte-order mark", "GET", body=b"\xef\xbb\xbf" + SMALL, like=SMALL)


def f18() -> Iterator[Cell]:
    for fault, element in REFUSED.items():
        yield odd("F18", fault, [*PLAIN[:100], element, *PLAIN[100:]], PLAIN, rejected=1)


LARGE: dict[str, bytes] = {
    "over 64 KiB": json.dumps(records((900,), note="x" * 70_000)[0]).encode(),
    "nested deeper than 64": b'{"id": 900, "a": %b%b}' % (b"[" * 65, b"]" * 65),
    "a million brackets": b"[" * 1_000_000 + b"]" * 1_000_000,
    "a string of 5 MB": b'{"id": 900, "a": "%b"}' % (b"x" * 5_000_000),
    "no object": b"[1, 2]",
    "a bare string": b'"900"',
}


def f19() -> Iterator[Cell]:
    for fault, element in LARGE.items():
        yield odd("F19", fault, [*PLAIN[:100], element, *PLAIN[100:]], PLAIN, rejected=1)


VALUES: dict[str, Any] = {
    "1e999": b"1e999",
    "underscore": "1_0",
    "blanks": " 12 ",
    "plus": "+5",
    "Arabic digits": "\u0661\u0662",
    "empty": "",
    "null": None,
    "a list": [1],
    "true": True,
    "NaN as text": "NaN",
}
"""Values that no P1 may have."""


def f20() -> Iterator[Cell]:
    for fault, value in VALUES.items():
        [whole] = records((900,))
        p2_only = whole | {"sensordatavalues": whole["sensordatavalues"][1:]}
        bad = {"value_type": "P1", "value": "@" if isinstance(value, bytes) else value}
        values = [bad, *whole["sensordatavalues"]]
        first = json.dumps(whole | {"sensordatavalues": values}).encode()
        alone = json.dumps(p2_only | {"id": 901, "sensordatavalues": [bad, values[2]]}).encode()
        if isinstance(value, bytes):
            first, alone = (text.replace(b'"@"', value) for text in (first, alone))
        like = [*PLAIN, whole, p2_only | {"id": 901}]
        yield odd("F20", fault, [*PLAIN, first, alone], like, rejected=0)


def f21() -> Iterator[Cell]:
    [whole] = records((900,))
    for name in ("location", "sensor", "sensordatavalues", "timestamp", "id"):
        missing = {key: value for key, value in whole.items() if key != name}
        for fault, element in (("missing", missing), ("mistyped", whole | {name: [7]})):
            cell = odd("F21", f"{name} {fault}", [*PLAIN, element], PLAIN)
            # A record without a place, or without a sensor, is still a measurement.
            plain = {"location": {"country": None}, "sensor": {"sensor_type": {}}}
            if name in plain:
                cell = replace(cell, like=written([*PLAIN, whole | {name: plain[name]}]))
            yield cell


def f22() -> Iterator[Cell]:
    def half(record: dict[str, Any], place: int) -> dict[str, Any]:
        return record | {"sensordatavalues": record["sensordatavalues"][place : place + 1]}

    halves = [half(record, place) for record in PLAIN for place in (0, 1)]
    yield odd("F22", "halves as neighbours", halves, PLAIN, merged=len(PLAIN))
    firsts, seconds = [half(r, 0) for r in PLAIN], [half(r, 1) for r in PLAIN]
    yield odd("F22", "halves far apart", firsts + seconds, firsts + seconds, merged=0)
    note = {"note": "x" * 3000}
    yield odd("F22", "halves across chunks and batches", [h | note for h in halves], PLAIN, merged=len(PLAIN))


def f23() -> Iterator[Cell]:
    [whole] = records((900,))
    twice = json.dumps(whole).encode()[:-1] + b', "id": 901}'
    yield odd("F23", "a key twice", [*PLAIN, twice], [*PLAIN, *records((901,), sensor=whole["sensor"])])
    yield odd("F23", "an id as text", [*PLAIN, whole | {"id": "900"}], [*PLAIN, whole], rejected=0)
    for fault, bad in {
        "float": 9.5,
        "negative": -9,
        "over 63 bits": 2**63,
        "true": True,
        "null": None,
    }.items():
        yield odd("F23", f"an id {fault}", [*PLAIN, whole | {"id": bad}], PLAIN, rejected=1)


def f24() -> Iterator[Cell]:
    [whole] = records((900,))
    times = ("2023-02-30 10:00:00", "1970-01-01 00:00:00", "2031-01-01 00:00:00", "yesterday", "", None, 7)
    for bad in times:
        yield odd("F24", f"timestamp {bad!r}", [*PLAIN, whole | {"timestamp": bad}], PLAIN, rejected=1)


def f25() -> Iterator[Cell]:
    places = {
        "another scheme": "https://127.0.0.1:1/x",
        "a file": "file:///etc/passwd",
        "a link-local address": "http://169.254.169.254/latest/meta-data",
        "a private address": "http://10.0.0.1/x",
    }
    for fault, place in places.items():
        yield feed("F25", f"redirect to {fault}", FAILED, answer(status="302 Found", Location=place))
    yield feed("F25", "redirects without end", FAILED, answer(status="302 Found", Location="/again"))


def f26() -> Iterator[Cell]:
    async def full(found: Ground) -> None:
        without_pm = records(range(300, 500), sensordatavalues=[{"value_type": "temperature", "value": "3"}])
        await found.load(written(records(range(1, 31), "12.5", 16) + without_pm), now=NOW - 600)

    half = written(records(range(6, 106)))
    yield Cell("F26", "half as many records", "GET", body=half, before=full, check=_warned("halved_feed"))


FEED_CELLS = [
    cell
    for cells in (f3, f4, f5, broken, f8, f12, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26)
    for cell in cells()
]
