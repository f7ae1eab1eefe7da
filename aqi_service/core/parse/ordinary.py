"""The ordinary record, which has the form of nearly all of the feed's: decoded directly into closed types.

One rule: a record decoded here reads exactly as by the careful way; a record that may differ goes that way.

So every key is named, every text and number has bounds, and nothing is skipped unread: otherwise msgspec
takes integers of 400 digits, and invalid UTF-8 in skipped parts.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from aqi_service.core.decimals import MAX_INTEGER
from aqi_service.core.parse.decoding import ODD, Unreadable, decode_bulk, decode_one, pieces_of
from aqi_service.core.parse.scanner import MAX_DEPTH, ElementScanner

LONGEST = 64
"""Most characters of a text of an ordinary record."""

PAUSE, MOST_PAUSE = 16, 256
"""After a window with mostly odd records, this many windows are decoded the careful way: a vain try costs as
much as decoding. If the next trial is odd too, twice as many follow, up to the most (4 MB).
"""

_Text = Annotated[str, Meta(max_length=LONGEST)]
_Whole = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_Flag = Annotated[int, Meta(ge=0, le=1)]
_Integer = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
_Float = Annotated[float, Meta(ge=-1e300, le=1e300)]


class Value(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One value of a record; the text of P1 and P2 is a concentration in µg/m³."""

    value: _Text | _Integer | _Float
    value_type: _Text
    id: _Whole | None = None


class SensorType(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A sensor's model."""

    name: _Text | None = None
    id: _Whole | None = None
    manufacturer: _Text | None = None


class Sensor(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The sensor that measured."""

    id: _Whole
    sensor_type: SensorType
    pin: _Text | _Whole | None = None


class Location(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Where the sensor stands: degrees and metres, as texts."""

    id: _Whole | None = None
    latitude: _Text | None = None
    longitude: _Text | None = None
    altitude: _Text | None = None
    country: _Text | None = None
    exact_location: _Flag | None = None
    indoor: _Flag | None = None


class Record(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One element of the feed, in the form that nearly all have."""

    id: _Whole
    timestamp: _Text
    location: Location
    sensor: Sensor
    sensordatavalues: list[Value]
    sampling_rate: _Text | _Whole | None = None


_RECORD = msgspec.json.Decoder(Record)
_RECORDS = msgspec.json.Decoder(list[Record])

_KEYS = (
    ((), Record),
    (("location",), Location),
    (("sensor",), Sensor),
    (("sensor", "sensor_type"), SensorType),
    (("sensordatavalues",), Value),
)
"""Places of objects in a record -> the keys that each may have."""


class OrdinaryDecoder:
    """Decodes elements into Records, and odd ones as the careful way does.

    `new_key` is the first key that the form does not have, with its place in the record:
    `location.elevation`.
    """

    def __init__(self) -> None:
        self.new_key: str | None = None
        self._pause, self._next_pause = 0, PAUSE

    def bulk(self, text: bytes) -> list[Any] | None:
        """Decode elements separated by commas; None if it takes the scanner to tell them apart."""
        if self._pause:
            self._pause -= 1
            return decode_bulk(text)
        try:
            values: list[Any] = _RECORDS.decode(b"[%b]" % text)
        except ODD:
            return self._each(text)
        self._next_pause = PAUSE
        return values

    def one(self, text: bytes) -> Any:
        """Decode one element, of which it is known that it is not nested too deep."""
        if self._pause:
            return decode_one(text)
        try:
            return _RECORD.decode(text)
        except ODD:
            return self._noted(decode_one(text))

    def _each(self, text: bytes) -> list[Any] | None:
        """Decode elements one by one, so that an odd one costs only itself."""
        if (pieces := pieces_of(text)) is None:
            return None
        values: list[Any] = []
        odd = 0
        for piece in pieces:
            try:
                values.append(_RECORD.decode(piece))
            except ODD:
                odd += 1
                value = _careful(bytes(piece))
                if value is None:
                    return None
                values += map(self._noted, value)
        if odd * 2 > len(values):
            self._pause, self._next_pause = self._next_pause, min(2 * self._next_pause, MOST_PAUSE)
        else:
            self._next_pause = PAUSE
        return values

    def _noted(self, element: Any) -> Any:
        if self.new_key is None and type(element) is dict:
            self.new_key = _new_key(element)
        return element


def plain(record: Record) -> dict[str, Any]:
    """Return the record in the form that the careful way reads."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def _careful(piece: bytes) -> list[Any] | None:
    """Decode bytes that were cut out as one element; None if the scanner finds another end."""
    if (decoded := decode_bulk(piece)) is not None:
        return decoded
    scanner = ElementScanner()
    if scanner.advance(piece + b",", 0) != len(piece):
        return None
    return [Unreadable("too_deep") if scanner.deepest > MAX_DEPTH else decode_one(piece)]


def _new_key(record: dict[str, Any]) -> str | None:
    for path, form in _KEYS:
        child: Any = record
        for name in path:
            child = child.get(name) if type(child) is dict else None
        for each in child if type(child) is list else (child,):
            if type(each) is dict and (new := each.keys() - set(form.__struct_fields__)):
                return ".".join((*path, min(new)[:LONGEST]))
    return None
