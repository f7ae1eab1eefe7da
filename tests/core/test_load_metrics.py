"""What is told of a load to who raises alarms."""

from dataclasses import replace

import pytest

from aqi_service.core.load_metrics import NAMES, LoadMetric, load_metrics
from aqi_service.core.report import Fates, LoadReport, Status

AGE, FAILED, RECORDS = NAMES
NOW = 1_703_095_265.0
REPORT = LoadReport(
    status=Status.COMPLETE,
    source="the feed",
    snapshot=None,
    snapshot_time=0,
    sha256=None,
    bytes=0,
    table="t",
    scale="daqi",
    version="1",
    records=36,
    fates=Fates(
        stored=1, unchanged=2, superseded=3, merged=4, rejected=5, without_pm=6, expired=7, pending=8
    ),
    sensors=0,
    newest=None,
    reasons={},
    warnings={},
    started=0.0,
    seconds=0.0,
)


def told(report: LoadReport | None, newest: int | None = None) -> dict[str, float]:
    """Give what is told but for the records, by name."""
    return {each.name: each.value for each in load_metrics(report, newest, NOW) if each.fate is None}


@pytest.mark.parametrize(
    ("status", "failed"),
    [
        (Status.COMPLETE, 0),
        (Status.UNCHANGED, 0),
        (Status.INCOMPLETE, 1),
        (Status.REJECTED, 1),
        (Status.FAILED, 1),
    ],
)
def test_a_load_that_did_not_finish_counts_as_failed(status: Status, failed: int) -> None:
    assert told(replace(REPORT, status=status))[FAILED] == failed


def test_a_load_that_was_refused_counts_as_failed_and_has_no_records() -> None:
    metrics = load_metrics(None, 7, NOW)
    assert told(None, 7) == {FAILED: 1, AGE: NOW - 7}
    assert {metric.value for metric in metrics if metric.name == RECORDS} == {0}


def test_the_age_is_that_of_the_newest_record_whatever_the_load_came_to() -> None:
    for report in (REPORT, replace(REPORT, status=Status.FAILED), None):
        assert told(report, int(NOW) - 10_800)[AGE] == 10_800
    assert told(REPORT, int(NOW) + 60)[AGE] == 0


def test_an_age_that_nobody_knows_is_left_out() -> None:
    assert AGE not in told(REPORT)
    assert AGE not in told(replace(REPORT, clock_off=True), int(NOW) - 60)


def test_records_are_counted_by_fate_and_all_metrics_are_ten() -> None:
    metrics = load_metrics(REPORT, 1, NOW)
    assert LoadMetric(RECORDS, "Count", 8, "pending") in metrics
    assert [metric.value for metric in metrics if metric.fate] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len({(metric.name, metric.fate) for metric in metrics}) == len(metrics) == 10
    assert [metric.unit for metric in metrics if metric.name == AGE] == ["Seconds"]
