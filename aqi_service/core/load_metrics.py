"""What alarms need to know of a load: how it ended, how old the data is, what became of its records.

One rule: few metrics, since each costs money: ten for every load.
"""

from dataclasses import asdict
from typing import NamedTuple

from aqi_service.core.report import Fates, LoadReport

NAMES = ("NewestRecordAge", "LoadFailed", "Records")
"""The last has a dimension, Fate."""

SECONDS, COUNT = "Seconds", "Count"


class LoadMetric(NamedTuple):
    """One figure; `fate` is set if the figure counts records: those with that fate."""

    name: str
    unit: str
    value: float
    fate: str | None = None


def load_metrics(report: LoadReport | None, newest: int | None, now: float) -> tuple[LoadMetric, ...]:
    """Return the metrics of a load that has ended; None stands for a load that archive or table refused.

    `newest` is when the newest record of the finished loads was measured, `now` the clock's time (both epoch
    seconds). The age is left out if it is not known, or if the clock is known to be wrong.
    """
    age, failed, records = NAMES
    fates = asdict(Fates() if report is None else report.fates)
    metrics = [LoadMetric(failed, COUNT, float(report is None or not report.status.is_finished))]
    if newest is not None and not (report and report.clock_off):
        metrics.append(LoadMetric(age, SECONDS, max(0.0, now - newest)))
    return (*metrics, *(LoadMetric(records, COUNT, float(count), fate) for fate, count in fates.items()))
