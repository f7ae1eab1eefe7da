"""What real peers and feeds send, and what those of FAULTS send (T1 to T12, F6 to F24, C1 to C7).

One rule: small, so that millions can be fed: a capture is cut to a few of its records.
"""

from aqi_service.core.frames import DISCONNECT, encode, encode_header
from tests.doubles.documents import BOM, CUT, GENERATED, REFUSED, document_of, real_capture, record, split
from tests.doubles.frames import MALFORMED, malformed
from tests.doubles.wire_fixtures import BROKEN, CSV
from trials.siege.attacks import HELLOS

IN_MEMORY, IN_TABLE, ABSENT = b"18456691289", b"250478519", b"1"

OFTEN = 6
"""How often what is as it should be stands among the seeds."""

_GOOD_REQUESTS = (
    encode(IN_MEMORY),
    encode(IN_MEMORY) + encode(IN_TABLE) + encode(ABSENT) + encode(DISCONNECT),
    b"".join(map(encode, (IN_TABLE, b"", b"000250478519", b"9" * 20, b"1" * 21, b"-1", b"lease"))),
    encode(b"1\0") + encode(b"1\n") + encode(b"x" * 1024) + encode(b"\xff\xfe") + encode(b"../"),
    encode(b"\x1b[31mred\x1b[0m") + encode(b"1\r\nlevel=error fake") + encode(DISCONNECT) + b"more",
)

REQUESTS = (
    *_GOOD_REQUESTS * OFTEN,
    *(encode(IN_MEMORY) + encode_header(length) + b"x" for length in (1025, 10**9, 10**19 - 1)),
    *(malformed(name) for name in MALFORMED),
    *HELLOS,
)

WORDS = (
    *(b"sensor 141", b"sensor 9223372036854775807 scale us-epa"),
    *(b"near 48.78 9.18", b"near -.5 -180 100 indoor clean scale daqi", b"near 90 180.000 7 clean"),
    *(b"box 48.7 9.1 48.9 9.3 indoor", b"box -20 170 -10 -170 scale us-epa clean"),
    *(b"country DE", b"country GB clean indoor scale daqi"),
    *(b"area 48.78 9.18 5 scale us-epa", b"area -33.87 151.2 .1 indoor"),
    *(b"history 141", b"history 141 2023-12-10 2023-12-11T06:30Z scale us-epa"),
    *(b"days 141 2023-12-01", b"days 141 2022-12-01T00:00 2023-12-20T18:00 scale daqi"),
    *("place Z\u00fcrich,CH".encode(), b"place Bad Homburg,DE", "place \u6771\u4eac".encode()),
)

_LONG_CELLS = b'id,note\r\n1,"' + b"x" * 200_000 + b'"\r\n'

_GOOD_REPLIES = (
    encode(CSV),
    b"".join(map(encode, (CSV, b"Item not found", CSV.replace(b"18456691289", b"2")))),
    encode(CSV) + encode(b"Unavailable: the table cannot be read now; try again later") + encode(CSV),
    encode(b"Bad request: \x1b[31mno\x07") + encode(b"Busy: later\r\nfake: line"),
    b"Item not found" + encode(CSV) + b"Item not found",
    encode(b"id,note\r\n1,\"=cmd|' /C calc'!A0\"\r\n") + encode(b'id,"@SUM(A1)"\r\n-1.5,"\tx"\r\n'),
    encode(b'id,P10,AQI\r\n"1","1e5",.9\r\n') + encode('id,name\r\n1,"\u202egnp.\u0661"\r\n'.encode()),
)

REPLIES = (
    *_GOOD_REPLIES * OFTEN,
    encode(_LONG_CELLS),
    b"\x15\x03\x01\x00\x02\x02\x28",
    *BROKEN.values(),
    *(malformed(name) for name in ("sign", "NUL", "HTTP", "10**63")),
)


def _few(document: bytes, start: int, number: int) -> bytes:
    """Cut a capture to some of its records, in its own spelling."""
    return b"[" + b",".join(text for _, text, _ in split([document]).elements[start : start + number]) + b"]"


