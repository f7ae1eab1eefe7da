"""The result of a run over several snapshots, in one sentence.

One rule: it says no more than the reports say, added up.
"""

from collections import Counter

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.rescoring import IndexChanges
from aqi_service.core.status_line import age_text


class RunSummary:
    """The sums of a run's reports.

    Attributes:
        of: how many snapshots there are to load; 0 if that is not known before.
        skips: how many were not read because they are finished.
        statuses: how many loads ended with each status.
        records, stored: the sums over all loads.
        changes: changes of indices, if the table is scored again.
    """

    def __init__(self) -> None:
        self.of = self.skips = 0
        self.statuses: Counter[Status] = Counter()
        self.records = self.stored = 0
        self.changes: IndexChanges | None = None

    def add(self, report: LoadReport) -> None:
        """Add a report."""
        self.statuses[report.status] += 1
        self.records += report.records
        self.stored += report.fates.stored
        if report.indices is not None:
            self.changes = self.changes or IndexChanges()
            self.changes.update(report.indices)

    @property
    def missing(self) -> int:
        """How many snapshots were not loaded, or not whole."""
        return self.of - self.statuses[Status.COMPLETE] - self.statuses[Status.UNCHANGED]

    def sentence(self, seconds: float, *, dry_run: bool) -> str:
        """Describe a run that took this many seconds."""
        ended = ", ".join(f"{self.statuses[each]:,} {each}" for each in Status if self.statuses[each])
        what = f"{self.records:,} records, {self.stored:,} {'to be stored' if dry_run else 'stored'}"
        count = f"{self.statuses.total():,} of {self.of:,} snapshots"
        told = f"{count} in {age_text(seconds)}: {ended or 'none loaded'}; {what}"
        return (
            told if not self.missing or dry_run else f"{told}; the same command again loads what is missing"
        )
