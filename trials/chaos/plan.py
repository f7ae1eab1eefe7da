"""A seed into the plan of a campaign: what is published, who begins and ends when, and which faults are on.

One rule: pure; nothing that happens while the plan is carried out changes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from trials.chaos.documents import Network
from trials.chaos.faults import FEED_FAULTS, TOXICS, TROUBLES

DAEMONS = ("one", "two", "three")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a campaign is: times are in simulated seconds."""

    records: int
    generations: int
    daemons: int
    replays: int
    windows: int
    seconds: float
    asks: float
    """Seconds between two lookups."""
    intervals: tuple[int, ...]
    """Seconds between two loads of a daemon: one of these."""


QUIET = Size(16, 2, daemons=1, replays=0, windows=0, seconds=40.0, asks=8.0, intervals=(15,))
SHORT = Size(20, 3, daemons=2, replays=2, windows=6, seconds=90.0, asks=8.0, intervals=(15, 20, 30))
LONG = Size(200, 8, daemons=3, replays=4, windows=16, seconds=900.0, asks=2.0, intervals=(30, 45, 60, 90))


class What(StrEnum):
    """What happens at a moment; `who` and `number` of an event say to whom or which."""

    BEGIN = "begin"
    END = "end"
    KILL = "kill"
    KILL_ELSEWHERE = "kill elsewhere"
    REPLAY = "replay"
    KILL_REPLAY = "kill replay"
    TROUBLE = "trouble"
    TROUBLE_OVER = "trouble over"
    NETWORK = "network"
    NETWORK_OVER = "network over"


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Something that happens `at` so many seconds."""

    at: float
    what: What
    who: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """One of the TROUBLES, for a time and for the calls of some daemon or of all (`*`)."""

    trouble: int
    sender: str

    @property
    def switch(self) -> str:
        """The name of the switch that turns it on."""
        return f"{self.trouble}/{self.sender}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen in a campaign.

    Attributes:
        published: when the feed begins to give a generation, and which document that is; the first at once.
        interval: seconds between two loads of a daemon.
        feed_fault: the part of the feed's answers with which something is wrong.
    """

    seed: int
    size: Size
    published: tuple[tuple[float, bytes], ...]
    events: tuple[Event, ...]
    windows: tuple[Window, ...]
    interval: int
    deadline: float
    feed_fault: float

    def feed_fault_of(self, request: int) -> tuple[str, float]:
        """Tell what is wrong with the feed's answer of that number, if anything, and where (0 to 1)."""
        chance = Random(f"{self.seed}/feed/{request}")  # noqa: S311  # must be replayable
        fault = chance.choice(FEED_FAULTS) if chance.random() < self.feed_fault else ""
        return fault, chance.random()


def plan_of(seed: int, size: Size) -> Plan:
    """Make the plan of a seed."""
    chance = Random(f"{seed}/plan")  # noqa: S311  # must be replayable
    network = Network(Random(f"{seed}/documents"), size.records)  # noqa: S311  # must be replayable
    every = 0.8 * size.seconds / size.generations
    moments = [0.0] + [number * every + chance.uniform(0, every / 2) for number in range(1, size.generations)]
    interval = chance.choice(size.intervals)
    windows = tuple(
        Window(chance.randrange(len(TROUBLES)), chance.choice(["*", "*", f"{chance.choice(DAEMONS)}-*"]))
        for _ in range(size.windows)
    )
    events = [
        *_lives(chance, size),
        *_replays(chance, size),
        *_troubles(chance, size),
        *_networks(chance, size),
    ]
    return Plan(
        seed,
        size,
        tuple((at, network.publish()) for at in moments),
        tuple(sorted(events)),
        windows,
        interval,
        chance.choice([25.0, 60.0, 120.0]),
        chance.choice([0.1, 0.3, 0.5]),
    )


def _lives(chance: Random, size: Size) -> Iterator[Event]:
    """Let each daemon begin, be ended or killed, and begin again."""
    for name in DAEMONS[: size.daemons]:
        at = chance.uniform(0, 10)
        while at < size.seconds:
            yield Event(at, What.BEGIN, name)
            at += chance.uniform(20, size.seconds)
            if at >= size.seconds:
                return
            yield Event(at, chance.choice([What.END, What.KILL, What.KILL_ELSEWHERE]), name)
            at += chance.uniform(2, 60)


def _replays(chance: Random, size: Size) -> Iterator[Event]:
    """Replay the archive now and then; `number` is the seed of which part of it, and how."""
    for number in range(size.replays):
        at = chance.uniform(0.3, 1.0) * size.seconds
        yield Event(at, What.REPLAY, f"replay{number}", chance.randrange(1 << 20))
        if chance.random() < 0.3:
            yield Event(at + chance.uniform(0.1, 10), What.KILL_REPLAY, f"replay{number}")


def _troubles(chance: Random, size: Size) -> Iterator[Event]:
    for number in range(size.windows):
        at = chance.uniform(0, size.seconds)
        yield Event(at, What.TROUBLE, number=number)
        yield Event(at + chance.uniform(5, 60), What.TROUBLE_OVER, number=number)


def _networks(chance: Random, size: Size) -> Iterator[Event]:
    for _ in range(size.windows // 4):
        at, number = chance.uniform(0, size.seconds), chance.randrange(len(TOXICS))
        yield Event(at, What.NETWORK, number=number)
        yield Event(at + chance.uniform(2, 40), What.NETWORK_OVER, number=number)
