"""Points in a tree, equal to looking at each of them; test_sensor_index.py has them as sensors."""

from collections.abc import Sequence
from math import inf
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqi_service.core.geo import FARTHEST_KM, Point
from aqi_service.core.point_tree import LEAF, Columns, Nearby, PointTree, point_tree
from aqi_service.core.slices import SLICE, run_through
from tests.doubles.geography import POINTS, metres_between

CROWDED = st.builds(Point, st.sampled_from((48.7, 48.71, 90, -90)), st.sampled_from((9.1, 180, -180)))
PLACES = st.lists(POINTS | CROWDED, max_size=5 * LEAF)


def columns(points: Sequence[Point]) -> Columns:
    xs, ys, zs = zip(*(point.vector for point in points), strict=True) if points else ((), (), ())
    return xs, ys, zs


def tree(points: Sequence[Point]) -> PointTree:
    return run_through(point_tree(range(len(points)), columns(points)))


def brute(points: Sequence[Point], middle: Point) -> list[Nearby]:
    return sorted(Nearby(metres_between(middle, point), at) for at, point in enumerate(points))


def town(seed: int, size: int) -> list[Point]:
    """Put points into a street, a town and the world, some of them twice."""
    draw = Random(seed)  # noqa: S311  # for points
    spreads = [1e-5, 1e-2, 20.0]
    points = [
        Point(48 + draw.uniform(-1, 1) * spread, 9 + draw.uniform(-1, 1) * spread)
        for spread in draw.choices(spreads, k=size)
    ]
    return points + draw.sample(points, size // 10)


MOST = st.sampled_from((inf, 0, 1_112, 10_000_000))
"""Metres; 1,112 are a hundredth of a degree, between points of CROWDED."""


@given(PLACES, POINTS | CROWDED, st.integers(1, 100), st.sampled_from((1, 2, 50)), MOST)
@example([Point(0, 0)] * 3 * LEAF, Point(0, 180), LEAF, 1, inf)
@example([Point(48.71, 9.1)] * 2, Point(48.7, 9.1), 3, 1, 1_112)
@example([Point(48.71, 9.1)] * 2, Point(48.7, 9.1), 3, 1, 1_111)
def test_the_nearest_are_those_that_brute_force_finds_the_lower_position_of_equal_distances(
    points: list[Point], middle: Point, count: int, every: int, most: float
) -> None:
    found = run_through(tree(points).nearest(middle, count, lambda at: at % every == 0, most))
    near = [each for each in brute(points, middle) if each.position % every == 0 and each.metres <= most]
    assert found == near[:count]


@pytest.mark.parametrize("seed", range(5))
def test_so_they_are_among_thousands_in_streets_and_towns(seed: int) -> None:
    points = town(seed, 2 * SLICE)
    made = tree(points)
    for middle in (*points[:10], Point(-48, -171), Point(90, 0)):
        expected = brute(points, middle)
        for count in (1, 5, 100):
            assert run_through(made.nearest(middle, count, lambda _at: True)) == expected[:count]
        for kilometres in (0.001, 1.0, 100.0, FARTHEST_KM):
            found = sorted(at for some in made.within(middle, kilometres) for at in some)
            assert found == sorted(at for away, at in expected if away <= round(1_000 * kilometres))


@given(PLACES, POINTS | CROWDED, st.floats(0.1, 100) | st.just(FARTHEST_KM))
def test_a_circle_has_what_brute_force_finds(points: list[Point], middle: Point, kilometres: float) -> None:
    found = sorted(at for some in tree(points).within(middle, kilometres) for at in some)
    assert found == sorted(at for away, at in brute(points, middle) if away <= round(1_000 * kilometres))


def test_a_search_looks_at_few_points() -> None:
    points = town(1, 10 * SLICE)
    asked: list[int] = []
    run_through(tree(points).nearest(Point(48.005, 9.005), 5, lambda at: not asked.append(at)))  # type: ignore[func-returns-value]
    assert len(asked) < 20 * LEAF


@pytest.mark.parametrize(
    "points", [[Point(48.1, 9.1)] * 3 * SLICE, town(1, 3 * SLICE)], ids=["one point", "towns"]
)
def test_building_and_searching_give_way_after_each_slice(points: list[Point]) -> None:
    assert sum(1 for _ in point_tree(range(len(points)), columns(points))) >= 3 * 3
    made = tree(points)
    assert sum(1 for _ in made.nearest(points[0], 100, lambda _at: False)) >= 2
    assert len(list(made.within(points[0], FARTHEST_KM))) > 3
    assert max(map(len, made.within(points[0], FARTHEST_KM))) <= SLICE
