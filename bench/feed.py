"""Make feeds like the real one, of any size, from a seed.

One rule: the same seed gives the same bytes. About half of the records are particulate; ids grow.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

NEWEST = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def feed(size: int, seed: int = 1) -> Iterator[bytes]:
    """Yield the chunks of one JSON array of about `size` bytes."""
    draw = random.Random(seed)  # noqa: S311  # reproducible data, no secret
    sent, number = 1, 0
    yield b"["
    while sent < size:
        record = _record(draw, number)
        text = (b"," if number else b"") + record.encode()
        number += 1
        sent += len(text)
        yield text
    yield b"]"


def _record(draw: random.Random, number: int) -> str:
    taken = NEWEST - timedelta(seconds=draw.randrange(86_400))
    kind, values = _particles(draw) if number % 2 else _weather(draw)
    listed = ",".join(
        f'{{"id":{151_800_000_000 + number * 4 + i},"value":"{value}","value_type":"{name}"}}'
        for i, (name, value) in enumerate(values)
    )
    return (
        f'{{"sensordatavalues":[{listed}],"id":{28_600_000_000 + number},'
        f'"timestamp":"{taken:%Y-%m-%d %H:%M:%S}",'
        f'"location":{{"id":{number // 2},"latitude":"{draw.uniform(-60, 70):.3f}",'
        f'"longitude":"{draw.uniform(-180, 180):.3f}","altitude":"{draw.uniform(0, 900):.1f}","country":"DE",'
        f'"exact_location":{draw.randrange(2)},"indoor":{draw.randrange(2)}}},'
        f'"sensor":{{"id":{number},"pin":"1","sensor_type":{{"id":14,"name":"{kind}","manufacturer":"various"}}}},'
        '"sampling_rate":null}'
    )


def _particles(draw: random.Random) -> tuple[str, list[tuple[str, str]]]:
    pm10 = draw.expovariate(1 / 20)
    return "SDS011", [("P1", f"{pm10:.2f}"), ("P2", f"{pm10 * draw.uniform(0.3, 0.9):.2f}")]


def _weather(draw: random.Random) -> tuple[str, list[tuple[str, str]]]:
    return "BME280", [
        ("temperature", f"{draw.uniform(-10, 35):.2f}"),
        ("humidity", f"{draw.uniform(20, 99):.2f}"),
        ("pressure", f"{draw.uniform(97_000, 103_000):.2f}"),
    ]
