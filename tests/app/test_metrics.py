"""What the daemon counts of its loads and connections, and its form as metrics."""

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aqi_service import __version__
from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.core.report import Fates, LoadReport, Status
from aqi_service.core.snapshot_index import IndexBuilder
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.server.limits import ServerCounts
from tests.doubles.promtool import CONTENT, check_metrics, with_promtool
from tests.doubles.storage_items import FULL

FATES = {"stored", "unchanged", "superseded", "merged", "rejected", "without_pm", "expired", "pending"}
COUNTERS = {
    "aqi_loads": "status", "aqi_records": "fate", "aqi_tcp_replies": "kind", "aqi_tcp_refused": "reason",
    "aqi_tcp_dropped": "reason", "aqi_http_refused": "reason",
    "aqi_tcp_accepted": None, "aqi_loader_restarts": None,
    "aqi_records_careful": None,
    "aqi_lookups": "source", "aqi_lookup_table_requests": None, "aqi_log_lines_dropped": None,
    "aqi_cloudwatch_failures": None,
}  # fmt: skip
GAUGES = {
    "aqi_tcp_connections": None, "aqi_build_info": "version", "aqi_memory_records": None,
    "aqi_loop_lag_worst_seconds": None, "aqi_clock_off": None, "aqi_loader": None,
    "aqi_failed_loads_in_a_row": None,
}  # fmt: skip
HISTOGRAMS = {"aqi_loop_lag_seconds", "aqi_request_seconds"}
BY_TWO = {"aqi_requests": {"kind", "outcome"}}
AFTER_A_LOAD = {
    "aqi_newest_record_timestamp_seconds", "aqi_last_finished_load_timestamp_seconds",
    "aqi_last_load_seconds", "aqi_last_load_bytes", "aqi_snapshot_records",
}  # fmt: skip


def report(status: Status = Status.COMPLETE, **changes: Any) -> LoadReport:
    usual: dict[str, Any] = {
        "status": status, "source": "f", "snapshot": "s", "snapshot_time": 0, "sha256": "", "bytes": 1000,
        "table": "t", "scale": "daqi", "version": "1", "records": 3, "fates": Fates(stored=2, without_pm=1),
        "sensors": 2, "newest": "2023-12-20 17:00:00", "reasons": {}, "warnings": {}, "started": 0.0,
        "seconds": 2.5,
    }  # fmt: skip
    return LoadReport(**usual | changes)


def values(status: ServiceStatus) -> Mapping[tuple[str, str | None], float]:
    """Read the metrics of this program: (name, label) -> value."""
    found = {}
    for family in text_string_to_metric_families(metrics(status)().decode()):
        for sample in family.samples if family.name.startswith("aqi_") else ():
            found[sample.name, next(iter(sample.labels.values()), None)] = sample.value
    return found


@pytest.fixture
def status() -> ServiceStatus:
    return ServiceStatus(ServerCounts())


def test_every_metric_has_its_name_type_and_label_from_the_start(status: ServiceStatus) -> None:
    families = {
        family.name: family
        for family in text_string_to_metric_families(metrics(status)().decode())
        if family.name.startswith("aqi_")
    }
    assert set(families) == {*COUNTERS, *GAUGES, *HISTOGRAMS, *BY_TWO}
    for name, labels in BY_TWO.items():
        assert all(set(sample.labels) == labels for sample in families[name].samples)
    assert {families[name].type for name in HISTOGRAMS} == {"histogram"}
    for name, label in (COUNTERS | GAUGES).items():
        family = families[name]
        assert family.type == ("counter" if name in COUNTERS else "gauge")
        assert family.documentation
        assert family.samples
        assert all(set(sample.labels) == ({label} if label else set()) for sample in family.samples)


def test_every_end_and_every_fate_is_there_at_zero_before_it_happens(status: ServiceStatus) -> None:
    found = values(status)
    assert {label for name, label in found if name == "aqi_loads_total"} == {*Status, "refused"}
    assert {label for name, label in found if name == "aqi_records_total"} == FATES
    assert {value for name, value in found.items() if name[0] != "aqi_build_info"} == {0.0}
    assert found["aqi_build_info", __version__] == 1


