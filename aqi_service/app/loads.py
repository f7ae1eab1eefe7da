"""The steps of a round of loading, for both `--load-only` and the daemon: load, catch up, prune.

One rule: nothing here decides when.
"""

import asyncio
import logging
import math
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from enum import Enum, auto

from aqi_service import __version__
from aqi_service.app.config import Config
from aqi_service.app.console import ProgressLine
from aqi_service.app.option_rules import LEAST_INTERVAL
from aqi_service.core.clocks import RELEASED, ages_from, current
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.moved_ids import LoadIds
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.run_progress import RunProgress
from aqi_service.core.snapshot_names import newest_name, order_of, parse_name
from aqi_service.core.times import DAY
from aqi_service.errors import AqiError
from aqi_service.load.load import load
from aqi_service.load.plan import LoadPlan
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.snapshots.known_sources import KnownSources
from aqi_service.snapshots.manifests import CONCURRENT_READS, ManifestStore
from aqi_service.snapshots.sources import Source
from aqi_service.snapshots.unfinished import OlderUnfinished, UnfinishedSnapshots
from aqi_service.storage.backend import Backend
from aqi_service.storage.exports import NO_EXPORT, Export
from aqi_service.storage.lease import no_guard, still_held

log = logging.getLogger("aqi_service")

LEAST_SECONDS = 1.0
"""With fewer seconds left than this, no catching up begins."""


class LoadKind(Enum):
    """What is loaded. A replay may run beside anything; the other kinds end when the lease is lost."""

    LIVE = auto()
    CAUGHT_UP = auto()
    REPLAY = auto()


