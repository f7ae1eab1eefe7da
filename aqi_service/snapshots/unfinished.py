"""Snapshots that earlier loads left unfinished in the archive, because they were killed or out of time.

One rule: the newest come first. A manifest that says that a snapshot is complete is read once, but the table
is asked each time whether that is still so: it may have been made again, or put back to an earlier state.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aqi_service.core.clocks import ahead
from aqi_service.core.manifest import Claim
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import order_of, parse_name
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.named_ahead import tell_ahead
from aqi_service.snapshots.sources import Source, archived_source
from aqi_service.storage.ports import Archive

RECENT_SECONDS = 48 * 3600
"""A snapshot of at most this age is loaded again without a request."""

MOST_OLD = 1000
"""At most this many manifests of older snapshots are read: unfinished ones are only counted."""


class OlderUnfinished(NamedTuple):
    """How many of the newest `among` snapshots older than RECENT_SECONDS are not finished."""

    unfinished: int
    among: int


class UnfinishedSnapshots:
    """The unfinished snapshots of one table on one scale; `now` gives epoch seconds."""

    def __init__(
        self, archive: Archive, manifests: ManifestStore, scale: str, now: Callable[[], float]
    ) -> None:
        self._archive = archive
        self._manifests = manifests
        self._scale = scale
        self._now = now
        self._finished: dict[str, Claim] = {}
        self._passed_over: set[str] = set()
        self._named_ahead: set[str] = set()

    async def recent(self) -> list[Source]:
        """Return the unfinished snapshots of the last 48 hours, newest first."""
        now = self._now()
        names = await self._unfinished(await self._named(now - RECENT_SECONDS, now))
        return [archived_source(self._archive, *named) for name in names if (named := parse_name(name))]

    async def older(self) -> OlderUnfinished:
        """Count the unfinished snapshots before that."""
        names = (await self._named(-math.inf, self._now() - RECENT_SECONDS))[:MOST_OLD]
        return OlderUnfinished(len(await self._unfinished(names)), len(names))

    def note_load(self, source: Source, report: LoadReport) -> None:
        """Note how a load ended, so a source that is no snapshot, or in Glacier, is not tried for ever."""
        if source.named and (report.status is Status.REJECTED or report.in_glacier):
            self._passed_over.add(source.named[0])

    async def _named(self, after: float, until: float) -> list[str]:
        """Return the snapshots whose time lies in (after, until], newest first."""
        ordered = sorted(await self._archive.names(), key=order_of, reverse=True)
        self._tell_ahead(ordered)
        return [name for name in ordered if after < order_of(name)[0] <= until]

    def _tell_ahead(self, names: Sequence[str]) -> None:
        """Log once the snapshots that count for nothing, since a wrong clock named them."""
        new = [name for name in ahead(names, self._now()) if name not in self._named_ahead]
        self._named_ahead.update(new)
        tell_ahead(new)

    async def _unfinished(self, names: Sequence[str]) -> list[str]:
        left = [name for name in names if name not in self._passed_over]
        self._finished = await self._borne_out(self._finished)
        unknown = [name for name in left if name not in self._finished]
        self._finished |= await self._borne_out(await self._manifests.claims(unknown, self._scale))
        return [name for name in unknown if name not in self._finished]

    async def _borne_out(self, claims: dict[str, Claim]) -> dict[str, Claim]:
        found = await self._manifests.borne_out(claims)
        return {name: claim for name, claim in claims.items() if name in found}