def test_a_load_is_counted_with_its_records_and_its_times(status: ServiceStatus) -> None:
    status.loaded(report(careful=5), now=1_703_095_300.0)
    found = values(status)
    assert found["aqi_loads_total", "complete"] == 1
    assert found["aqi_records_careful_total", None] == 5
    assert (found["aqi_records_total", "stored"], found["aqi_records_total", "without_pm"]) == (2, 1)
    assert {name: found[name, None] for name in AFTER_A_LOAD} == {
        "aqi_newest_record_timestamp_seconds": 1_703_091_600,
        "aqi_last_finished_load_timestamp_seconds": 1_703_095_300,
        "aqi_last_load_seconds": 2.5,
        "aqi_last_load_bytes": 1000,
        "aqi_snapshot_records": 3,
    }


def test_freshness_is_the_datas_and_never_goes_back(status: ServiceStatus) -> None:
    for newest in ("2023-12-20 17:00:00", "2023-12-19 17:00:00", None):
        status.loaded(report(newest=newest), now=1.0)
    assert values(status)["aqi_newest_record_timestamp_seconds", None] == 1_703_091_600


@pytest.mark.parametrize("end", Status)
def test_records_of_a_load_that_is_not_finished_count_as_no_fresh_data(
    end: Status, status: ServiceStatus
) -> None:
    status.loaded(report(end), now=5.0)
    newest = values(status).get(("aqi_newest_record_timestamp_seconds", None))
    assert newest == (1_703_091_600 if end in (Status.COMPLETE, Status.UNCHANGED) else None)


@pytest.mark.parametrize("end", Status)
def test_only_a_load_that_is_complete_or_unchanged_is_finished(end: Status, status: ServiceStatus) -> None:
    status.loaded(report(end, newest=None), now=5.0)
    finished = values(status).get(("aqi_last_finished_load_timestamp_seconds", None))
    assert finished == (5.0 if end in (Status.COMPLETE, Status.UNCHANGED) else None)


def test_loads_that_fail_are_counted_in_a_row_until_one_does_not(status: ServiceStatus) -> None:
    def in_a_row() -> float:
        return values(status)["aqi_failed_loads_in_a_row", None]

    status.loaded(report(Status.FAILED), now=1.0)
    status.loaded(report(Status.REJECTED), now=2.0)
    status.caught_up(report())  # of the archive, which says nothing of the feed
    status.refused()
    assert in_a_row() == 3
    for end in (Status.COMPLETE, Status.UNCHANGED, Status.INCOMPLETE):
        status.loaded(report(Status.FAILED), now=3.0)
        assert in_a_row() >= 1
        status.loaded(report(end), now=4.0)
        assert in_a_row() == 0


@pytest.mark.parametrize("end", Status)
def test_only_a_complete_load_says_how_many_records_the_feed_has(end: Status, status: ServiceStatus) -> None:
    status.loaded(report(records=9, fates=Fates(stored=9)), now=1.0)
    status.loaded(report(end, records=2, fates=Fates(without_pm=2)), now=2.0)
    assert values(status)["aqi_snapshot_records", None] == (2 if end is Status.COMPLETE else 9)


def test_disk_and_certificate_are_told_where_there_are_such(status: ServiceStatus) -> None:
    names = ("aqi_disk_free_bytes", "aqi_certificate_expiry_timestamp_seconds")
    assert [values(status).get((name, None)) for name in names] == [None, None]
    status.disk_free, status.certificate_end = 0, lambda: 1_767_225_600
    assert [values(status).get((name, None)) for name in names] == [0, 1_767_225_600]