_VALUES: tuple[object, ...] = (
    "1e999",
    "1_0",
    " 12 ",
    "+5",
    "\u0661",
    "",
    None,
    [],
    True,
    "999.9",
    "1999.90",
    0.1,
    10**40,
    "-0",
)
_IDS = ("007", 1.0, -1, 2**63, 2**63 - 1, True, None, "x")
_TIMES = ("2023-12-20T17:00:00", "2023-12-20 17:00:00Z", "2023-02-30 00:00:00", "1970-01-01 00:00:00", "", 17)

_GOOD_DOCUMENTS = (
    *(_few(real_capture(), start, number) for start, number in ((0, 1), (100, 3), (3000, 2), (6000, 6))),
    *(_few(GENERATED, start, 2) for start in range(0, 100, 12)),
    *(document_of(record(5, value, "7.5"), record(6, "1", value)) for value in _VALUES),
    document_of(*(record(each, "12.5", "3.88") for each in _IDS)),
    document_of(*(record(9, "12", "3", timestamp=each) for each in _TIMES)),
    document_of(record(1, "20"), record(1, None, "9"), record(2), record(3, "20"), record(4, None, "9")),
)

DOCUMENTS = (
    *_GOOD_DOCUMENTS * OFTEN,
    _few(CUT, 0, 3)[:-1],
    _few(GENERATED, 20, 1)[:-60],
    *(b"[%b,%b,%b]" % (b'{"id":1}', text, b'{"id":2}') for text in REFUSED.values()),
    document_of(record(1, "5", "3", location=None, sensor=[]), record(2, "5", "3", sensordatavalues={})),
    document_of(record(1, "5", "3", sensor={"id": "x", "sensor_type": {"name": "PPD42NS"}}), 17, "text", []),
    document_of(b'{"id":1,"id":2,"sensordatavalues":[{"value_type":"P1","value":"1","value":"2"}]}'),
    BOM + b" \n" + document_of(record(1, "1", "2")) + b" \r\n",
    *(b"[]", b"[ ]", b"", b" ", b"[", b'{"error":"no data"}', b"<!DOCTYPE html><html></html>", b"null"),
    *(b"[{}]x", b"[{}][{}]", b"[{},]", b"[{},,{}]", b"[,]", b"[{} {}]"),
    b'[{"a":' + b"[" * 64 + b"]" * 64 + b'},{"b":' + b"[" * 62 + b"]" * 62 + b"}]",
    b'[{"a":"' + b"x" * 66_000 + b'"},' + _few(CUT, 0, 1)[1:],
)


def _attributes(**values: tuple[str, str]) -> bytes:
    """Write attributes as lines of name, type and text; every text of bytes is some attributes then."""
    lines = (f"{name.replace('_DOT_', '.')}\x1f{kind}\x1f{text}" for name, (kind, text) in values.items())
    return "\x1e".join(lines).encode()


ATTRIBUTES = (
    _attributes(
        id=("S", "18456691289"), latitude=("N", "48.8"), longitude=("N", "9.003"), altitude=("N", "-5.2"),
        country=("S", "DE"), timestamp=("S", "2023-12-20 17:00:00"), date=("S", "2023-12-20"),
        P2_DOT_5=("N", "3.88"), P10=("N", "7.5"), AQI=("N", "1"), AQI_range=("S", "Low"),
        sensor_id=("N", "141"), sensor_type=("S", "SDS011"), indoor=("N", "0"),
        measured_at=("N", "1703091600"), snapshot_at=("N", "1703098500"), expires_at=("N", "1705683600"),
    ),
    _attributes(id=("N", "1"), P10=("S", "48.80"), AQI=("N", "1E+2"), date=("S", 'a "b",\r\nc')),
    _attributes(id=("S", "=1+1"), country=("S", "@x"), P10=("NULL", ""), AQI=("L", "1"), date=("S", "\r")),
    _attributes(id=("S", "1"), AQI=("N", "1E+999999999"), P10=("N", "1E-130"), timestamp=("S", "\t\x1b[2J")),
    _attributes(id=("S", "1"), expires_at=("N", "17.5"), measured_at=("S", "x"), altitude=("N", "NaN")),
)  # fmt: skip
