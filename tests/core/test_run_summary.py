"""What a run came to: the sums of its reports, and whether something is missing."""

from dataclasses import replace

from aqi_service.core.report import Fates, LoadReport, Status
from aqi_service.core.rescoring import IndexChanges
from aqi_service.core.run_summary import RunSummary

REPORT = LoadReport(
    status=Status.COMPLETE, source="a.json", snapshot="data_20_12_23_18_01.json", snapshot_time=0, sha256="",
    bytes=0, table="t", scale="daqi", version="1", records=1_500, fates=Fates(stored=700, unchanged=800),
    sensors=1, newest=None, reasons={}, warnings={}, started=0.0, seconds=1.0,
)  # fmt: skip


def summary(of: int, *statuses: Status) -> RunSummary:
    found = RunSummary()
    found.of = of
    for status in statuses:
        found.add(replace(REPORT, status=status))
    return found


def test_a_run_that_is_finished_says_what_it_came_to() -> None:
    found = summary(3, Status.COMPLETE, Status.UNCHANGED, Status.COMPLETE)
    told = "3 of 3 snapshots in 12 min: 2 complete, 1 unchanged; 4,500 records, 2,100 stored"
    assert found.sentence(725.0, dry_run=False) == told


def test_where_something_is_missing_the_sentence_says_that_again_loads_it() -> None:
    again = "; the same command again loads what is missing"
    failed = summary(2, Status.COMPLETE, Status.FAILED).sentence(5.0, dry_run=False)
    assert failed == f"2 of 2 snapshots in 5 s: 1 complete, 1 failed; 3,000 records, 1,400 stored{again}"
    cut = summary(30, Status.INCOMPLETE).sentence(5.0, dry_run=False)
    assert cut == f"1 of 30 snapshots in 5 s: 1 incomplete; 1,500 records, 700 stored{again}"
    assert summary(2).sentence(0.0, dry_run=False).startswith("0 of 2 snapshots in 0 s: none loaded; ")


def test_a_dry_run_says_what_would_be_stored() -> None:
    told = summary(2, Status.COMPLETE, Status.REJECTED).sentence(5.0, dry_run=True)
    assert told == "2 of 2 snapshots in 5 s: 1 complete, 1 rejected; 3,000 records, 1,400 to be stored"


def test_changes_of_indices_add_up_where_any_report_has_them() -> None:
    found = summary(2, Status.COMPLETE)
    assert found.changes is None
    for _ in range(2):
        found.add(replace(REPORT, indices=IndexChanges([(("2", "3"), 5)])))
    assert found.changes is not None
    assert found.changes.total == 10
