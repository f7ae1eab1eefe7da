"""What the daemon knows about itself, and its form as Prometheus metrics.

One rule: the daemon writes it, the metrics page reads it; nothing is decided by it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from aqi_service import __version__
from aqi_service.app import output
from aqi_service.app.loop_lag import LoopLag
from aqi_service.core.clocks import clock_trouble
from aqi_service.core.report import Fates, LoadReport, Status
from aqi_service.core.request_counts import FOUND, RECORD, RequestCounts
from aqi_service.core.times import feed_time
from aqi_service.lookup.batcher import LookupCounts
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.server.limits import ServerCounts

REFUSED = "refused"
"""The outcome of a load that archive or table refused, so that there is no report."""

HTTP_REFUSALS = ("connections", "silent", "body", "head")
"""As in `web.limits`, which is not imported if there is --no-http."""

_ENDS = (*Status, REFUSED)
_FAILED = (Status.FAILED, Status.REJECTED)
_FATES = tuple(asdict(Fates()))


@dataclass(slots=True)
class ServiceStatus:
    """Counts since the process began; only the event loop's thread changes them."""

    server: ServerCounts
    lookups: LookupCounts = field(default_factory=LookupCounts)
    requests: RequestCounts = field(default_factory=lambda: RequestCounts(time.monotonic))
    memory: MemoryIndex = field(default_factory=lambda: MemoryIndex(time.time))
    loads: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_ENDS, 0)))
    fates: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_FATES, 0)))
    failures: int = 0
    careful: int = 0
    loader_restarts: int = 0
    http_refused: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(HTTP_REFUSALS, 0)))
    lag: LoopLag = field(default_factory=LoopLag)
    last: LoadReport | None = None
    newest: int | None = None
    records: int | None = None
    finished: float | None = None
    clock_off: str | None = None
    disk_free: int | None = None
    certificate_end: Callable[[], int | None] = lambda: None
    holds_lease: Callable[[], bool] = lambda: False
    watchers: list[Callable[[LoadReport | None], None]] = field(default_factory=list)
    cloudwatch_failures: Callable[[], int] = lambda: 0

    def clock_trouble(self, now: float) -> str | None:
        """Return why this machine's clock, which says `now` (epoch seconds), counts as wrong, or None."""
        return clock_trouble(now) or self.clock_off

    def caught_up(self, report: LoadReport) -> None:
        """Count a load of an archived snapshot."""
        self.loads[report.status] += 1
        self.fates.update(asdict(report.fates))
        self.careful += report.careful
        if report.status.is_finished:
            self.seen(report.newest)  # else it may be one that the table does not have

    def loaded(self, report: LoadReport, now: float) -> None:
        """Count a load of the live feed that ended at `now` (epoch seconds)."""
        self.caught_up(report)
        self.last = report
        self.failures = self.failures + 1 if report.status in _FAILED else 0
        if report.status.is_finished:
            self.finished = now
        if report.status is Status.COMPLETE:
            self.records = report.records

    def refused(self) -> None:
        """Count a load that archive or table refused."""
        self.loads[REFUSED] += 1
        self.failures += 1

    def ended(self, report: LoadReport | None) -> None:
        """Tell the watchers that a load of the live feed has ended; None means that it was refused."""
        for watcher in self.watchers:
            watcher(report)

    def seen(self, timestamp: object) -> None:
        """Note the timestamp of a record in the table; the newest counts."""
        newest = feed_time(timestamp)
        if newest is not None:
            self.newest = max(newest, self.newest or 0)


