"""How many sensors' records are looked at in one turn of the event loop, while others wait for theirs.

One rule: records are counted, not milliseconds: what 30,000 take in time is figure 14 of the bench.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from aqi_service.core.sensors import Sensors
from aqi_service.core.slices import BUILD_SLICE
from aqi_service.core.snapshot_index import SnapshotIndex
from tests.doubles.api_world import capture_served
from tests.doubles.loop_turns import Turns

WORLD = "south=-90&west=-180&north=90&east=180&indoor=true&scale=us-epa"
HTTP = (
    *(f"/box{form}?{WORLD}" for form in ("", ".csv", ".geojson")),
    "/countries/DE?clean=true",
    "/area?lat=48.78&lon=9.18&km=100",
    *(f"/latest.{form}?scale=us-epa" for form in ("columns.json", "geojson", "csv")),
)
WIRE = (b"box -90 -180 90 180 indoor scale us-epa", b"country DE clean", b"area 48.78 9.18 100")
LEAST = 400
"""Each of these is about more sensors than that."""


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Iterator["Counter[tuple[str, int]]"]:
    """Count the records that are fetched from memory, and those that are unpacked, by turn."""
    by_turn: Counter[tuple[str, int]] = Counter()
    kept: list[Turns] = []

    def counted(kind: type[Any], name: str) -> None:
        plain = getattr(kind, name)

        def noted(*arguments: Any) -> Any:
            if not kept:
                kept.append(Turns())
            by_turn[name, kept[0].number] += 1
            return plain(*arguments)

        monkeypatch.setattr(kind, name, noted)

    counted(SnapshotIndex, "packed_record")
    counted(Sensors, "record")
    yield by_turn
    for each in kept:
        each.stop()


def check(by_turn: "Counter[tuple[str, int]]", most: int) -> None:
    for name in ("packed_record", "record"):
        some = [count for (kind, _), count in by_turn.items() if kind == name]
        assert sum(some) > LEAST
        assert max(some) <= most


@pytest.mark.parametrize("path", HTTP)
async def test_over_http_few_records_are_looked_at_in_a_turn(
    path: str, looked_at: "Counter[tuple[str, int]]"
) -> None:
    async with capture_served() as world:
        assert (await world.ask(path)).status == 200
    passes = 2 if path.startswith("/latest") else 1  # one ends and the other begins in the same turn
    check(looked_at, passes * BUILD_SLICE)


@pytest.mark.parametrize("payload", WIRE)
async def test_on_the_wire_few_records_are_looked_at_in_a_turn_however_many_ask(
    payload: bytes, looked_at: "Counter[tuple[str, int]]"
) -> None:
    async with capture_served() as world:
        replies = await asyncio.gather(*(world.lookup.answer(payload) for _ in range(5)))
    assert len(set(replies)) == 1
    assert replies[0].count(b"\r\n") > 1
    check(looked_at, BUILD_SLICE)
