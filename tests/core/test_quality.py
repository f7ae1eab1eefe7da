"""Flags of sensors, equal to the rules applied one by one, and the cases that docs/flags.md tells of."""

from collections import Counter
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import Point
from aqi_service.core.items import Item
from aqi_service.core.neighbours import SensorValue, neighbours_of
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.quality import STALE_SECONDS, Check, Flag, Readings, check
from aqi_service.core.scales import DAQI
from aqi_service.core.sensor_index import build
from aqi_service.core.sensors import sensors_of
from aqi_service.core.slices import run_through
from tests import ROOT
from tests.doubles.documents import real_capture
from tests.doubles.geography import metres_between

NOW = 1_703_095_200
CAPTURE_AT = 1_502_364_180
"""2017-08-10T11:23:00Z."""
SPOTS = st.builds(
    lambda n, e: Point(round(48 + n / 200, 5), round(9 + e / 200, 5)), st.integers(0, 30), st.integers(0, 30)
)
VALUES = st.none() | st.sampled_from((4.0, 5.5, 6.0, 7.0, 30.0, 90.0))
SENSORS = st.lists(
    st.tuples(SPOTS, VALUES, VALUES, st.sampled_from((NOW, NOW - STALE_SECONDS - 1)), st.booleans()),
    max_size=40,
)
Sensor = tuple[Point, float | None, float | None, int, bool]


def checks(sensors: list[Sensor]) -> list[Check]:
    index = run_through(
        build(
            Item(str(n), str(point.latitude), str(point.longitude), sensor_id=str(n), indoor=str(int(indoor)))
            for n, (point, _, _, _, indoor) in enumerate(sensors, 1)
        )
    )
    readings = Readings()
    for _, pm25, pm10, measured, _ in sensors:
        readings.append(measured, pm25, pm10)
    return list(run_through(check(index, readings, NOW)))


def by_the_rules(sensors: list[Sensor], asked: int) -> Check:
    """Apply the rules to one sensor as they are written."""
    point, pm25, pm10, measured, indoor = sensors[asked]
    stale = (Flag.STALE,) if NOW - measured > STALE_SECONDS else ()
    which = 1 if pm25 is not None else 2
    ours = pm25 if pm25 is not None else pm10
    if indoor or ours is None:
        return Check(stale)
    spots: dict[Point, list[tuple[int, float]]] = {}
    for other, sensor in enumerate(sensors):
        value = sensor[which]
        if other != asked and not sensor[4] and sensor[3] == NOW and isinstance(value, float):
            spots.setdefault(sensor[0], []).append((other, value))
    # A point's place among equally far ones is that of the lowest id there, its own sensor's included.
    first = {
        each[0]: n
        for n, each in reversed([*enumerate(sensors)])
        if each[which] is not None and not each[4] and each[3] == NOW
    }
    near = sorted(
        (metres_between(point, spot), first[spot], median(v for _, v in at)) for spot, at in spots.items()
    )
    values = [value for metres, _, value in near if metres <= 10_000][:20]
    if len(values) < 5:
        return Check((*stale, Flag.ALONE), len(values))
    middle = median(values)
    spread = 3 * 1.4826 * median(abs(value - middle) for value in values)
    high = (Flag.HIGH,) if ours - middle > max(spread, 10, middle / 2) else ()
    low = (Flag.LOW,) if middle - ours > max(spread, 5, middle / 2) else ()
    return Check(stale + high + low, len(values), middle)


@given(SENSORS)
def test_the_checks_are_those_of_the_rules_applied_one_by_one(sensors: list[Sensor]) -> None:
    assert checks(sensors) == [by_the_rules(sensors, asked) for asked in range(len(sensors))]


AROUND = [(Point(48.5 + n / 100, 9), 10.0 + n, None, NOW, False) for n in range(6)]


