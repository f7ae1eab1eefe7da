"""Hypothesis: inputs made from the formats themselves, where mutations of traffic seldom come.

One rule: one strategy of bytes for each target, under the target's name.
"""

import json
from datetime import date
from typing import Any

from hypothesis import strategies as st

from aqi_service.core.frames import encode
from aqi_service.core.items import ATTRIBUTES
from tests.doubles.documents import BOM, REFUSED
from tests.doubles.frames import MALFORMED, malformed
from tests.doubles.near_ordinary import near_ordinary

_DIGITS = st.text("0123456789", max_size=22).map(str.encode)
_HEADERS = st.integers(0, 10**19 - 1).map(lambda length: str(length).encode().ljust(64))
_MALFORMED = st.sampled_from(sorted(MALFORMED)).map(malformed)
_PAYLOADS = _DIGITS | st.binary(max_size=80) | st.sampled_from([b"!DISCONNECT", b"18456691289", b"250478519"])
_FRAMES = _PAYLOADS.map(encode)

_STREAMS = st.lists(_FRAMES | _FRAMES | _FRAMES | _HEADERS | _MALFORMED | st.binary(max_size=70), max_size=6)

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_CELLS = _TEXTS | st.sampled_from(
    ["=1+1", "-1.50", ".9", "\t", '"', 'a"b', "a,b", "\r\n", "\x1b[2J", "id", ""]
)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


_LINES = st.lists(_CELLS | _CELLS.map(_quoted), min_size=1, max_size=5).map(",".join)
_CSV = st.lists(_LINES, max_size=3).map(lambda lines: "".join(f"{line}\r\n" for line in lines).encode())
_ERRORS = st.builds(
    bytes.__add__,
    st.sampled_from([b"Item not found", b"Bad request: ", b"Unavailable: ", b"Busy: "]),
    st.binary(max_size=30),
)
_REPLIES = st.lists(
    (_CSV | _ERRORS | _CSV.map(lambda text: b"id," + text)).map(encode)
    | st.sampled_from([b"Item not found", b"Item", b"\x15\x03\x01"]),
    max_size=4,
)

_NUMBERS = st.sampled_from(["12.5", "999.9", "-1", "1e5", "0.00", " 7", "\u0661", "9" * 38, "1." + "0" * 140])
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _NUMBERS
    | _TEXTS
    | st.sampled_from(["P1", "P2", "2023-12-20 17:00:00", "2023-12-20T17:00:00", "DE", "SDS011", "PPD42NS"])
)
_KEYS = st.sampled_from(
    [
        *("id", "timestamp", "location", "sensor", "sensordatavalues", "value", "value_type", "sensor_type"),
        *("latitude", "longitude", "altitude", "country", "indoor", "name", "else"),
    ]
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=12,
)
_PM = st.lists(
    st.fixed_dictionaries({"value_type": st.sampled_from(["P1", "P2", "x"]), "value": _LEAVES}), max_size=3
)
_RECORDS = st.fixed_dictionaries(
    {"id": st.integers(-1, 3) | _LEAVES, "sensordatavalues": _PM | _VALUES},
    optional={
        "timestamp": st.just("2023-12-20 17:00:00") | _LEAVES,
        "location": st.dictionaries(_KEYS, _LEAVES, max_size=6) | _VALUES,
        "sensor": st.fixed_dictionaries({"id": _LEAVES, "sensor_type": _VALUES}) | _VALUES,
    },
)
_ELEMENTS = (_RECORDS | _RECORDS | _VALUES).map(lambda value: json.dumps(value).encode()) | st.sampled_from(
    sorted(REFUSED.values())
)
_DOCUMENTS = st.builds(
    lambda start, elements, between, end: start + between.join(elements) + end,
    st.sampled_from([b"[", b"[", b"[", b" \n[", BOM + b"[", b"", b"[["]),
    st.lists(_ELEMENTS, max_size=6),
    st.sampled_from([b",", b",", b",\n", b", ,", b""]),
    st.sampled_from([b"]", b"]", b"] \n", b"", b"]]", b"]x"]),
)

_NEAR_ORDINARY = st.integers(0, 2**64).map(near_ordinary)

_ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from([each.name for each in ATTRIBUTES]),
        st.sampled_from(["N", "N", "S", "S", "L"]),
        _NUMBERS | _CELLS | st.integers().map(str) | st.decimals(allow_nan=True).map(str),
    ),
    max_size=12,
).map(lambda lines: "\x1e".join("\x1f".join(line) for line in lines).encode("utf-8"))

_DEGREES = st.sampled_from(["48.78", "-.5", "90", "180", "-180.00", "1" * 39, "1e1"]) | st.integers(
    -200, 200
).map(str)
_DAYS = st.dates(date(2021, 1, 1), date(2024, 1, 1)).map(str)
_WORDS_OF = {
    "sensor": (_DIGITS.map(bytes.decode),),
    "near": (_DEGREES, _DEGREES, st.integers(-1, 101).map(str)),
    "box": (_DEGREES,) * 4,
    "country": (st.text("DEUK\u00c4", min_size=2, max_size=3),),
    "area": (_DEGREES, _DEGREES, st.sampled_from(["5", ".1", "0.09", "100.00", "101"])),
    "history": (_DIGITS.map(bytes.decode), _DAYS, _DAYS),
    "days": (_DIGITS.map(bytes.decode), _DAYS, _DAYS.map(lambda day: f"{day}T23:59Z")),
    "place": (_TEXTS, st.sampled_from([",DE", ",", "Homburg,", "scale daqi"])),
}
_CHOICES = st.lists(
    st.sampled_from(["indoor", "clean", "scale daqi", "scale us-epa", "scale report", ""]), max_size=3
)
_NAMED = st.sampled_from(sorted(_WORDS_OF)).flatmap(
    lambda name: st.builds(
        lambda words, left_out, choice: " ".join([name, *words[: len(words) - left_out], *choice]).encode(),
        st.tuples(*_WORDS_OF[name]),
        st.sampled_from([0, 0, 0, 1, 2]),
        _CHOICES,
    )
)

_DAY_CELLS = st.decimals(-1, 2100, places=2).map(str) | st.sampled_from(
    ["123", "124", "", "SDS011", "48.8", "2023-12-20T00:30:00", "2023-12-20 23:59:59Z"]
)
_DAY_HEADS = st.permutations(["sensor_id", "timestamp", "P1", "P2", "lat", "lon"]).map(";".join)
_DAY_ROWS = st.lists(_DAY_CELLS, min_size=5, max_size=7).map(";".join) | _TEXTS


def _day_file(head: str, rows: list[str], end: str) -> bytes:
    return end.join([head, *rows]).encode()


_DAY_FILES = st.builds(
    _day_file, _DAY_HEADS, st.lists(_DAY_ROWS, max_size=8), st.sampled_from(["\n", "\r\n"])
)

STRATEGIES: dict[str, st.SearchStrategy[bytes]] = {
    "frames": _STREAMS.map(b"".join),
    "requests": _STREAMS.map(b"".join),
    "words": _NAMED,
    "splitter": _DOCUMENTS,
    "items": _DOCUMENTS,
    "ordinary": _DOCUMENTS | _NEAR_ORDINARY,
    "days": _DAY_FILES,
    "replies": _REPLIES.map(b"".join),
    "attributes": _ATTRIBUTES,
}
