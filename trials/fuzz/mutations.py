"""One input out of real traffic and a number: the same number gives the same bytes.

One rule: pure; an input depends on its target, the seed and its number, and on no input before it.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random

from tests.doubles.documents import cut_at

MOST = 100_000
"""Bytes of the longest input."""

TOKENS = (
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"'", b"\\", b'\\"', b'"\\', b"\\u", b"\\ud83d", b"\\u0000"),
    *(
        b"0",
        b"00",
        b"9",
        b"-",
        b"-0",
        b"+5",
        b".",
        b".5",
        b"1_0",
        b"1e5",
        b"1e999",
        b"1E+2",
        b"NaN",
        b"Infinity",
    ),
    *(b"7" * 39, b"7" * 130, b"0." + b"0" * 131 + b"1", b"9223372036854775807", b"9223372036854775808"),
    *(b"null", b"true", b"false", b"[]", b"{}", b"[{", b"}]", b"},{", b"]["),
    *(b"\0", b"\n", b"\r\n", b"\r", b"\t", b" ", b" " * 64, b"\x1b[31m", b"\x7f", b"\x85", b"\xc2\x85"),
    *(
        b"\xff",
        b"\xc3",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        "\u0665".encode(),
        b"\xf0\x9f\x98\x80",
    ),
    *(b"=1+1", b"@", b"\x1f\x8b", b"\x16\x03\x01", b"\x15\x03", b"GET / HTTP/1.1\r\n\r\n", b"!DISCONNECT"),
    *(b"64".ljust(64), b"11".ljust(64), b"0".ljust(64), b"1024".ljust(64), b"1025".ljust(64), b"9" * 19),
    *(b'"id":', b'"P1"', b'"P2"', b'"value":', b'"timestamp":', b'"sensordatavalues":', b'"N":', b'"S":'),
    *(b"Item not found", b"Bad request: ", b"Unavailable: ", b"Busy: ", b"id,", b'"N":"1"', b"lease"),
)
"""Pieces that mean something to one of the formats, or nearly do."""

_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_BRACKETS = ((b"[", b"]"), (b'{"a":', b"}"), (b'"', b'"'), (b"{", b"}"))

Operation = Callable[[Random, bytes, Sequence[bytes]], bytes]


def _place(chance: Random, data: bytes) -> int:
    return chance.randrange(len(data) + 1)


def _slice(chance: Random, data: bytes, most: int = 400) -> tuple[int, int]:
    start = _place(chance, data)
    return start, min(len(data), start + chance.randrange(1, most))


def flipped(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Turn one bit round."""
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def cut(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """End early, or begin late."""
    place = _place(chance, data)
    return data[:place] if chance.random() < 0.7 else data[place:]


def dropped(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Leave a piece out."""
    start, end = _slice(chance, data)
    return data[:start] + data[end:]


def repeated(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Have a piece some times, seldom thousands of times."""
    start, end = _slice(chance, data, chance.choice((4, 40, 400)))
    times = chance.choice((2, 2, 3, 10)) if chance.random() < 0.99 else chance.randrange(100, 20_000)
    times = min(times, MOST // max(1, end - start))
    return data[:start] + data[start:end] * times + data[end:]


def moved(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Take a piece from one place to another."""
    start, end = _slice(chance, data)
    rest = data[:start] + data[end:]
    place = _place(chance, rest)
    return rest[:place] + data[start:end] + rest[place:]


def spliced(chance: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Go on as another seed does."""
    other = chance.choice(seeds)
    return data[: _place(chance, data)] + other[_place(chance, other) :]


def joined(chance: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Have another seed behind."""
    return data + chance.choice(seeds)


def inserted(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put a token in."""
    place = _place(chance, data)
    return data[:place] + chance.choice(TOKENS) + data[place:]


def overwritten(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put a token, or noise, over what is there."""
    place = _place(chance, data)
    piece = chance.choice(TOKENS) if chance.random() < 0.7 else chance.randbytes(chance.randrange(1, 20))
    return data[:place] + piece + data[place + len(piece) :]


def renumbered(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Have another number in the place of one."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    old = chance.choice(found)
    known = int(old[0].partition(b".")[0].lstrip(b"-")[:30])
    new = chance.choice(
        (
            str(known + chance.choice((-1, 1))).encode(),
            str(known * 10 ** chance.randrange(40)).encode(),
            str(chance.choice((-1, 0, 1, 90, 999, 1999, 2**31, 2**63 - 1, 2**63, 10**38))).encode(),
            old[0] + b"0" * chance.randrange(60),
            old[0] + b"." + old[0],
            old[0] + b"e%d" % chance.choice((0, 2, 99, 400, -400)),
            b'"' + old[0] + b'"',
            b"%d.%d" % (chance.randrange(2000), chance.randrange(10_000)),
        )
    )
    return data[: old.start()] + new + data[old.end() :]


def nested(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Put brackets round a piece, some or too many."""
    start, end = _slice(chance, data)
    depth = chance.choice((1, 1, 2, 63, 64, 65, 70))
    opening, closing = chance.choice(_BRACKETS)
    return data[:start] + opening * depth + data[start:end] + closing * depth + data[end:]


OPERATIONS: dict[Operation, int] = {
    flipped: 6,
    cut: 3,
    dropped: 3,
    repeated: 4,
    moved: 2,
    spliced: 3,
    joined: 2,
    inserted: 8,
    overwritten: 5,
    renumbered: 6,
    nested: 2,
}
"""What may be done to an input, and how often."""

_CHOICES, _WEIGHTS = list(OPERATIONS), list(accumulate(OPERATIONS.values()))


def mutated(seeds: Sequence[bytes], seed: str) -> bytes:
    """Give the input that belongs to a seed."""
    chance = Random(seed)  # noqa: S311  # must be replayable
    data = chance.choice(seeds)
    for operation in chance.choices(
        _CHOICES, cum_weights=_WEIGHTS, k=chance.choice((1, 1, 1, 2, 2, 3, 5, 8))
    ):
        data = operation(chance, data, seeds)[:MOST]
    return data


def stretched(seeds: Sequence[bytes], seed: str, size: int) -> bytes:
    """Repeat one piece of a seed, or a token in it, until it is that long."""
    chance = Random(seed)  # noqa: S311  # must be replayable
    data = chance.choice(seeds)[: size // 2]
    start, end = _slice(chance, data, chance.choice((2, 3, 8, 80)))
    token = chance.choice(TOKENS)
    piece = data[start:end] if start < end and chance.random() < 0.5 else token
    tail = chance.choice((b"", token, chance.choice(TOKENS))) + data[end:]
    return data[:start] + (piece * (size // len(piece) + 1))[: max(0, size - start - len(tail))] + tail


def cuts_of(data: bytes) -> list[bytes]:
    """Cut an input at places that depend on it alone."""
    chance = Random(zlib.crc32(data))  # noqa: S311  # must be replayable
    return cut_at(data, [_place(chance, data) for _ in range(chance.choice((1, 2, 3, 8)))])
