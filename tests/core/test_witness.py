"""What nearly all records of a load say of the time, and how far a few can move it."""

from typing import Any

import pytest

from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.core.times import DAY, EARLIEST, HOUR, feed_time, iso
from aqi_service.core.witness import MOST_PAUSE, MeasuredTimes, Witness, with_witness, witness_of

NOW = 1_829_325_600
"""2027-12-20T18:00:00Z."""

AHEAD = NOW + 60 * DAY
THERE = Witness(NOW - HOUR, 80)


def mostly(*times: int) -> int | None:
    seen = MeasuredTimes(NOW)
    for time in times:
        seen.add(time)
    return seen.mostly_since()


@pytest.mark.parametrize(
    ("right", "wrong", "when", "expected"),
    [
        (0, 0, AHEAD, None),
        (1, 0, AHEAD, NOW),
        (1, 1, AHEAD, NOW),
        (2, 8, AHEAD, NOW),
        (2, 18, AHEAD, AHEAD),
        (80, 1, AHEAD, NOW),
        (80, 1, NOW - 900 * DAY, NOW),
        (80, 8, NOW - 900 * DAY, NOW),
        (9, 1, NOW - 900 * DAY, NOW),
        (8, 1, NOW - 900 * DAY, NOW - 900 * DAY),
    ],
)
def test_nine_in_ten_records_or_more_are_not_older_than_that(
    right: int, wrong: int, when: int, expected: int | None
) -> None:
    assert mostly(*[NOW] * right, *[when] * wrong) == expected


@pytest.mark.parametrize("age", [0, 1, HOUR - 1, HOUR, 59 * DAY, 61 * DAY, 5000 * DAY])
def test_of_records_of_one_hour_or_of_one_day_of_long_ago_it_is_the_earliest(age: int) -> None:
    assert mostly(NOW + 59 - age, NOW - age, NOW + 30 - age) == NOW - age


def test_it_counts_in_bounded_memory_whatever_the_records_say() -> None:
    seen = MeasuredTimes(NOW)
    for time in range(1_262_304_000, NOW + DAY, HOUR // 2):
        seen.add(time)
    assert len(seen._counts) < 10_000


def manifest(records: int, taken: float = NOW, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"stored": records, "table_id": "a", "newest": iso(taken)}
    return facts | {"snapshot": snapshot_name(taken), "snapshot_time": iso(taken)} | changes


def latest(witness: Witness | None = THERE, taken: float = NOW - HOUR, **changes: Any) -> dict[str, Any]:
    told = witness and {"time": iso(witness.time), "records": witness.records}
    return manifest(80, taken, **({"witness": told} if told else {}), **changes)


@pytest.mark.parametrize(
    ("there", "records", "since", "taken", "expected"),
    [
        (None, 1, NOW, NOW, Witness(NOW, 1)),
        (None, 0, None, NOW, None),
        (latest(), 80, NOW, NOW, Witness(NOW, 80)),
        (latest(), 40, NOW - 9 * DAY, NOW, Witness(NOW - 9 * DAY, 40)),
        (latest(), 0, None, NOW, THERE),
        (latest(), 39, AHEAD, AHEAD, Witness(NOW, 80)),
        (latest(), 1, AHEAD, NOW, Witness(NOW + HOUR, 80)),
        (latest(), 1, AHEAD, NOW - HOUR, THERE),
        (latest(), 1, AHEAD, NOW - DAY, Witness(NOW, 80)),
        (latest(), 1, AHEAD, NOW - HOUR + MOST_PAUSE, Witness(NOW - HOUR + 2 * MOST_PAUSE, 80)),
        (latest(), 1, NOW - 900 * DAY, NOW, Witness(NOW - 3 * HOUR, 80)),
        (latest(Witness(NOW - 50 * DAY, 2)), 1, NOW, NOW, Witness(NOW, 1)),
        (latest(None), 1, AHEAD, AHEAD, Witness(EARLIEST, 80)),
        (latest(None, stored=2), 1, NOW, NOW, Witness(NOW, 1)),
        (latest(None), 80, NOW - DAY, NOW, Witness(NOW - DAY, 80)),
        (latest(None), 0, None, NOW, None),
        (latest(table_id="b"), 1, AHEAD, AHEAD, Witness(AHEAD, 1)),
    ],
)
def test_a_load_of_few_records_moves_the_witness_a_little_at_a_time(
    there: dict[str, Any] | None, records: int, since: int | None, taken: int, expected: Witness | None
) -> None:
    assert witness_of(with_witness(manifest(records, taken), since, there)) == expected


def test_several_loads_of_few_records_by_a_wrong_clock_move_it_by_some_hours_at_most() -> None:
    there = latest()
    for minutes in range(0, 60, 5):
        there = with_witness(manifest(1, AHEAD + minutes * 60), AHEAD, there)
    assert witness_of(there) == Witness(NOW + 110 * 60, 80)


@pytest.mark.parametrize("fate", ["rejected", "expired", "merged"])
def test_a_load_of_which_the_table_has_nothing_says_nothing(fate: str) -> None:
    assert witness_of(with_witness(manifest(0, NOW, **{fate: 80}), NOW, latest())) == THERE


@pytest.mark.parametrize(
    "found",
    [None, {}, [], "x", {"time": 5, "records": 1}, {"time": iso(NOW)}, {"time": iso(NOW), "records": ""}],
)
def test_a_witness_that_cannot_be_read_is_none(found: object) -> None:
    assert witness_of({"witness": found}) is None
    assert witness_of(None) is None


def test_the_witness_is_written_as_others_read_times() -> None:
    assert with_witness(manifest(80), NOW, None)["witness"] == {"time": iso(NOW), "records": 80}
    assert feed_time(iso(NOW)) == NOW
