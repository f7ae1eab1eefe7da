"""Distances on the sphere, boxes of degrees and their cells."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import FARTHEST_KM, RADIUS_KM, Box, Point, box_around, cell_of
from tests.doubles.geography import BOXES, POINTS, metres_between


def haversine(one: Point, other: Point) -> float:
    """Return kilometres by the textbook's formula."""
    north, south = radians(one.latitude), radians(other.latitude)
    part = sin((north - south) / 2) ** 2
    part += cos(north) * cos(south) * sin(radians(one.longitude - other.longitude) / 2) ** 2
    return 2 * RADIUS_KM * asin(min(1.0, sqrt(part)))


@given(POINTS, POINTS)
def test_the_distance_is_that_of_the_haversine_formula(one: Point, other: Point) -> None:
    # Opposite points: there both formulas have but half of a double's digits.
    assert metres_between(one, other) == pytest.approx(1_000 * haversine(one, other), abs=0.51 + 0.2)


@given(POINTS, POINTS)
def test_the_distance_is_the_same_in_both_directions(one: Point, other: Point) -> None:
    assert metres_between(one, other) == metres_between(other, one)


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        (Point(48.78, 9.18), Point(48.78, 9.18), 0),
        (Point(0, 0), Point(0, 1), 111_195),
        (Point(0, 179.5), Point(0, -179.5), 111_195),
        (Point(90, 0), Point(90, 123), 0),
        (Point(90, 0), Point(-90, 0), 20_015_114),
        (Point(48.7758, 9.1829), Point(52.52, 13.405), 511_623),
    ],
    ids=["same", "a degree", "over the antimeridian", "the pole", "pole to pole", "Stuttgart to Berlin"],
)
def test_known_distances(one: Point, other: Point, metres: int) -> None:
    assert metres_between(one, other) == metres


@given(BOXES, POINTS)
def test_what_a_box_has_lies_in_one_of_its_cells(box: Box, point: Point) -> None:
    cells = list(box.cells())
    assert len(cells) == len(set(cells)) == box.cell_count()
    assert (cell_of(point) in cells) == box.touches(cell_of(point))
    assert cell_of(point) in cells or not box.has(point)


@pytest.mark.parametrize(
    ("box", "point", "inside"),
    [
        (Box(48, 9, 49, 10), Point(48, 9), True),
        (Box(48, 9, 49, 10), Point(49, 10), True),
        (Box(48, 9, 49, 10), Point(49, 10.0001), False),
        (Box(-20, 170, -10, -170), Point(-15, 180), True),
        (Box(-20, 170, -10, -170), Point(-15, -180), True),
        (Box(-20, 170, -10, -170), Point(-15, 0), False),
        (Box(-20, 170, -10, 180), Point(-15, -180), True),
        (Box(-20, -180, -10, -170), Point(-15, 180), True),
        (Box(-90, -180, 90, 180), Point(90, 0), True),
    ],
)
def test_edges_count_and_a_box_may_cross_the_antimeridian(box: Box, point: Point, inside: bool) -> None:
    assert box.has(point) is inside
    assert box.touches(cell_of(point)) or not inside


@given(POINTS, POINTS, st.floats(0, FARTHEST_KM))
def test_a_box_around_a_point_has_all_that_is_as_near(middle: Point, point: Point, kilometres: float) -> None:
    if metres_between(middle, point) <= 1_000 * kilometres - 1:
        assert box_around(middle, kilometres).has(point)
