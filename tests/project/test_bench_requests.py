"""The bench of requests by kind and of the nearest sensors: what is asked, and that all find the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from aqi_service.core.geo import Point
from aqi_service.core.request_words import KINDS, read_request
from bench.beside import compared
from bench.figure_06_lookups_from_memory import SHAPES
from bench.figure_15_requests_by_kind import kinds, replies
from bench.figure_16_nearest_sensors import STEPS, alike, ours, rtree, side, spread, towns
from bench.lib.feed import NEWEST, RECORD_BYTES, write
from bench.lib.items import items_of
from bench.lib.run import Run
from bench.lib.servers import load_once
from tests import ROOT
from tests.doubles.geography import metres_between

WORLD = [*spread(300), *towns(300), Point(10, 179.999), Point(10, -179.999), Point(90, 0), Point(-90, 7)]


async def test_every_kind_of_request_is_asked_and_has_rows(tmp_path: Path) -> None:
    document = write(tmp_path / "feed.json", 60 * RECORD_BYTES)
    load_once(tmp_path, document)
    asked = kinds(list(items_of(str(document))))
    assert {requests[0].partition(" ")[0] for requests in asked.values()} == set(KINDS)
    for kind, requests in asked.items():
        for request in requests:
            read_request(request.encode(), NEWEST.timestamp())
        given = await replies(tmp_path, document, requests)
        assert list(given) == list(dict.fromkeys(requests))
        assert any(reply.count("\r\n") > 1 for reply in given.values()), kind


@pytest.mark.parametrize("steps", [None, *STEPS])
def test_a_side_finds_the_nearest_as_brute_force_does(steps: tuple[float, float] | None) -> None:
    for count in (1, 5, 50):
        nearest = rtree(WORLD, count, *steps) if steps else ours(WORLD, count)
        for middle in (*WORLD[::30], Point(10, 180), Point(10, -180), Point(-89.9, -170)):
            expected = sorted(metres_between(middle, point) for point in WORLD)[:count]
            assert alike([nearest(middle)], [expected])


@pytest.mark.parametrize("scene", ["as the network's", "spread evenly"])
def test_both_sides_are_asked_the_same(scene: str) -> None:
    mine = side("ours", scene, "400", "5", "10")
    theirs = side("rtree", scene, "400", "5", "10", "10", "4")
    assert alike(mine["metres"], theirs["metres"])


@pytest.mark.parametrize("other", [[[1, 5]], [[1]], [[1, 2, 3]]])
def test_sides_that_found_other_sensors_are_told_apart(other: Sequence[Sequence[int]]) -> None:
    assert alike([[1, 2]], [[1, 3]])
    assert not alike([[1, 2]], other)


def test_lookups_are_compared_with_those_of_another_checkout(tmp_path: Path) -> None:
    figures = list(compared(Run(tmp_path, "smoke"), ROOT, 1))
    assert [figure.name for figure in figures] == [shape.name for shape in SHAPES]
    for figure in figures:
        assert figure.peer is not None
        assert (figure.peer.name, len(figure.ours.values), len(figure.peer.values)) == (ROOT.name, 1, 1)
        assert figure.goal is not None
        assert not figure.goal.is_reached(1.04)
        assert figure.goal.is_reached(0.5)
