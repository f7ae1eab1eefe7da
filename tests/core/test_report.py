"""The report of a load: its form, its sum, and what is odd about a snapshot as a whole."""

import json
from typing import Any

import pytest

from aqi_service.core.report import Fates, LoadReport, Status, snapshot_warnings

KEYS = [
    "status",
    "source",
    "snapshot",
    "snapshot_time",
    "sha256",
    "bytes",
    "table",
    "scale",
    "version",
    "records",
    "stored",
    "unchanged",
    "superseded",
    "merged",
    "rejected",
    "without_pm",
    "expired",
    "pending",
    "sensors",
    "newest",
    "reasons",
    "warnings",
    "started",
    "seconds",
    "dry_run",
    "error",
]

FATES = Fates(
    stored=1, unchanged=2, superseded=4, merged=8, rejected=16, without_pm=32, expired=64, pending=128
)


def made(records: int = 255, **changes: Any) -> LoadReport:
    """Make a report in which every number differs."""
    facts: dict[str, Any] = {
        "status": Status.INCOMPLETE,
        "source": "a file",
        "snapshot": "data_20_12_23_18_55.json",
        "snapshot_time": 1_703_098_500,
        "sha256": "ab",
        "bytes": 999,
        "table": "t",
        "scale": "daqi",
        "version": "1.2.3",
        "fates": FATES,
        "sensors": 77,
        "newest": "2023-12-20 17:00:00",
        "reasons": {"bad_id": 16},
        "warnings": {"bad_country": 3},
        "started": 1_703_098_561.75,
        "seconds": 12.34567,
        "error": "interrupted",
    }
    return LoadReport(records=records, **(facts | changes))


def test_a_report_has_the_keys_of_the_specification_in_their_order() -> None:
    assert list(made().as_json()) == KEYS


def test_a_report_shows_its_values_as_json() -> None:
    shown = json.dumps(made().as_json())
    assert shown == (
        '{"status": "incomplete", "source": "a file", "snapshot": "data_20_12_23_18_55.json", '
        '"snapshot_time": "2023-12-20T18:55:00Z", "sha256": "ab", "bytes": 999, "table": "t", '
        '"scale": "daqi", "version": "1.2.3", "records": 255, "stored": 1, "unchanged": 2, '
        '"superseded": 4, "merged": 8, '
        '"rejected": 16, "without_pm": 32, "expired": 64, "pending": 128, "sensors": 77, '
        '"newest": "2023-12-20 17:00:00", "reasons": {"bad_id": 16}, "warnings": {"bad_country": 3}, '
        '"started": "2023-12-20T18:56:01Z", "seconds": 12.346, "dry_run": false, "error": "interrupted"}'
    )


def test_the_statuses_are_those_of_the_specification() -> None:
    assert [str(status) for status in Status] == ["complete", "incomplete", "unchanged", "rejected", "failed"]


def test_retry_after_and_example_are_not_printed() -> None:
    assert made(retry_after=60, example="28").as_json() == made().as_json()
    assert made(snapshot=None).as_json()["snapshot"] is None


def test_fates_that_add_up_to_the_records_pass_the_check() -> None:
    assert FATES.total == 255
    assert Fates().total == 0
    made(255).check()


@pytest.mark.parametrize("records", [254, 256, 0])
def test_fates_that_do_not_add_up_fail_the_check_and_both_numbers_are_named(records: int) -> None:
    with pytest.raises(ValueError, match=f"^{records} records.* 255 "):
        made(records).check()


@pytest.mark.parametrize(
    ("numbers", "odd"),
    [
        ({"records": 0, "pm_records": 0, "pm_rejected": 0, "sensors": 0}, {"empty_feed"}),
        ({"records": 9, "pm_records": 0, "pm_rejected": 0, "sensors": 0}, set()),
        ({"records": 200, "pm_records": 100, "pm_rejected": 0, "sensors": 100}, set()),
        ({"records": 200, "pm_records": 150, "pm_rejected": 0, "sensors": 100}, set()),
        ({"records": 200, "pm_records": 151, "pm_rejected": 0, "sensors": 100}, {"not_24h_mean"}),
        ({"records": 200, "pm_records": 200, "pm_rejected": 0, "sensors": 100}, {"not_24h_mean"}),
        ({"records": 6874, "pm_records": 3612, "pm_rejected": 47, "sensors": 1667}, {"not_24h_mean"}),
        ({"records": 200, "pm_records": 100, "pm_rejected": 50, "sensors": 100}, set()),
        ({"records": 200, "pm_records": 100, "pm_rejected": 51, "sensors": 100}, {"mostly_rejected"}),
        (
            {"records": 200, "pm_records": 200, "pm_rejected": 200, "sensors": 9},
            {"not_24h_mean", "mostly_rejected"},
        ),
        ({"records": 2, "pm_records": 2, "pm_rejected": 0, "sensors": 1}, {"not_24h_mean"}),
        ({"records": 9, "pm_records": 9, "pm_rejected": 0, "sensors": 0}, set()),
        ({"records": 1, "pm_records": 1, "pm_rejected": 1, "sensors": 1}, {"mostly_rejected"}),
    ],
)
def test_a_snapshot_is_flagged_when_it_is_empty_no_24_hour_mean_or_mostly_rejected(
    numbers: dict[str, int], odd: set[str]
) -> None:
    assert snapshot_warnings(**numbers) == dict.fromkeys(odd, 1)
