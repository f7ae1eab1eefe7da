"""The toxics of toxiproxy: what may be done to the bytes of a TCP connection, one way.

One rule: pure; a toxic turns a chunk into steps (wait, bytes, end), and the proxy takes them.

Source: github.com/Shopify/toxiproxy, README, "Toxics". `down` is the proxy's own: TcpProxy.down().
Seconds and bytes here, where toxiproxy has milliseconds and kilobytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

FOREVER = 1e9


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """End the connection, by RST or in order."""

    reset: bool = False


Step = Wait | End | bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a toxic may know of a chunk.

    Attributes:
        passed: bytes that it was given on this connection before.
        waited: seconds since the chunk was read.
        roll: a number in [0, 1) from the proxy's seed.
    """

    passed: int = 0
    waited: float = 0.0
    roll: Callable[[], float] = lambda: 0.5


class Toxic:
    """The base: bytes pass unchanged, and the end of the data at once.

    Attributes:
        resets: the connection ends by RST.
        spoils: bytes are lost, so that the connection ends when the toxic is taken away.
    """

    resets: ClassVar[bool] = False
    spoils: ClassVar[bool] = False

    @property
    def ends_after(self) -> float | None:
        """Seconds, from when the toxic and the connection are there, after which the connection ends."""
        return None

    @property
    def lingers(self) -> float:
        """Seconds for which the end of the data is held back."""
        return 0.0

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        """Yield what becomes of a chunk."""
        del seen
        yield data


@dataclass(frozen=True, slots=True)
class Latency(Toxic):
    """Every byte arrives so much later, give or take the jitter; how many pass at once stays the same."""

    seconds: float
    jitter: float = 0.0

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        late = self.seconds + self.jitter * (2 * seen.roll() - 1)
        yield Wait(max(0.0, late - seen.waited))
        yield data


@dataclass(frozen=True, slots=True)
class Bandwidth(Toxic):
    """At most so many bytes a second, in tenths of a second."""

    rate: int

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        del seen
        for piece in _pieces(data, max(1, self.rate // 10)):
            yield Wait(len(piece) / self.rate)
            yield piece


@dataclass(frozen=True, slots=True)
class SlowClose(Toxic):
    """The end of the data arrives so much later."""

    seconds: float

    @property
    def lingers(self) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Timeout(Toxic):
    """Nothing gets through, not even the end; the connection ends after so many seconds, with 0 never."""

    seconds: float = 0.0
    spoils: ClassVar[bool] = True

    @property
    def ends_after(self) -> float | None:
        return self.seconds or None

    @property
    def lingers(self) -> float:
        return FOREVER

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        del data, seen
        yield from ()


@dataclass(frozen=True, slots=True)
class ResetPeer(Timeout):
    """Nothing gets through, and after so many seconds, with 0 at once, both ends see a reset."""

    resets: ClassVar[bool] = True

    @property
    def ends_after(self) -> float | None:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Slicer(Toxic):
    """Bytes arrive in pieces of about this size, with a pause behind each."""

    size: int
    variation: int = 0
    pause: float = 0.0

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        place = 0
        while place < len(data):
            size = max(1, round(self.size + self.variation * (2 * seen.roll() - 1)))
            yield data[place : place + size]
            yield Wait(self.pause)
            place += size


@dataclass(frozen=True, slots=True)
class LimitData(Toxic):
    """The connection ends in order after so many bytes."""

    limit: int

    def shape(self, data: bytes, seen: Seen) -> Iterator[Step]:
        left = self.limit - seen.passed
        yield data[: max(0, left)]
        if len(data) >= left:
            yield End()


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))
