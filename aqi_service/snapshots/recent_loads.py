"""The last loads of a table, in the form for readers.

One rule: however many readers ask, the archive is asked once in KEPT_SECONDS.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from aqi_service.core.clocks import current
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.manifest import Manifest
from aqi_service.core.recent_loads import Reject, is_shown, public_report, rejects_of
from aqi_service.core.requests import MOST_LOADS
from aqi_service.core.snapshot_names import order_of, rejects_key
from aqi_service.errors import AqiError, NoAnswer
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.ports import Storage

log = logging.getLogger("aqi_service")

KEPT_SECONDS = 60.0
"""How many seconds a result is used again."""

DEADLINE = 5.0
"""Most seconds that reading may take."""

SLICE = 50
"""Rejected records that are read in one turn of the event loop: some 200 kB at most."""

Kept = TypeVar("Kept")


class RecentLoads:
    """Answers from an archive about the last loads of a table; `now` gives epoch seconds.

    No record of a sensor in `excluded` is shown, even if an earlier load wrote one down.

    Both methods raise NoAnswer if the archive does not answer.
    """

    def __init__(
        self,
        storage: Storage,
        table: str,
        now: Callable[[], float],
        excluded: ExcludedSensors | None = None,
    ) -> None:
        self._excluded = excluded or ExcludedSensors()
        self._archive, self._table, self._now = storage.archive, table, now
        self._manifests = ManifestStore(storage, table, now=now)
        self._loads: _Once[list[Manifest]] = _Once(self._read_loads)
        self._rejects: _Once[list[Reject]] = _Once(self._read_rejects)

    async def loads(self) -> Sequence[dict[str, Any]]:
        """Return the reports of the last MOST_LOADS snapshots that have a manifest, newest first."""
        return [public_report(manifest) for manifest in await self._loads.get()]

    async def rejects(self) -> Sequence[Reject]:
        """Return the rejected records of the newest of these snapshots."""
        rejects = await self._rejects.get()
        return [each for each in rejects if is_shown(each, self._excluded)]

    async def _read_loads(self) -> list[Manifest]:
        """Read the newest manifests; for each snapshot without one, one more is looked at."""
        names = sorted(current(await self._archive.names(), self._now()), key=order_of, reverse=True)
        asked = names[: 2 * MOST_LOADS]
        found = await asyncio.gather(*map(self._manifests.manifest, asked))
        return [manifest for manifest in found if manifest is not None][:MOST_LOADS]

    async def _read_rejects(self) -> list[Reject]:
        loads = await self._loads.get()
        if not loads:
            return []
        document = await self._archive.get(rejects_key(self._table, str(loads[0].get("snapshot"))))
        found = list[Reject]()
        for reject in rejects_of(document or b""):
            found.append(reject)
            if len(found) % SLICE == 0:
                await asyncio.sleep(0)
        return found


class _Once(Generic[Kept]):
    """Reads something once for all callers within KEPT_SECONDS."""

    def __init__(self, read: Callable[[], Awaitable[Kept]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._kept: tuple[float, Kept] | None = None

    async def get(self) -> Kept:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE), self._turn:
                if self._kept is None or loop.time() >= self._kept[0]:
                    self._kept = loop.time() + KEPT_SECONDS, await self._read()
                return self._kept[1]
        except NoAnswer:
            raise
        except (AqiError, TimeoutError) as error:
            log.info("loads_not_read", extra={"error": str(error) or "no answer in time"})
            raise NoAnswer("the archive cannot be read now; try again later") from error
