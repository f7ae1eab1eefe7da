"""How large a siege is, and what its limits are. Pure.

One rule: the whole siege leaves the daemon's limits and deadlines as they are; only a small one changes them.
"""

from dataclasses import dataclass
from typing import NamedTuple

from aqi_service.core.requests import MOST_ROWS
from aqi_service.server.deadlines import Deadlines
from aqi_service.shutdown import GRACE_SECONDS

MIB = 2**20


class Crowd(NamedTuple):
    """Connections made at once, and the cap that they meet."""

    number: int
    cap: int


@dataclass(frozen=True)
class Size:
    """Numbers of connections, and the daemon's deadlines in seconds.

    Attributes:
        hostile: how many of the idle ones turn hostile.
        window: attacks of the storm that are under way at the same time.
        http: peers that attack the HTTP port meanwhile.
        boxes: peers that ask for a box of all sensors, and do not read it.
        sensors: how many of those there are; the box with most rows has under 10,000.
        from_one, from_all: the crowds from one address, and from many.
        stuck, busy: connections that do not read or are slow, and such that ask on, when it is stopped.
        quiet: for how long the honest client asks alone, and beside idle ones.
        options: more of the daemon's.
    """

    idle: int
    hostile: int
    storm: int
    window: int
    from_one: Crowd
    from_all: Crowd
    http: int = 250
    stuck: int = 150
    busy: int = 50
    boxes: int = 200
    sensors: int = MOST_ROWS - 10
    frame: float = Deadlines.frame_timeout
    write: float = Deadlines.write_timeout
    grace: float = GRACE_SECONDS
    quiet: float = 5.0
    descriptors: int | None = None
    options: tuple[str, ...] = ()

    @property
    def needs(self) -> int:
        """How many descriptors daemon and attackers need each, so that its cap is the one that is met."""
        return self.from_all.cap * 4 // 3 + 256

    @property
    def tick(self) -> float:
        """Seconds between two bytes of a slow peer: a tenth of what a frame may take."""
        return self.frame / 10


@dataclass(frozen=True)
class Bounds:
    """The most that may be seen; None is only shown, as on a machine that has others to serve.

    Attributes:
        idle: bytes of memory for an idle connection.
        hostile: bytes of memory over idle while the hostile are there.
        both: the same while both ports are attacked.
        boxes: the same while boxes are asked for and not read.
        cut: seconds until a hostile connection that makes no progress is gone.
        p99: of the seconds that the honest client waits, but for those in which others had the cores.
        stop: seconds from SIGTERM to the end.
    """

    idle: float | None = 10 * 1024
    hostile: float | None = 160 * MIB
    both: float | None = 160 * MIB
    boxes: float | None = 160 * MIB
    cut: float | None = 30.0
    p99: float | None = 0.05
    stop: float | None = 10.0


WHOLE = Size(
    idle=8000,
    hostile=1000,
    storm=20_000,
    window=2000,
    from_one=Crowd(5500, 5000),
    from_all=Crowd(3500, 10_000),
)
"""Beside the idle ones that are left and the honest client, 3,500 are 501 more than there are places."""

SMALL = Size(
    idle=1200, hostile=120, storm=300, window=200, from_one=Crowd(500, 400), from_all=Crowd(500, 1500),
    http=40, stuck=30, busy=20, boxes=20, sensors=0,
    frame=6.0, write=6.0, grace=1.0, quiet=0.3, descriptors=2600,
    options=("--max-connections", "1500", "--max-per-address", "400"),
)  # fmt: skip
SMALL_BOUNDS = Bounds(
    hostile=160 * MIB * SMALL.hostile / WHOLE.hostile + 16 * MIB, cut=None, p99=None, stop=None
)
"""Nothing that the machine's other work could change; a small process's memory comes in large steps."""
