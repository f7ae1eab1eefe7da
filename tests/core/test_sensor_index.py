"""The sensors of a snapshot by id, by place and by country, equal to looking at each of them."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import FARTHEST_KM, Box, Point
from aqi_service.core.items import Item
from aqi_service.core.sensor_index import SensorIndex, build, point_of
from aqi_service.core.slices import SLICE, run_through
from tests.doubles.geography import BOXES, POINTS, metres_between

COUNTRIES = ("DE", "GB", "UK", None)
NEAR_STUTTGART = st.builds(Point, st.sampled_from((48.7, 48.71, 48.8)), st.sampled_from((9.1, 9.18, 9.2)))
PLACES = POINTS | NEAR_STUTTGART | st.none()
ITEMS = st.lists(
    st.builds(
        lambda record, sensor, place, country, measured, indoor: Item(
            str(record),
            latitude=place and repr(place.latitude),
            longitude=place and repr(place.longitude),
            country=country,
            sensor_id=sensor,
            measured_at=measured,
            indoor=indoor,
        ),
        st.integers(1, 10**6),
        st.none() | st.integers(1, 40).map(str),
        PLACES,
        st.sampled_from(COUNTRIES),
        st.integers(0, 3),
        st.sampled_from((None, "0", "1")),
    ),
    max_size=60,
    unique_by=lambda item: item.id,
)


def built(items: Sequence[Item]) -> SensorIndex:
    return run_through(build(items))


def newest(items: Sequence[Item]) -> dict[int, Item]:
    """Return each sensor's newest item, by id."""
    there: dict[int, Item] = {}
    for item in sorted(items, key=lambda item: (item.measured_at or 0, int(item.id))):
        if item.sensor_id:
            there[int(item.sensor_id)] = item
    return dict(sorted(there.items()))


@given(ITEMS)
def test_each_sensor_has_its_newest_record_and_of_equal_times_the_higher_id(items: list[Item]) -> None:
    index, expected = built(items), newest(items)
    assert list(index.sensor_ids) == list(expected)
    assert [str(number) for number in index.record_ids] == [item.id for item in expected.values()]
    assert [index.position(sensor_id) for sensor_id in expected] == list(range(len(expected)))
    assert index.position(41) is None


@given(ITEMS, BOXES)
def test_a_box_has_what_brute_force_finds(items: list[Item], box: Box) -> None:
    index = built(items)
    points = map(point_of, newest(items).values())
    assert run_through(index.in_box(box)) == [at for at, p in enumerate(points) if p and box.has(p)]


@given(ITEMS, POINTS | NEAR_STUTTGART, st.integers(1, 100), st.booleans())
def test_the_nearest_are_those_that_brute_force_finds(
    items: list[Item], middle: Point, count: int, outdoor: bool
) -> None:
    index = built(items)
    found = run_through(index.nearest(middle, count, lambda at: not (outdoor and index.indoor[at])))
    expected = sorted(
        (metres_between(middle, point), at)
        for at, item in enumerate(newest(items).values())
        if (point := point_of(item)) and not (outdoor and item.indoor == "1")
    )
    assert [tuple(near) for near in found] == expected[:count]


@given(ITEMS, POINTS | NEAR_STUTTGART, st.floats(0.1, 100) | st.just(FARTHEST_KM))
def test_a_circle_has_what_brute_force_finds(items: list[Item], middle: Point, kilometres: float) -> None:
    found = run_through(built(items).within(middle, kilometres))
    assert found == [
        at
        for at, item in enumerate(newest(items).values())
        if (point := point_of(item)) and metres_between(middle, point) <= round(1_000 * kilometres)
    ]


@given(ITEMS)
def test_a_country_has_its_sensors_and_gb_and_uk_are_one(items: list[Item]) -> None:
    index = built(items)
    for codes in ({"DE"}, {"GB", "UK"}):
        expected = [at for at, item in enumerate(newest(items).values()) if item.country in codes]
        for code in codes:
            assert list(index.in_country(code)) == expected
    assert list(index.in_country("FR")) == []


@pytest.mark.parametrize("sensor_id", ["", "-4", "4.5", "9" * 20, str(2**63), "٣"])
def test_what_is_no_sensor_id_in_a_table_that_something_else_filled_is_left_out(sensor_id: str) -> None:
    assert len(built([Item("1", "48", "9", sensor_id=sensor_id)])) == 0


def test_a_search_among_sensors_on_one_point_gives_way_after_each_slice() -> None:
    index = built([Item(str(n), "48.1", "9.1", sensor_id=str(n)) for n in range(1, 3 * SLICE)])
    asked: list[int] = []
    turns = [len(asked) for _ in index.nearest(Point(48, 9), 100, lambda at: not asked.append(at))]  # type: ignore[func-returns-value]
    assert len(asked) == len(index)
    assert max(after - before for before, after in pairwise([0, *turns, len(asked)])) <= SLICE
    found = run_through(index.nearest(Point(48, 9), 100, lambda _at: True))
    assert [near.position for near in found] == list(range(100))
