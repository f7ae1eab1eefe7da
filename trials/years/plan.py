"""A seed into a plan: sensors, days, and behind which report which shard is killed.

One rule: pure; the same seed gives the same plan.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

FIRST = date(2023, 1, 1)
COUNTRIES = ("DE", "GB", "NL", "FR", "BG")
KINDS = ("sds011", "sds011", "pms5003", "sps30")
PARTICLE_COUNTER, NO_PARTICLES = "ppd42ns", "bme280"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a trial is.

    Attributes:
        days: from FIRST on, of so many `sensors` each.
        shards: workers, each killed at least once, and at most `kills` times.
        files: of the day that is read out of S3.
    """

    days: int
    sensors: int
    shards: int
    kills: int
    files: int


SMALL = Size(days=7, sensors=5, shards=2, kills=1, files=30)
WHOLE = Size(days=365, sensors=40, shards=4, kills=4, files=20_000)


class Sensor(NamedTuple):
    """A sensor of the network, as its files' names and rows have it."""

    number: int
    kind: str
    country: str
    latitude: str
    longitude: str
    indoor: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen.

    Attributes:
        days: as texts, in their order.
        kills: of each shard, behind how many reports it is killed, life after life.
    """

    seed: int
    size: Size
    sensors: tuple[Sensor, ...]
    days: tuple[str, ...]
    kills: tuple[tuple[int, ...], ...]


def plan_of(seed: int, size: Size) -> Plan:
    """Make the plan of a seed."""
    chance = Random(f"{seed}/years")  # noqa: S311  # must be replayable
    days = tuple(str(FIRST + timedelta(days=number)) for number in range(size.days))
    share = size.days // size.shards
    kills = tuple(
        tuple(chance.randint(1, max(1, share - 2)) for _ in range(chance.randint(1, size.kills)))
        for _ in range(size.shards)
    )
    sensors = tuple(_sensor(chance, number) for number in range(1, size.sensors + 1))
    return Plan(seed, size, sensors, days, kills)


def _sensor(chance: Random, number: int) -> Sensor:
    """Make a sensor; a few count particles, or measure none."""
    odd = {4: PARTICLE_COUNTER, 13: NO_PARTICLES}
    kind = odd.get(number % 20) or chance.choice(KINDS)
    latitude, longitude = chance.randrange(42_000, 58_000), chance.randrange(-3_000, 27_000)
    return Sensor(
        number,
        kind,
        COUNTRIES[number % len(COUNTRIES)],
        f"{latitude / 1000:.3f}",
        f"{longitude / 1000:.3f}",
        indoor=number % 11 == 3,
    )
