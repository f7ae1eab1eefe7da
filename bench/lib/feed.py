"""Make feeds like the real one, of any size, from a seed: its form of 2026, one 24-hour mean a sensor.

One rule: the same arguments give the same bytes. Every second record is particulate; ids are unique and grow.

    python -m bench.lib.feed 25 > feed.json
"""

import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

NEWEST = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""No record is newer, but for changed ones."""

FIRST_ID = 28_600_000_000
RECORD_BYTES = 428
"""Bytes of a record on average, its comma included (`test_bench.py` holds it to what is made)."""

_FIRST_VALUE_ID = 151_800_000_000
_VALUE_IDS = 8
"""Ids of single values that are set aside for each record."""

_BLOCK = 512
"""Records that are handed out together."""


class _Kind(NamedTuple):
    """A type of sensor: its number and maker in the feed, and the values that it reports."""

    name: str
    number: int
    maker: str
    values: tuple[str, ...]


_SDS011 = _Kind("SDS011", 14, "Nova Fitness", ("P1", "P2"))
_SPS30 = _Kind("SPS30", 31, "Sensirion", ("P0", "P2", "P4", "P1"))
_PMS5003 = _Kind("PMS5003", 22, "Plantower", ("P1", "P2", "P0"))
_BME280 = _Kind("BME280", 17, "Bosch", ("temperature", "pressure", "humidity"))
_DHT22 = _Kind("DHT22", 9, "various", ("temperature", "humidity"))
_PARTICLES = (_SDS011,) * 18 + (_SPS30,) + (_PMS5003,)
_WEATHER = (_BME280,) * 5 + (_DHT22,) * 15
"""How many of 20 sensors are of each type."""

_COUNTRIES = ("DE",) * 12 + ("BG", "NL", "BE", "FR", "PL", "IT", "US", "SK")
_SHARES = {"P0": 0.4, "P2": 0.6, "P4": 0.9, "P1": 1.0}
"""A pollutant's share of P1, from that up to a tenth more."""

_RANGES = {
    "temperature": (-10, 35),
    "humidity": (20, 99),
    "pressure": (97_000, 103_000),
}


@lru_cache(maxsize=len(_PARTICLES) + len(_WEATHER))
def _template(kind: _Kind) -> str:
    """Give a record of this type with places for what differs: ids, values, time, location, sensor."""
    values = ",".join(f'{{"value_type":"{name}","value":"%.2f","id":%d}}' for name in kind.values)
    return (
        f'{{"sensordatavalues":[{values}],"id":%d,"timestamp":"%s",'
        '"location":{"id":%d,"latitude":"%.3f","longitude":"%.3f","altitude":"%.1f","country":"%s",'
        '"exact_location":%d,"indoor":%d},'
        f'"sensor":{{"id":%d,"pin":"1","sensor_type":{{"id":{kind.number},"name":"{kind.name}",'
        f'"manufacturer":"{kind.maker}"}}}}}}'
    )


def count(size: int) -> int:
    """Tell how many records a feed of about `size` bytes has; half of them, rounded down, are particulate."""
    return max(2, size // RECORD_BYTES)


def feed(size: int, seed: int = 1, *, changed: float = 0.0, first_id: int = FIRST_ID) -> Iterator[bytes]:
    """Yield the chunks of one JSON array of about `size` bytes, with ids from `first_id` on.

    With `changed`, the feed of the same seed an hour later: of that share of its records one half has other
    values, and the other half is gone, and as many new ones stand at its end.
    """
    every = round(1 / changed) if changed else 0
    records = _records(random.Random(seed), count(size), every, first_id)
    yield b"["
    first = True
    while block := list(islice(records, _BLOCK)):
        yield ("" if first else ",").encode() + ",".join(block).encode()
        first = False
    yield b"]"


def _records(draw: random.Random, number_of: int, every: int, first_id: int) -> Iterator[str]:
    """Yield the records; of `every` so many pairs (weather, particles) one is changed or replaced."""
    new = 0
    place: tuple[float, float, float, str] = (0.0, 0.0, 0.0, "")
    for number in range(number_of):
        pair = number // 2
        if not number % 2:
            place = (
                draw.uniform(-40, 68),
                draw.uniform(-120, 140),
                draw.uniform(0, 900),
                draw.choice(_COUNTRIES),
            )
        text = _record(draw, number, place, first_id)
        if every and pair % every == every // 2:
            if pair // every % 2:
                new += 1
                continue
            text = _record(random.Random(number), number, place, first_id, later=86_400)  # it is newer
        yield text
    for number in range(number_of, number_of + new):
        yield _record(draw, number, place, first_id, later=3600)


def _record(
    draw: random.Random, number: int, place: tuple[float, float, float, str], first_id: int, later: int = 0
) -> str:
    kind = _PARTICLES[int(draw.random() * 20)] if number % 2 else _WEATHER[int(draw.random() * 20)]
    values = _values(draw, kind.values)
    first = _FIRST_VALUE_ID + number * _VALUE_IDS
    listed = [each for i, value in enumerate(values) for each in (value, first + i)]
    taken = _clock(int(draw.random() * 86_400) - 86_399 if not later else 1 + int(draw.random() * later))
    flags = int(draw.random() * 4)
    return _template(kind) % (
        *listed, first_id + number, taken, number // 2, *place, flags & 1, flags >> 1, number
    )  # fmt: skip


def _values(draw: random.Random, names: tuple[str, ...]) -> list[float]:
    """Draw a mean for each name; particles as they are spread over a city's sensors, the most under 30."""
    if names[0] not in _SHARES:
        return [draw.uniform(*_RANGES[name]) for name in names]
    pm10 = 0.5 + draw.expovariate(1 / 18)
    shares = draw.random() / 10
    return [pm10 * (_SHARES[name] + (shares if name != "P1" else 0)) for name in names]


def _clock(seconds: int) -> str:
    """Write the time so many seconds past NEWEST."""
    day, second = divmod(54_000 + seconds, 86_400)
    return f"{_day(day)} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


@lru_cache(maxsize=4)
def _day(past: int) -> str:
    return f"{NEWEST + timedelta(days=past):%Y-%m-%d}"


def write(path: Path, size: int, seed: int = 1, *, changed: float = 0.0) -> Path:
    """Write a feed into a file, in constant memory; return the file."""
    with path.open("wb", buffering=1024 * 1024) as file:
        file.writelines(feed(size, seed, changed=changed))
    return path


def _print(put: Callable[[bytes], object], megabytes: float) -> None:
    for chunk in feed(int(megabytes * 1_000_000)):
        put(chunk)


if __name__ == "__main__":
    _print(sys.stdout.buffer.write, float(sys.argv[1]))
