"""Frames: taken whole and in pieces, and judged by a second reading of the protocol.

One rule: what is expected is worked out from the bytes by other means than the program's.
"""

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from aqi_service.core.frames import HEADER, MAX_REPLY, MAX_REQUEST, NOT_FOUND, FrameSplitter, encode
from aqi_service.errors import FrameError
from aqi_service.server.connection import READ_SIZE
from tests.doubles.documents import pieces
from trials.fuzz.mutations import cuts_of

SIDES = ((MAX_REQUEST, b""), (MAX_REPLY, NOT_FOUND))
"""Limit and bare reply of a server's splitter and of a client's."""


class Taken(NamedTuple):
    """The payloads of a stream, and whether it broke behind them."""

    payloads: list[bytes]
    broken: bool


def by_hand(data: bytes, limit: int, bare: bytes) -> Taken:
    """Read frames as docs/protocol.md has them."""
    found: list[bytes] = []
    place = 0
    while place < len(data):
        if bare and not data[place : place + 1].isdigit():
            if not data.startswith(bare, place):
                return Taken(found, not bare.startswith(data[place : place + len(bare)]))
            start, size = place, len(bare)
        else:
            head = data[place : place + HEADER]
            digits = head.rstrip(b" ")
            if not digits.isdigit() or len(digits) > 19:
                return Taken(found, broken=True)
            start, size = place + HEADER, int(digits)
            if len(head) == HEADER and size > limit:
                return Taken(found, broken=True)
        if start + size > len(data):
            break
        found.append(data[start : start + size])
        place = start + size
    return Taken(found, broken=False)


def taken(parts: Sequence[bytes], limit: int, bare: bytes) -> Taken:
    """Read frames with the program's splitter."""
    splitter = FrameSplitter(limit, bare)
    found: list[bytes] = []
    for part in parts:
        splitter.feed(part)
        try:
            while (payload := splitter.take()) is not None:
                found.append(payload)
        except FrameError:
            with contextlib.suppress(FrameError):
                splitter.take()
                raise AssertionError("a broken stream gave a frame") from None
            return Taken(found, broken=True)
        assert len(splitter) < HEADER + limit
    return Taken(found, broken=False)


def taken_at_once(parts: Sequence[bytes], limit: int) -> Taken:
    """Read frames with it, all of a part in one go."""
    splitter, found = FrameSplitter(limit), list[bytes]()
    try:
        for part in parts:
            splitter.feed(part)
            found += splitter.take_all()
        splitter.take_all()
    except FrameError:
        return Taken(found, broken=True)
    return Taken(found, broken=False)


def frames(data: bytes) -> None:
    """The same frames whatever the cuts; what was taken comes back out of new frames."""
    for limit, bare in SIDES:
        expected = by_hand(data, limit, bare)
        assert taken([data], limit, bare) == expected
        assert taken(cuts_of(data), limit, bare) == expected
        if not bare:
            assert taken_at_once([data], limit) == taken_at_once(cuts_of(data), limit) == expected
        again = b"".join(map(encode, expected.payloads))
        assert taken([again], limit, bare) == Taken(expected.payloads, broken=False)
    if by_hand(data, *SIDES[0]).broken:
        raise FrameError("as it should")


def frames_alone(data: bytes) -> None:
    """Only take them; nothing is kept."""
    for limit, bare in SIDES:
        splitter = FrameSplitter(limit, bare)
        with contextlib.suppress(FrameError):
            for piece in pieces(data, READ_SIZE):
                splitter.feed(piece)
                while splitter.take() is not None:
                    pass