class _Metrics(Collector):
    """Reads a ServiceStatus at each request for metrics."""

    def __init__(self, status: ServiceStatus) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of the service."""
        yield from self._by_label()
        yield from self._counters()
        yield from self._gauges()
        yield from _lag(self._status.lag)
        yield from _requests(self._status.requests, self._status.lookups.memory)

    def _by_label(self) -> Iterable[Metric]:
        """Yield the counters with a label."""
        status, server = self._status, self._status.server
        for name, text, label, counts in (
            ("aqi_loads", "Loads by how they ended.", "status", status.loads),
            ("aqi_records", "Records by their fate.", "fate", status.fates),
            ("aqi_tcp_replies", "Replies by kind.", "kind", server.replies),
            ("aqi_tcp_refused", "Connections refused, by reason.", "reason", server.refused),
            (
                "aqi_http_refused",
                "HTTP connections that this side ended, by reason.",
                "reason",
                status.http_refused,
            ),
            ("aqi_tcp_dropped", "Connections dropped, by reason.", "reason", server.cut),
            (
                "aqi_lookups",
                "Lookups, by where the answer was looked for.",
                "source",
                _sources(status.lookups),
            ),
        ):
            family = CounterMetricFamily(name, text, labels=[label])
            for key, count in counts.items():
                family.add_metric([str(key)], count)
            yield family

    def _counters(self) -> Iterable[Metric]:
        """Yield the counters without a label."""
        status = self._status
        yield CounterMetricFamily(
            "aqi_records_careful", "Records of no ordinary form, which take longer.", status.careful
        )
        yield CounterMetricFamily("aqi_tcp_accepted", "Connections accepted.", status.server.accepted)
        yield CounterMetricFamily("aqi_loader_restarts", "Times the loader died.", status.loader_restarts)
        yield from _untold(status)
        yield CounterMetricFamily(
            "aqi_lookup_table_requests", "Lookups' requests to the table.", status.lookups.requests
        )

    def _gauges(self) -> Iterable[Metric]:
        """Yield the gauges; most values of a load are not known before the first one."""
        status, last, index = self._status, self._status.last, self._status.memory.index
        rows: tuple[tuple[str, str, float | None], ...] = (
            ("aqi_tcp_connections", "Connections open.", status.server.open),
            ("aqi_loader", "1 while this process has the lease, and so loads.", status.holds_lease()),
            (
                "aqi_failed_loads_in_a_row",
                "Loads of the live feed in a row that failed, were rejected or refused.",
                status.failures,
            ),
            (
                "aqi_clock_off",
                "1 while the clock is wrong and nothing is loaded.",
                status.clock_trouble(time.time()) is not None,
            ),
            ("aqi_memory_records", "Records in memory.", 0 if index is None else len(index)),
            ("aqi_newest_record_timestamp_seconds", "Time of the newest record.", status.newest),
            (
                "aqi_memory_snapshot_timestamp_seconds",
                "Time of the snapshot in memory.",
                None if index is None else index.version.snapshot_time,
            ),
            ("aqi_last_finished_load_timestamp_seconds", "When a load last finished.", status.finished),
            ("aqi_last_load_seconds", "How long the last load took.", last.seconds if last else None),
            ("aqi_last_load_bytes", "Decoded size of the last snapshot.", last.bytes if last else None),
            ("aqi_snapshot_records", "Records of the last complete snapshot.", status.records),
            (
                "aqi_certificate_expiry_timestamp_seconds",
                "When the certificate that is served ends.",
                status.certificate_end(),
            ),
            ("aqi_disk_free_bytes", "Bytes that are free on the disk of --local.", status.disk_free),
        )
        for name, text, value in rows:
            if value is not None:
                yield GaugeMetricFamily(name, text, value)
        info = GaugeMetricFamily("aqi_build_info", "The version that runs.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info


def _sources(lookups: LookupCounts) -> dict[str, int]:
    return {"memory": lookups.memory, "table": lookups.table}


def _untold(status: ServiceStatus) -> Iterable[Metric]:
    """Yield how many lines, reports and messages nobody took."""
    for name, text, count in (
        ("aqi_log_lines_dropped", "Lines of stdout and stderr that nobody read.", output.dropped()),
        ("aqi_cloudwatch_failures", "Loads of which CloudWatch was not told.", status.cloudwatch_failures()),
    ):
        yield CounterMetricFamily(name, text, count)


def _lag(lag: LoopLag) -> Iterable[Metric]:
    text = "How late the event loop woke up."
    yield HistogramMetricFamily("aqi_loop_lag_seconds", text, lag.buckets(), lag.total)
    yield GaugeMetricFamily("aqi_loop_lag_worst_seconds", "The latest that it ever was.", lag.worst)


def _requests(requests: RequestCounts, memory: int) -> Iterable[Metric]:
    """Yield the outcomes of requests; answers from memory need no wait, and are counted separately."""
    ended = requests.ended | {(RECORD, FOUND): requests.ended[RECORD, FOUND] + memory}
    text = "Requests of the wire and the API, by what was asked and how it ended."
    counts = CounterMetricFamily("aqi_requests", text, labels=["kind", "outcome"])
    for labels, count in ended.items():
        counts.add_metric(labels, count)
    yield counts
    text = "How long requests were waited for, until there was an answer."
    times = HistogramMetricFamily("aqi_request_seconds", text, labels=["kind"])
    for kind, seconds in requests.seconds.items():
        at_once = memory if kind == RECORD else 0
        times.add_metric([kind], [(edge, n + at_once) for edge, n in seconds.buckets()], seconds.total)
    yield times


def metrics(status: ServiceStatus) -> Callable[[], bytes]:
    """Return a function that writes the metrics in Prometheus' text form."""
    registry = CollectorRegistry()
    registry.register(_Metrics(status))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return lambda: generate_latest(registry)
