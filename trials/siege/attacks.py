"""The attacks of a siege, each a few lines on a raw socket.

One rule: an attack says under which reason the server has to count its end, None for an end by the peer's own
wish; what it sees of the server that is not right is an Odd.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from aqi_service.core.frames import (
    BAD_REQUEST,
    BUSY,
    DISCONNECT,
    HEADER,
    MAX_REQUEST,
    NOT_FOUND,
    UNAVAILABLE,
    decode_header,
    encode,
    encode_header,
)
from tests.doubles.frames import MALFORMED, malformed
from trials.siege.peers import Peer

ABSENT = b"1"
"""An id that no record has."""

PIECE = 8
"""Requests of a flood that go out at a time."""

MOST = 20
"""Requests that the system takes in one piece, so that no frame is cut by our own slowness."""

HELLOS = (
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"EHLO example.org\r\n",
    b"*1\r\n$4\r\nPING\r\n",
)
"""How other protocols begin, shorter than a header."""


BOX = b"box -90 -180 90 180 indoor"
BOXES_TRIED = 2
"""How often one asks that is told Busy."""

LARGE_REPLY = 100_000
"""Bytes that are more than the system takes for a peer that does not read."""


class Odd(Exception):  # noqa: N818 - it is what was seen
    """The server did what it must not."""


@dataclass(frozen=True)
class Means:
    """What an attack has to choose from: randomness, ids of stored records, the pace of a slow peer."""

    chance: Random
    ids: Sequence[bytes]
    tick: float = 1.0

    def requests(self, number: int) -> list[bytes]:
        return [self.chance.choice(self.ids) if self.chance.random() < 0.8 else ABSENT for _ in range(number)]


Attack = Callable[[Peer, Means], Awaitable[str | None]]


async def never_reads(peer: Peer, means: Means) -> str:
    """Ask without end and read nothing."""
    frames = b"".join(encode(means.chance.choice(means.ids)) for _ in range(PIECE))
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(frames)
    return "write_timeout"


async def a_byte_a_second(peer: Peer, means: Means) -> str:
    """Send a long frame slowly."""
    frame = encode_header(MAX_REQUEST) + b"1" * MAX_REQUEST
    start = means.chance.choice((0, HEADER))
    with contextlib.suppress(ConnectionError):
        await peer.send(frame[: start + 1])
        for place in range(start + 1, len(frame)):
            if not await peer.outlast(means.tick):
                break
            await peer.send(frame[place : place + 1])
    return "frame_timeout"


async def half_a_frame(peer: Peer, means: Means) -> str:
    """Send the beginning of a frame, and wait."""
    frame = encode(b"x" * means.chance.randrange(1, 1000))
    await peer.send(frame[: means.chance.randrange(1, len(frame))])
    await peer.closed
    return "frame_timeout"


async def malformed_header(peer: Peer, means: Means) -> str:
    """Send a header that is none, and perhaps much behind it."""
    name = means.chance.choice(list(MALFORMED))
    await _told(peer, means.chance.choice((malformed(name), malformed(name) + b"x" * 20_000)))
    return "malformed"


async def hello(peer: Peer, means: Means) -> str:
    """Begin as a client of another protocol, or with noise."""
    noise = bytes([means.chance.randrange(128, 256)]) + means.chance.randbytes(means.chance.randrange(300))
    await _told(peer, means.chance.choice((*HELLOS, noise)))
    return "malformed"


async def too_long(peer: Peer, means: Means) -> str:
    """Announce a payload over the limit."""
    await _told(peer, encode_header(means.chance.choice((MAX_REQUEST + 1, 10**9, 10**19 - 1))))
    return "malformed"


async def cut_inside(peer: Peer, means: Means) -> str:
    """Close in order, but inside a frame."""
    frame = encode(means.chance.choice(means.ids))
    await peer.send(frame + frame[: means.chance.randrange(1, len(frame))])
    if not (await peer.reply()).startswith(b"id,"):
        raise Odd("a request before half a frame was not answered")
    peer.close()
    return "inside_frame"


async def reset_anywhere(peer: Peer, means: Means) -> str:
    """Vanish at any byte of some requests."""
    stream = b"".join(map(encode, means.requests(3)))
    await peer.send(stream[: means.chance.randrange(len(stream) + 1)])
    await asyncio.sleep(means.chance.choice((0, 0, 0.01)))
    peer.reset()
    return "reset"


async def reset_in_a_reply(peer: Peer, means: Means) -> str:
    """Vanish after some bytes of the replies."""
    await peer.send(b"".join(map(encode, means.requests(60))))
    await peer.receive(means.chance.randrange(1, 2000))
    peer.reset()
    return "reset"


async def asks_and_leaves(peer: Peer, means: Means) -> None:
    """Ask many at once, check every reply, and go as one should."""
    ids = means.requests(means.chance.randrange(1, MOST))
    last = means.chance.choice((encode(DISCONNECT), encode(DISCONNECT) + b"garbage", b""))
    await peer.send(b"".join(map(encode, ids)) + last)
    for record_id in ids:
        reply = await peer.reply()
        if not _is_right(record_id, reply) and not reply.startswith(UNAVAILABLE):  # which the daemon counts
            raise Odd(f"{record_id!r} was answered with {reply[:60]!r}")
    if last and await peer.receive(1):
        raise Odd("something came after the replies")


async def asks_on(peer: Peer, means: Means) -> None:
    """Ask again and again until the server stops; a reply that begins must be whole, and right or late."""
    with contextlib.suppress(ConnectionError):
        while True:
            ids = means.requests(MOST)
            await peer.send(b"".join(map(encode, ids)))
            for record_id in ids:
                head = await peer.receive(HEADER)
                if not head:
                    return
                reply = await peer.receive(decode_header(head))
                if not _is_right(record_id, reply) and not reply.startswith(UNAVAILABLE):
                    raise Odd(f"{record_id!r} was answered with {reply[:60]!r}")


async def says_nothing(peer: Peer, means: Means) -> None:
    """Connect, and go."""
    await asyncio.sleep(means.chance.random() / 5)


async def box_unread(peer: Peer, means: Means) -> str | None:
    """Ask for all sensors, and read how long that is and no more; who is told Busy, or late, asks again."""
    for _ in range(BOXES_TRIED):
        await peer.send(encode(BOX))
        head = await peer.receive(HEADER)
        if len(head) < HEADER:
            raise Odd("a box was not answered")
        length = decode_header(head)
        if length > LARGE_REPLY:
            return "write_timeout"
        reply = await peer.receive(length)
        if not reply.startswith((BUSY, UNAVAILABLE)):
            raise Odd(f"a box was answered with {reply[:60]!r}")
    return None


async def _told(peer: Peer, data: bytes) -> None:
    """Send what breaks the protocol; the server has to say so, and to close."""
    await peer.send(data)
    reply = await peer.reply()
    if not reply.startswith(BAD_REQUEST) or await peer.receive(1):
        raise Odd(f"{data[:30]!r} was answered with {reply[:60]!r}")


def _is_right(record_id: bytes, reply: bytes) -> bool:
    row = reply.partition(b"\r\n")[2]
    return reply == NOT_FOUND if record_id == ABSENT else row.startswith(record_id + b",")


TURNED: dict[str, Attack] = {
    "never reads": never_reads,
    "a byte a second": a_byte_a_second,
    "half a frame": half_a_frame,
}
"""What idle connections turn to."""

STORM: dict[Attack, int] = {
    never_reads: 2,
    a_byte_a_second: 8,
    half_a_frame: 10,
    malformed_header: 15,
    hello: 5,
    too_long: 5,
    cut_inside: 10,
    reset_anywhere: 25,
    reset_in_a_reply: 5,
    asks_and_leaves: 10,
    says_nothing: 5,
}
"""Attacks of the storm, and their weight."""


def storm(seed: str, number: int) -> Sequence[tuple[Attack, int]]:
    """Choose attacks, and a seed for each."""
    chance = Random(seed)  # noqa: S311 - must be replayable
    chosen = chance.choices(list(STORM), list(STORM.values()), k=number)
    return [(attack, chance.randrange(2**32)) for attack in chosen]