class Loads:
    """The loads of one configuration, one after the other.

    `memory` is told which records change in the table; None if there are no lookups. A load leaves out the
    sensors in `excluded` at its beginning: memory's, unless others are given. Scored records also go to
    `export`.
    """

    def __init__(
        self,
        config: Config,
        backend: Backend,
        memory: MemoryIndex | None = None,
        excluded: ExcludedSensors | None = None,
        export: Export = NO_EXPORT,
    ) -> None:
        self._config, self._backend, self._memory, self._export = config, backend, memory, export
        self._excluded = excluded or (memory.excluded if memory else ExcludedSensors())
        self._archive = backend.storage.archive
        self._deadline = math.inf if config.deadline is None else config.deadline
        self._manifests = ManifestStore(backend.storage, config.table, now=time.time)
        self._known = KnownSources(self._archive, self._manifests, config.table)
        self._unfinished = UnfinishedSnapshots(self._archive, self._manifests, config.scale_name, time.time)

    async def load(
        self, source: Source, kind: LoadKind, at_most: float = math.inf, run: RunProgress | None = None
    ) -> LoadReport:
        """Load one snapshot and return its report; show on a terminal how far it, and the run, has come.

        The load ends after `at_most` seconds, or after --load-deadline if that is less.
        """
        line = ProgressLine(sys.stderr, time.monotonic, run)
        try:
            plan = self._plan(kind, min(at_most, self._deadline))
            return await load(source, self._backend.storage, plan, now=time.time, progress=line)
        finally:
            line.done()

    def _plan(self, kind: LoadKind, seconds: float) -> LoadPlan:
        config = self._config
        return LoadPlan(
            table=config.table,
            scale=config.scale,
            agent=user_agent(config),
            max_bytes=config.max_bytes,
            max_records=config.max_records,
            live=kind is LoadKind.LIVE,
            ttl=config.ttl,
            excluded=self._excluded.ids,
            snapshot_time=config.snapshot_time,
            deadline=None if seconds == math.inf else seconds,
            released=RELEASED,
            rescore=config.rescore,
            dry_run=config.dry_run,
            export=self._export,
            guard=no_guard if kind is LoadKind.REPLAY else self._backend.lease.check,
            watch=self._memory.watch if self._memory else LoadIds,
            process=self._memory.process if self._memory else "",
        )

    async def seconds_until_feed_may_be_asked(self) -> float:
        """Return the seconds until the feed may be asked again: 5 minutes after the last snapshot."""
        if not self._config.is_official_feed:
            return 0.0
        try:
            newest = newest_name(current(await self._archive.names(), time.time()))
        except AqiError:
            return 0.0
        parsed = parse_name(newest) if newest else None
        due = parsed[1] + LEAST_INTERVAL - time.time() if parsed else 0.0
        return max(0.0, min(due, LEAST_INTERVAL))  # a name may lie an hour ahead

    async def catch_up(self, ends: float = math.inf) -> AsyncGenerator[LoadReport, None]:
        """Load unfinished snapshots of the last 48 hours, newest first, and yield the reports.

        It ends at `ends` (on the loop's clock), when the lease is lost, or with the first snapshot that the
        table does not take completely.
        """
        clock = asyncio.get_running_loop().time
        for source in await self._unfinished.recent():
            left = min(ends - clock(), self._deadline)
            if left < LEAST_SECONDS or not still_held(self._backend.lease.check):
                return
            report = await self.load(source, LoadKind.CAUGHT_UP, left)
            self._unfinished.note_load(source, report)
            if report.in_glacier:
                log_in_glacier(report)
                continue
            yield report
            if report.status is Status.INCOMPLETE:
                return

    async def log_older_unfinished(self) -> None:
        """Log how many older snapshots are not finished, and the command that loads them."""
        _log_older(await self._unfinished.older(), self._config.archive_command)

    async def prune(self) -> None:
        """Delete finished snapshots --keep-days older than nearly all of the newest data, but keep the last.

        Snapshots without a finished manifest are kept; if the data's age is not known, all are kept.
        """
        now = time.time()
        if self._config.keep_days is None:
            return
        witness = await self._manifests.witness()
        if witness is None:
            return
        before = ages_from(now, witness) - self._config.keep_days * DAY
        names = current(await self._archive.names(), now)
        old = [name for name in names if order_of(name)[0] < before]
        if done := await self.finished_of(old):
            await self._backend.prune(done - {await self._last_finished(names)})

    async def _last_finished(self, names: Sequence[str]) -> str | None:
        """Return the newest finished one of the snapshots."""
        ordered = sorted(names, key=order_of, reverse=True)
        for start in range(0, len(ordered), CONCURRENT_READS):
            if done := await self.finished_of(ordered[start : start + CONCURRENT_READS]):
                return newest_name(tuple(done))
        return None

    async def finished_sources(self, sources: Sequence[Source]) -> dict[Source, str]:
        """Return the sources that need not be read, each with the name of its finished snapshot.

        A source outside the archive is always read if its contents are wanted again, or under a given name.
        """
        config = self._config
        if config.reads_all:
            return {}
        names = {source: source.named[0] for source in sources if source.archived and source.named}
        done = await self._loaded_of(tuple(names.values()))
        found = {source: name for source, name in names.items() if name in done}
        if config.rescore or config.dry_run or config.snapshot_time is not None:
            return found
        others = [source for source in sources if source not in names]
        return found | await self._known.finished_of(others, config.scale_name, config.ttl)

    async def finished_day(self, source: Source) -> str | None:
        """Return a day of daily files by its name, if it need not be read, since its files are unchanged."""
        config = self._config
        if source.day is None or source.named is None or config.reads_all or config.rescore or config.dry_run:
            return None
        name = source.named[0]
        return name if await self._loaded_of((name,)) else None

    async def noted(self, source: Source) -> Source:
        """Return a source that must be read, with the snapshot of its earlier load if that must stay."""
        renamed = self._config.snapshot_time is not None
        return source if renamed or self._config.dry_run else await self._known.noted(source)

    async def note_source(self, source: Source, report: LoadReport) -> None:
        """Note a source outside the archive as it was when it was loaded, so that it is not read again."""
        if not self._config.dry_run:
            await self._known.note(source, report)

    async def finished_of(self, names: Sequence[str]) -> frozenset[str]:
        """Return which of the snapshots are finished, on the configuration's scale."""
        return await self._manifests.finished_of(names, self._config.scale_name)

    async def _loaded_of(self, names: Sequence[str]) -> frozenset[str]:
        """Return which are finished, and left out no records as expired that would live now."""
        return await self._manifests.finished_of(names, self._config.scale_name, self._config.ttl)


def _log_older(older: OlderUnfinished, command: str) -> None:
    if older.unfinished:
        hint = f"load them with {command}"
        log.warning("snapshots_unfinished", extra={"count": older[0], "of_newest": older[1], "hint": hint})


def log_in_glacier(report: LoadReport) -> None:
    """Log that a snapshot of the archive is skipped, since a person must restore it first."""
    hint = "restore it and load it by --load-only --from archive"
    log.warning("snapshot_in_glacier", extra={"source": report.source, "hint": hint})


def user_agent(config: Config) -> str:
    """Return the User-Agent for requests."""
    return f"aqi_service/{__version__} ({f'+{config.contact}' if config.contact else 'no contact given'})"


def warn_without_contact(config: Config) -> None:
    """Log a warning if the User-Agent names no contact for the feed's operators."""
    if config.asks_official_feed and not config.contact:
        hint = (
            "the feed's operators ask for one in the User-Agent: set AQI_CONTACT, or --contact, "
            "to your mail address or a page of yours"
        )
        log.warning("no_contact", extra={"hint": hint})


def tell_what_stays(config: Config) -> None:
    """Log what a daemon keeps for ever: on AWS items without TTL, with --local snapshots without limit."""
    what, option = ("items", "--ttl-days N") if config.local is None else ("snapshots", "--keep-days N")
    if (config.ttl_days if config.local is None else config.keep_days) is None:
        hint = f"{option} ends that; docs/scaling.md says what it costs"
        log.info("kept_for_ever", extra={"what": what, "hint": hint})
