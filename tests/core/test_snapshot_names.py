"""Names in the archive, and the times that they stand for."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.snapshot_names import (
    can_name,
    first_free,
    latest_key,
    manifest_key,
    order_of,
    parse_file_name,
    parse_name,
    rejects_key,
    snapshot_name,
)
from tests.doubles.documents import QUICK
from tests.doubles.snapshot_name import AT, NAME


def test_a_snapshot_is_named_by_the_utc_minute_in_which_its_reading_began() -> None:
    assert [snapshot_name(AT + s) for s in (0, 1, 59.999)] == [NAME] * 3
    assert snapshot_name(AT - 0.5) == "data_20_12_23_18_54.json"
    assert snapshot_name(AT + 60) == "data_20_12_23_18_56.json"
    assert snapshot_name(datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()) == "data_03_02_31_04_05.json"


@QUICK
@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_name_is_read_back_as_the_minute_that_it_was_made_from(moment: datetime) -> None:
    name = snapshot_name(moment.timestamp())
    assert parse_name(name) == (name, int(moment.timestamp()) // 60 * 60)


def test_names_are_of_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert snapshot_name(AT) == NAME
        assert parse_name(NAME) == (NAME, AT)
        assert not can_name(datetime(1999, 12, 31, 23, tzinfo=UTC).timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_name_says_the_years_2000_to_2099() -> None:
    edges = [(1999, 12, 31), (2000, 1, 1), (2099, 12, 31), (2100, 1, 1)]
    assert [can_name(datetime(*day, tzinfo=UTC).timestamp()) for day in edges] == [False, True, True, False]


def test_snapshots_are_ordered_by_time_and_those_of_one_minute_by_their_suffix_as_a_number() -> None:
    names = [
        "data_31_12_22_18_55.json",
        "data_20_12_23_18_54-3.json",
        "data_20_12_23_18_55.json",
        "data_20_12_23_18_55-2.json",
        "data_20_12_23_18_55-10.json",
        "data_01_01_24_00_00.json",
    ]
    assert sorted(names, key=order_of) == names
    assert order_of(NAME) == (AT, 1)
    assert order_of("data_20_12_23_18_55-2.json") == (AT, 2)
    assert order_of("notes.json") == (0, 1)


@pytest.mark.parametrize("suffix", ["", "-2", "-3", "-10"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_source_of_such_a_name_keeps_name_and_time_whatever_its_suffix(suffix: str, packed: str) -> None:
    name = f"data_20_12_23_18_55{suffix}.json"
    assert parse_name(name + packed) == (name, AT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data.json",
        "data_20_12_23_18_55",
        "data_20_12_23_18_55.csv",
        NAME + ".gz.gz",
        NAME + "\n",
        "/" + NAME,
        "data_30_02_23_18_55.json",
        "data_20_13_23_18_55.json",
        "data_20_12_23_24_55.json",
        "data_20_12_23_18_60.json",
        "data_20_12_23_18_55-.json",
        "data_20_12_23_18_55-02.json",
        "data_20_12_23_18_55-0.json",
        "Data_20_12_23_18_55.json",
        "data_20_12_2023_18_55.json",
        "data_2_12_23_18_55.json",
        "data_٢٠_12_23_18_55.json",
        "x" + NAME,
    ],
)
def test_any_other_text_is_no_snapshots_name(text: str) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], ""),
        (["-2", "-3"], ""),
        ([""], "-2"),
        (["", "-2", "-3"], "-4"),
        (["", "-3"], "-2"),
        (["", *(f"-{n}" for n in range(2, 12))], "-12"),
    ],
)
def test_the_first_free_name_is_taken_counting_from_2(taken: list[str], free: str) -> None:
    names = {f"data_20_12_23_18_55{suffix}.json" for suffix in taken}
    assert first_free(NAME, names) == f"data_20_12_23_18_55{free}.json"


def test_a_name_with_a_suffix_that_is_taken_counts_on() -> None:
    taken = {NAME, "data_20_12_23_18_55-2.json"}
    assert first_free("data_20_12_23_18_55-2.json", taken) == "data_20_12_23_18_55-3.json"
    assert first_free("data_20_12_23_18_55-4.json", taken) == "data_20_12_23_18_55-4.json"


def test_manifest_and_rejects_lie_by_table_and_snapshot() -> None:
    assert manifest_key("t", NAME) == "manifests/t/data_20_12_23_18_55.json"
    assert rejects_key("t", NAME) == "rejects/t/data_20_12_23_18_55.ndjson"
    assert latest_key("t") == "manifests/t/latest.json"


@pytest.mark.parametrize(
    "copy",
    [
        "data_20_12_23_18_55 (1).json",
        "data_20_12_23_18_55(2).json",
        "data_20_12_23_18_55 (13).json.gz",
        "data_20_12_23_18_55.json (1).gz",
        "data_20_12_23_18_55.json.1",
        "data_20_12_23_18_55.json.gz.12",
        "data_20_12_23_18_55 - Copy.json",
        "data_20_12_23_18_55 - Copy (2).json.gz",
        "data_20_12_23_18_55 copy.json",
        "data_20_12_23_18_55 copy 3.json",
    ],
)
def test_a_copy_is_the_snapshot_of_that_name_but_no_name_in_the_archive(copy: str) -> None:
    assert parse_file_name(copy) == parse_name("data_20_12_23_18_55.json")
    assert parse_name(copy) is None


def test_a_packed_snapshot_has_its_own_name() -> None:
    assert parse_file_name(f"{NAME}.gz") == parse_name(f"{NAME}.gz") == (NAME, AT)


def test_a_browsers_copy_keeps_the_suffix_of_a_minute() -> None:
    assert parse_file_name("data_20_12_23_18_55-2 (1).json") == parse_name("data_20_12_23_18_55-2.json")


@pytest.mark.parametrize(
    "text",
    [
        "data_20_12_23_18_55 (0).json",
        "data_20_12_23_18_55 (x).json",
        "data_20_12_23_18_55  (1).json",
        "data_20_12_23_18_55.json.0",
        "data_20_12_23_18_55.1",
        "data_20_12_23_18_55.1.json",
        "data_20_12_23_18_55 copy(1) - Copy.json",
        "old (1).json",
    ],
)
def test_a_name_that_is_changed_otherwise_is_no_snapshots(text: str) -> None:
    assert parse_file_name(text) is None