@pytest.mark.parametrize(
    ("ours", "flags"),
    [
        ((80.0, None, NOW, False), (Flag.HIGH,)),
        ((22.6, None, NOW, False), (Flag.HIGH,)),
        ((22.5, None, NOW, False), ()),
        ((5.8, None, NOW, False), (Flag.LOW,)),
        ((80.0, None, NOW, True), ()),
        ((None, 80.0, NOW, False), (Flag.ALONE,)),
        ((80.0, None, NOW - STALE_SECONDS, False), (Flag.HIGH,)),
        ((12.0, None, NOW - STALE_SECONDS - 1, False), (Flag.STALE,)),
    ],
    ids=["high", "just high", "not yet high", "low", "indoors", "nobody has PM10", "not yet stale", "stale"],
)
def test_a_sensor_among_six_whose_median_is_12_and_a_half(
    ours: tuple[float | None, float | None, int, bool], flags: tuple[Flag, ...]
) -> None:
    assert checks([*AROUND, (Point(48.52, 9.02), *ours)])[-1].flags == flags


@pytest.mark.parametrize("middle", [n / 100 for n in range(11, 2_000, 137)])
def test_a_sensor_that_is_off_by_just_the_limit_is_not_flagged_whatever_binary_floats_make_of_its_decimals(
    middle: float,
) -> None:
    around = [(Point(48.5 + n / 100, 9), middle, None, NOW, False) for n in range(6)]
    just, over = round(middle + 10, 2), round(middle + 10.01, 2)
    asked = [checks([*around, (Point(48.52, 9.02), ours, None, NOW, False)])[-1] for ours in (just, over)]
    assert [each.flags for each in asked] == [(), (Flag.HIGH,)]


def test_many_sensors_on_one_point_are_one_neighbour_with_their_median() -> None:
    crowd = [(Point(48.5, 9), value, None, NOW, False) for value in (1.0, 2.0, 900.0)] * 10
    (check_of_ours, *_) = checks([(Point(48.51, 9), 5.0, None, NOW, False), *crowd])
    assert check_of_ours == Check((Flag.ALONE,), 1)


@given(
    st.lists(st.tuples(SPOTS, st.sampled_from((1.0, 2.0, 7.0))), min_size=1, max_size=200), st.integers(1, 9)
)
def test_the_neighbours_are_those_that_brute_force_finds_however_crowded_the_points(
    measured: list[tuple[Point, float]], shrink: int
) -> None:
    close = [
        (
            Point(round(48 + (p.latitude - 48) / 3**shrink, 5), round(9 + (p.longitude - 9) / 3**shrink, 5)),
            value,
        )
        for p, value in measured
    ]
    neighbours = run_through(neighbours_of(SensorValue(n, p, value) for n, (p, value) in enumerate(close)))
    spots: dict[Point, list[tuple[int, float]]] = {}
    for n, (point, value) in enumerate(close):
        spots.setdefault(point, []).append((n, value))
    middle = close[0][0]
    expected = sorted(
        (metres_between(middle, p), at[0][0], median(v for _, v in at)) for p, at in spots.items()
    )
    assert [tuple(each) for each in run_through(neighbours.nearest(middle, None))] == [
        e for e in expected if e[0] <= 10_000
    ][:20]


def test_the_bundled_capture_has_the_flags_that_the_docs_tell_of() -> None:
    reader = DocumentReader(ScoringRules(DAQI, CAPTURE_AT))
    batches = [*reader.feed(real_capture()), *reader.close()]
    items = [item for batch in batches for item in batch.items]
    index = run_through(build(items))
    by_id = {int(item.id): item for item in items}
    found = run_through(sensors_of(items, by_id.__getitem__, CAPTURE_AT))
    counted = Counter(flag for check in found.checks for flag in check.flags)
    assert (len(index), counted) == (1_653, {Flag.HIGH: 26, Flag.LOW: 15, Flag.ALONE: 519})
    text = (ROOT / "docs/flags.md").read_text("utf-8")
    assert "of 1,653 sensors 26 are high, 15 low and 519 alone" in " ".join(text.split())
