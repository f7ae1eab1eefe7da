"""Which of several snapshots are loaded: range, order and share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.selection import WHOLE, Selection, Shard, parse_shard, shard_of
from aqi_service.core.snapshot_names import parse_name, snapshot_name
from aqi_service.errors import ConfigError

BATCH, COMPLETION = "AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX"
times = st.lists(st.integers(0, 50), max_size=30)


def selected(found: list[int], **changes: int | Shard | None) -> list[int]:
    """Give the positions of what is selected."""
    return Selection(**changes).of((t, n) for n, t in enumerate(found))  # type: ignore[arg-type]  # as drawn


@given(times, st.integers(0, 50), st.integers(0, 50))
def test_a_range_has_its_beginning_and_not_its_end_and_is_ordered_by_time(
    found: list[int], since: int, until: int
) -> None:
    chosen = [found[n] for n in selected(found, since=since, until=until)]
    assert chosen == sorted(t for t in found if since <= t < until)


@given(times, st.integers(1, 7))
def test_the_shares_of_all_workers_are_everything_once(found: list[int], count: int) -> None:
    shares = [selected(found, shard=Shard(index, count)) for index in range(count)]
    everything = selected(found)
    assert sorted(n for share in shares for n in share) == list(range(len(found)))
    assert all(share == everything[index::count] for index, share in enumerate(shares))


def test_what_has_one_time_stays_in_the_order_given() -> None:
    assert selected([3, 1, 3, 1]) == [1, 3, 0, 2]
    assert Selection().of([(3, "z"), (3, "a"), (1, "k")]) == ["k", "z", "a"]


def test_the_order_is_that_of_times_though_names_would_sort_otherwise() -> None:
    names = [snapshot_name(t) for t in (1_483_228_800, 1_485_820_800, 1_514_764_800)]  # 1/17, 31/1/17, 1/18
    parsed = [named for name in sorted(names) if (named := parse_name(name))]
    assert sorted(names) != names
    assert Selection().of((taken, name) for name, taken in parsed) == names


@pytest.mark.parametrize(("text", "shard"), [("0/1", WHOLE), ("3/4", Shard(3, 4)), ("00/02", Shard(0, 2))])
def test_a_share_is_written_as_index_and_count(text: str, shard: Shard) -> None:
    assert parse_shard(text) == shard


@pytest.mark.parametrize(
    "text", ["", "1", "4/4", "-1/4", "1/0", "0/0", "1/4/2", " 0/1", "\u0660/\u0661", "a/b", "0/1\n"]
)
def test_anything_else_is_no_share(text: str) -> None:
    assert parse_shard(text) is None


def test_a_worker_of_an_array_job_has_the_share_that_its_environment_says() -> None:
    assert shard_of({}) == shard_of({BATCH: "3"}) == shard_of({"AQI_SHARD_COUNT": ""}) == WHOLE
    assert shard_of({"AQI_SHARD_COUNT": "8", BATCH: "3"}) == Shard(3, 8)
    assert shard_of({"AQI_SHARD_COUNT": "8", COMPLETION: "0"}) == Shard(0, 8)


@pytest.mark.parametrize("environ", [{}, {BATCH: "8"}, {BATCH: "x"}, {BATCH: ""}])
def test_a_worker_that_cannot_know_its_share_does_not_load_everything(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="AQI_SHARD_COUNT"):
        shard_of({"AQI_SHARD_COUNT": "8"} | environ)
