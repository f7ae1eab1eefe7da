"""Documents that are nearly ordinary: the feed's form of 2026, with some things odd in ways that matter.

One rule: a document is made from a Random alone, so that the same seed makes it again.
"""

from collections.abc import Callable, Sequence
from random import Random

ODD = (
    *(
        b"null",
        b"true",
        b'""',
        b'"x"',
        b"[]",
        b"{}",
        b'{"a":{"b":[1]}}',
        b"[{}]",
        b'"\\u00e9"',
        b'"\xc3\xa9"',
    ),
    *(b"0", b"1", b"-0", b"-1", b"1.0", b"7.50", b"1e2", b"1E400", b"-1e-400", b"1e999", b"01", b"NaN"),
    *(b"1." + b"7" * 60, b"7" * 40, b"7" * 400, b"0." + b"0" * 400 + b"1"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551616"),
    *(
        b'"1"',
        b'"007"',
        b'"-0"',
        b'"-0.0"',
        b'"0.00"',
        b'".9"',
        b'"5."',
        b'"+5"',
        b'" 5"',
        b'"1e5"',
        b'"1_0"',
    ),
    *(b'"\xd9\xa1"', b'"90"', b'"-90.0"', b'"91"', b'"179.5"', b'"180"', b'"-180.000"', b'"181"'),
    *(b'"89.9999999999999999999"', b'"1,2\\n3"', b'"1\\n"', b'"998.9"', b'"999"', b'"999.90"', b'"1998.99"'),
    *(b'"1999.90"', b'"35.5"', b'"35.49"', b'"0.1"', b'"0.10000000000000000000001"'),
    *(b'"' + b"9" * 39 + b'"', b'"0.' + b"0" * 60 + b'1"', b'"' + b"x" * 70 + b'"'),
    *(b'"\xff"', b'"\\ud800"', b'"\x01"', b'"\\u0000"', b'"\\"}],["'),
    *(b'"2023-12-20 17:00:00"', b'"2023-12-20T17:00:60"', b'"2023-12-20 17:00"', b'"2023-12-20 17:00:00Z"'),
    *(b'"2023-12-20 17:00:00.5"', b'"2009-12-31 23:59:59"', b'"2010-01-01 00:00:00"'),
    *(b'"2023-12-21 17:59:59"', b'"2023-12-21 18:00:00"', b'"2023-12-21 18:00:01"', b'"2023-02-30 00:00:00"'),
    *(b'"P1"', b'"P2"', b'"humidity"', b'"DE"', b'"de"', b'"DEU"', b'"PPD42NS"', b'"SDS011"'),
)
"""Tokens that stand where something ordinary does; some are no JSON."""

_TOO_DEEP = b'{"a":' + b"[" * 70 + b"]" * 70 + b"}"
ELEMENTS = (b"null", b"17", b'"text"', b"[]", b"{}", b'{"id":}', b'{"a":"\xff"}', _TOO_DEEP)
"""Elements that are no records."""

_RANGES = {b'"P1"': (20, 120), b'"P2"': (0, 30)}
"""What is drawn, in µg/m³: seldom more PM2.5 than PM10."""

Keys = list[tuple[bytes, bytes]]


class Writer:
    """Writes documents of records, of whose tokens about `odd` in one are odd."""

    def __init__(self, chance: Random, odd: float) -> None:
        self._chance, self._odd = chance, odd
        self._id = 28_600_000_000
        self._blank = chance.choice((b"", b"", b" ", b"\n "))
        self._is_mixed = chance.random() < 0.3

    def document(self, records: int) -> bytes:
        """Write an array; some of its records are halves of one measurement."""
        elements: list[bytes] = []
        for _ in range(records):
            if self._chance.random() < self._odd / 4:
                elements.append(self._chance.choice(ELEMENTS))
            elements += self._halves() if self._chance.random() < self._odd else [self._record()]
        between = b"," + self._blank
        return b"[" + between.join(elements) + self._chance.choice((b"]", b"]", b"]\n", b"]x", b""))

    def _halves(self) -> list[bytes]:
        first = self._record(b'"P1"')
        self._id -= self._chance.choice((1, 1, 1, 0))
        return [first, self._record(self._chance.choice((b'"P2"', b'"P2"', b'"P1"')))]

    def _record(self, *kinds: bytes) -> bytes:
        self._id += 1
        chance, text = self._chance, self._text
        kinds = kinds or chance.choice(
            ((b'"P1"', b'"P2"'), (b'"P2"', b'"P0"', b'"P1"'), (b'"temperature"', b'"humidity"'))
        )
        values = [
            self._object(
                [
                    (b"value_type", kind),
                    (b"value", text("%.2f", *_RANGES.get(kind, (0, 60)))),
                    (b"id", b"%d" % self._id),
                ]
            )
            for kind in kinds
        ]
        place = [
            (b"id", b"%d" % chance.randrange(5)),
            (b"latitude", text("%.3f", -90.5, 90.5)),
            (b"longitude", text("%.3f", -181, 181)),
            (b"altitude", text("%.1f", -10, 900)),
            (b"country", chance.choice((b'"DE"', b'"GB"'))),
            (b"exact_location", b"0"),
            (b"indoor", chance.choice((b"0", b"1"))),
        ]
        kind = [
            (b"id", b"14"),
            (b"name", chance.choice((b'"SDS011"', b'"SPS30"'))),
            (b"manufacturer", b'"various"'),
        ]
        sensor = [
            (b"id", b"%d" % chance.randrange(9)),
            (b"pin", b'"1"'),
            (b"sensor_type", self._object(kind)),
        ]
        minute = chance.choice((b" ", b"T")) + b"%02d:%02d" % (chance.randrange(24), chance.randrange(60))
        return self._object(
            [
                (b"sensordatavalues", b"[" + b",".join(values) + b"]"),
                (b"id", b"%d" % self._id),
                (b"timestamp", b'"2023-12-20%b:%02d"' % (minute, chance.randrange(60))),
                (b"location", self._object(place)),
                (b"sensor", self._object(sensor)),
                *([(b"sampling_rate", b"null")] * (chance.random() < 0.2)),
            ]
        )

    def _text(self, form: str, low: float, high: float) -> bytes:
        """Write a number in quotes."""
        return f'"{form % self._chance.uniform(low, high)}"'.encode()

    def _object(self, keys: Keys) -> bytes:
        """Write an object; its keys may be in another order, lack, be doubled, or have odd values."""
        chance = self._chance
        if self._is_mixed:
            chance.shuffle(keys)
        if chance.random() < self._odd:
            chance.choice(_CHANGES)(chance, keys)
        pairs = (b'"%b":%b%b' % (name, self._blank, value) for name, value in keys)
        return b"{" + self._blank + (b"," + self._blank).join(pairs) + b"}"


def _replaced(chance: Random, keys: Keys) -> None:
    place = chance.randrange(len(keys))
    keys[place] = (keys[place][0], chance.choice(ODD))


def _left_out(chance: Random, keys: Keys) -> None:
    del keys[chance.randrange(len(keys))]


def _doubled(chance: Random, keys: Keys) -> None:
    name, value = chance.choice(keys)
    keys.insert(chance.randrange(len(keys) + 1), (name, chance.choice((value, chance.choice(ODD)))))


def _new(chance: Random, keys: Keys) -> None:
    keys.insert(chance.randrange(len(keys) + 1), (b"new", chance.choice(ODD)))


_CHANGES: Sequence[Callable[[Random, Keys], None]] = (
    _replaced,
    _replaced,
    _replaced,
    _left_out,
    _doubled,
    _new,
)


def near_ordinary(seed: int) -> bytes:
    """Give the document of a seed: mostly whole and mostly ordinary."""
    chance = Random(seed)  # noqa: S311  # must be replayable
    return Writer(chance, chance.choice((0.0, 0.002, 0.01, 0.05, 0.3))).document(
        chance.choice((1, 3, 12, 60, 150))
    )