def test_what_the_server_counts_is_read_when_metrics_are_asked_for(status: ServiceStatus) -> None:
    read = metrics(status)
    status.server.accepted, status.server.open = 9, 4
    status.server.replies["found"] += 7
    status.server.cut["malformed"] += 1
    status.server.refused["address"] += 2
    status.loader_restarts = 3
    status.http_refused["silent"] += 5
    lines = read().decode().splitlines()
    for line in (
        "aqi_tcp_accepted_total 9.0",
        "aqi_tcp_connections 4.0",
        'aqi_tcp_replies_total{kind="found"} 7.0',
        'aqi_tcp_dropped_total{reason="malformed"} 1.0',
        'aqi_tcp_refused_total{reason="address"} 2.0',
        "aqi_loader_restarts_total 3.0",
        'aqi_http_refused_total{reason="silent"} 5.0',
    ):
        assert line in lines


def test_how_late_the_loop_is_is_a_histogram_that_adds_up(status: ServiceStatus) -> None:
    for late in (0.001, 0.07, 2.0):
        status.lag.note(late)
    found = values(status)
    buckets = {label: found["aqi_loop_lag_seconds_bucket", label] for label in ("0.005", "0.1", "1.0", "2.5")}
    assert buckets == {"0.005": 1, "0.1": 2, "1.0": 2, "2.5": 3}
    assert found["aqi_loop_lag_seconds_bucket", "+Inf"] == found["aqi_loop_lag_seconds_count", None] == 3
    assert found["aqi_loop_lag_seconds_sum", None] == pytest.approx(2.071)
    assert found["aqi_loop_lag_worst_seconds", None] == 2.0


def test_requests_are_counted_by_kind_and_outcome_with_a_histogram_of_each_kind(
    status: ServiceStatus,
) -> None:
    status.requests.note("near", "found", 0.03)
    status.requests.note("record", "found", 0.2)
    status.requests.note("record", "not_found")
    status.lookups.memory = 5
    lines = metrics(status)().decode().splitlines()
    for line in (
        'aqi_requests_total{kind="near",outcome="found"} 1.0',
        'aqi_requests_total{kind="record",outcome="found"} 6.0',
        'aqi_requests_total{kind="record",outcome="not_found"} 1.0',
        'aqi_requests_total{kind="other",outcome="failed"} 0.0',
        'aqi_request_seconds_bucket{kind="near",le="0.025"} 0.0',
        'aqi_request_seconds_bucket{kind="near",le="0.05"} 1.0',
        'aqi_request_seconds_bucket{kind="record",le="0.001"} 6.0',
        'aqi_request_seconds_bucket{kind="record",le="+Inf"} 7.0',
        'aqi_request_seconds_count{kind="record"} 7.0',
        'aqi_request_seconds_sum{kind="record"} 0.2',
    ):
        assert line in lines


@with_promtool
def test_promtool_is_content_with_the_metrics_before_and_after_a_load(status: ServiceStatus) -> None:
    assert check_metrics(metrics(status)()) == CONTENT
    status.loaded(report(), now=1.0)
    assert check_metrics(metrics(status)()) == CONTENT
    assert check_metrics(b"# TYPE bad_total gauge\nbad_total 1\n") != CONTENT


def test_the_process_itself_is_measured_too(status: ServiceStatus) -> None:
    text = metrics(status)().decode()
    for name in (
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
        "python_info",
    ):
        assert f"\n{name}" in text


def test_lookups_are_counted_by_where_they_were_answered_and_memory_by_its_records_and_time(
    status: ServiceStatus,
) -> None:
    status.lookups.memory, status.lookups.table, status.lookups.requests = 9, 5, 2
    assert ("aqi_memory_snapshot_timestamp_seconds", None) not in values(status)
    builder = IndexBuilder()
    builder.add([FULL, FULL._replace(id="2")])
    status.memory.offer(
        builder.done(SnapshotVersion("data_20_12_23_18_00.json", 1_703_095_200, "daqi", 3, 5, ""), 0.0)
    )
    found = values(status)
    assert (found["aqi_lookups_total", "memory"], found["aqi_lookups_total", "table"]) == (9, 5)
    assert found["aqi_lookup_table_requests_total", None] == 2
    assert found["aqi_memory_records", None] == 2
    assert found["aqi_memory_snapshot_timestamp_seconds", None] == 1_703_095_200
