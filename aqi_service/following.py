"""Bring the newest finished snapshot into memory, out of the archive: at the start, and whenever another is.

One rule: only the snapshot that `latest.json` names counts, and only as far as the table surely has it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from aqi_service.core.index import Edition, Growing, Index
from aqi_service.core.items import is_expired
from aqi_service.core.measurements import Rules
from aqi_service.core.scales import SCALES, Scale
from aqi_service.errors import AqiError, MissingResource
from aqi_service.intake import Intake, Portion
from aqi_service.latest import Latest
from aqi_service.ledger import Ledger, Manifest, edition_of
from aqi_service.sources import Asking, archived_source
from aqi_service.stopping import Stop
from aqi_service.storage import READ_LIMIT, Storage

log = logging.getLogger(__name__)

POLL_SECONDS = 30.0
"""How often `latest.json` is looked at: with the time that a snapshot takes to read, memory is at most a
minute behind."""

MOST_LOOKS = 64
"""A snapshot that could not be read is read again at the next look, then 2, 4 ... looks later, at most so
many: half an hour."""


class Follower:
    """Keeps a Latest at the newest finished snapshot of one table.

    `told` gets the newest timestamp that is finished, whenever it is looked at.
    """

    def __init__(
        self,
        storage: Storage,
        table: str,
        latest: Latest,
        asking: Asking,
        told: Callable[[object], None],
    ) -> None:
        self._archive, self._store = storage.archive, storage.store
        self._ledger = Ledger(storage, table)
        self._latest = latest
        self._asking = asking
        self._told = told
        self._failed: Edition | None = None
        self._failures = self._looks_left = 0

    async def run(self, stop: Stop) -> None:
        """Look, and look again, until `stop`; whatever goes wrong, the table answers meanwhile."""
        while not stop.is_set():
            try:
                await stop.guard(self.look())
            except AqiError as error:
                log.info("memory_not_renewed error=%r: tried again later", str(error))
            except Exception:
                log.exception("memory_not_renewed")
            await stop.wait(POLL_SECONDS)

    async def look(self) -> None:
        """See which snapshot is the newest, and read it unless memory has it."""
        manifest = await self._ledger.latest()
        if manifest is None:
            return
        self._told(manifest.get("newest"))
        if not await self._is_of_this_table(manifest):
            self._latest.drop()
            return
        edition = edition_of(manifest)
        scale = SCALES.get(edition.scale) if edition else None
        if edition and scale and self._latest.wants(edition) and self._is_due(edition):
            try:
                self._latest.offer(await self._read(edition, scale, manifest))
            except AqiError:
                self._put_off(edition)
                raise

    def _is_due(self, edition: Edition) -> bool:
        """Tell whether to read a snapshot at this look: one that failed is left alone for a while."""
        self._looks_left -= 1
        return edition != self._failed or self._looks_left <= 0

    def _put_off(self, edition: Edition) -> None:
        self._failures = self._failures + 1 if edition == self._failed else 1
        self._failed, self._looks_left = edition, min(2 ** (self._failures - 1), MOST_LOOKS)

    async def _is_of_this_table(self, manifest: Manifest) -> bool:
        try:
            return await self._ledger.is_of_this_table(manifest)
        except MissingResource:
            return False

    async def _read(self, edition: Edition, scale: Scale, manifest: Manifest) -> Index:
        """Read a snapshot as the load did that the manifest tells of."""
        growing, now = Growing(), self._latest.now()
        intake = Intake(Rules(scale, edition.taken, manifest.get("ttl")))

        async def take(portions: Iterable[Portion]) -> None:
            for portion in portions:
                growing.add(item for item in portion.items if not is_expired(item, now))
                await asyncio.sleep(0)  # lookups get their turn between two batches

        source = archived_source(self._archive, edition.snapshot, edition.taken)
        async with source.open(self._asking) as incoming:
            async for chunk in incoming.chunks:
                await take(intake.feed(chunk))
        await take(intake.close())
        if _elsewhere(manifest) > growing.repeated:
            await self._confirm(growing)
        return growing.done(edition, now)

    async def _confirm(self, growing: Growing) -> None:
        """Keep what the table has, too."""
        numbers = growing.numbers()
        for start in range(0, len(numbers), READ_LIMIT):
            some = numbers[start : start + READ_LIMIT]
            there = await self._store.get_many([str(number) for number in some])
            for number in some:
                growing.confirm(number, there.get(str(number)))


def _elsewhere(manifest: Manifest) -> int:
    """Return how many of the snapshot's items the table does not have: it has another, or refuses.

    The first count has those in it as well that a later record of the same snapshot replaced.
    """
    reasons = manifest.get("reasons") or {}
    return int(manifest.get("superseded") or 0) + int(reasons.get("refused") or 0)
