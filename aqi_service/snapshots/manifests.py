"""What is stored about snapshots, beside their bytes: manifests, rejects, and the newest finished one.

One rule: a manifest is written after the data that it describes, and only for a snapshot in the archive.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

from aqi_service.core.clocks import current, is_ahead
from aqi_service.core.load_notes import Noted
from aqi_service.core.manifest import (
    Claim,
    Manifest,
    claim_of,
    data_time,
    is_complete,
    lacks_expired,
    outranks,
)
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import (
    days_scale_key,
    manifest_key,
    newest_name,
    order_of,
    parse_name,
    rejects_key,
)
from aqi_service.core.witness import witness_of
from aqi_service.errors import (
    AccessDenied,
    ConfigError,
    InGlacier,
    MissingResource,
    SnapshotFailed,
    Unavailable,
)
from aqi_service.snapshots.documents import JsonDocuments
from aqi_service.snapshots.latest_json import LatestJson
from aqi_service.storage.ports import SnapshotInfo, Storage

log = logging.getLogger("aqi_service")

CONCURRENT_READS = 16
"""How many manifests are read at the same time."""


class ManifestStore:
    """The manifests of one table in one archive.

    A manifest also names its table (`table_id`, `receipt`), since a table that was deleted and made again, or
    put back to an earlier state, must be filled again. If records expire, it says after how many seconds
    (`ttl`).

    A snapshot whose name is ahead of `now` (epoch seconds) counts for nothing: it is never the newest one.
    `latest_json` names the newest.
    """

    def __init__(
        self,
        storage: Storage,
        table: str,
        ttl: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._archive, self._store = storage.archive, storage.store
        self._documents = JsonDocuments(storage.archive)
        self.latest_json = LatestJson(storage.archive, table)
        self._table = table
        self._ttl = ttl
        self._now = now

    async def manifest(self, name: str) -> Manifest | None:
        """Read a snapshot's manifest; None if there is none that can be read."""
        return await self._readable(manifest_key(self._table, name))

    async def _readable(self, key: str) -> Manifest | None:
        try:
            return await self._documents.read(key)
        except InGlacier:
            return None

    async def latest(self) -> Manifest | None:
        """Read the manifest of the newest finished snapshot, even if that `is_ahead`."""
        return (await self.latest_json.read())[0]

    async def data_time(self) -> int | None:
        """Return the time of the table's data (epoch seconds), for work that only reads."""
        return data_time(await self.latest())

    async def witness(self) -> int | None:
        """Return the time (epoch seconds) that nearly all records of a load confirm, for deleting."""
        found = witness_of(await self.latest())
        return None if found is None else found.time

    def is_ahead(self, manifest: Manifest | None) -> bool:
        """Tell whether a manifest's snapshot is named ahead of the clock."""
        named = parse_name(str(manifest.get("snapshot"))) if manifest else None
        return named is not None and is_ahead(named[1], self._now())

    async def finished(self, name: str, scale: str, ttl: int | None = 0) -> bool:
        """Tell whether the whole snapshot is certainly in this creation of the table, on this scale."""
        try:
            return name in await self.finished_of((name,), scale, ttl)
        except Unavailable:  # a table that does not answer must not cost the snapshot that is coming
            return False

    async def finished_of(self, names: Sequence[str], scale: str, ttl: int | None = 0) -> frozenset[str]:
        """Return which snapshots are finished: their manifest says so, and the table confirms it."""
        return await self.borne_out(await self.claims(names, scale, ttl))

    async def claims(self, names: Sequence[str], scale: str, ttl: int | None = 0) -> dict[str, Claim]:
        """Return the claims of the manifests whose snapshot is complete on this scale.

        With a `ttl` (seconds, or None for ever), claims are left out if their load left out expired records
        that would live with this `ttl`. CONCURRENT_READS manifests are read at a time.
        """
        found: dict[str, Claim] = {}
        for start in range(0, len(names), CONCURRENT_READS):
            some = names[start : start + CONCURRENT_READS]
            manifests = await asyncio.gather(*map(self.manifest, some))
            found |= {
                name: claim_of(manifest)
                for name, manifest in zip(some, manifests, strict=True)
                if manifest
                and is_complete(manifest)
                and manifest.get("scale") == scale
                and not lacks_expired(manifest, ttl)
            }
        return found

    async def borne_out(self, claims: Mapping[str, Claim]) -> frozenset[str]:
        """Return which of the snapshots the table has in its present state."""
        if not claims:
            return frozenset()
        identity = await self._store.identity()
        ours = {name: claim.receipt for name, claim in claims.items() if claim.table_id == identity}
        known = await self._store.known_receipts(set(ours.values())) if ours else frozenset()
        return frozenset(name for name, receipt in ours.items() if receipt in known)

    async def known(self, names: Sequence[str], scale: str) -> SnapshotInfo | None:
        """Return the metadata of the newest of the snapshots, if it is certainly finished."""
        newest = newest_name(current(names, self._now()))
        if newest is None or not await self.finished(newest, scale):
            return None
        return await self._archive.info(newest)

    async def same(
        self, names: Sequence[str], snapshot_time: int, digest: str, noted: str | None = None
    ) -> str | None:
        """Return the newest snapshot, one of that minute, or `noted`, if its content has this sha256.

        If the newest is named a little ahead, the newest of the others counts too.
        """
        now = self._now()
        counting = current(names, now)
        newest = {newest_name(counting), newest_name([name for name in counting if order_of(name)[0] <= now])}
        for name in names:
            parsed = parse_name(name)
            if name in newest or name == noted or (parsed and parsed[1] == snapshot_time):
                manifest = await self.manifest(name)
                known = manifest.get("sha256") if manifest else None
                if (known or await self._digest(name)) == digest:
                    return name
        return None

    async def write(self, report: LoadReport, rejects: bytes, noted: Noted) -> None:
        """Write rejects, move `latest.json` forward if this snapshot is newer, and write the manifest.

        There, a complete load is noted as ended; a day of daily files is no snapshot, and moves nothing. The
        manifest comes last: after it says that a snapshot is finished, nobody looks at that again. Such a
        manifest stays, whatever a later load of the snapshot gives. `rejects` are the rejected records, one
        JSON object a line; an empty list is not written.
        """
        if report.snapshot is None:
            raise ValueError("a load that archived nothing has no manifest")
        ours = report.as_json() | {"table_id": await self._table_id(report.status)}
        ours |= {} if self._ttl is None else {"ttl": self._ttl}
        if outranks(await self.manifest(report.snapshot), ours):
            return
        if is_complete(ours) and (receipt := await self._store.receipt()):
            ours |= {"receipt": receipt}
        if rejects:
            await self._archive.put(rejects_key(self._table, report.snapshot), rejects)
        if is_complete(ours) and report.day is not None:
            scale = {key: ours[key] for key in ("scale", "table_id")}
            await self._documents.change(
                days_scale_key(self._table), lambda there: None if there == scale else scale
            )
        elif is_complete(ours):
            await self.latest_json.move(ours, noted, since=report.mostly_since, is_ahead=self.is_ahead)
        key = manifest_key(self._table, report.snapshot)
        await self._documents.change(key, lambda there: None if outranks(there, ours) else ours)

    async def check_scale(self, scale: str | None) -> Manifest | None:
        """Return what tells the table's scale; raise ConfigError if it is another one (None: any will do).

        The newest finished snapshot tells the scale; if there is none, the last day of daily files.
        """
        told = await self.latest()
        if told is None or (told.get("scale") != scale and not await self.is_of_this_table(told)):
            told = await self._readable(days_scale_key(self._table))
        if told and scale not in (None, told.get("scale")) and await self.is_of_this_table(told):
            raise ConfigError(
                f"table {self._table} is scored on {told.get('scale')}, not {scale}: "
                f"add --rescore to load on {scale} all the same, or --scale {told.get('scale')}"
            )
        return told

    async def _table_id(self, status: Status) -> str | None:
        """Return the id of this creation of the table; None if unknown and the load is not finished."""
        try:
            return await self._store.identity()
        except (Unavailable, MissingResource):  # it may have been deleted while the load ran
            if status is Status.COMPLETE:
                raise
            return None

    async def is_of_this_table(self, manifest: Manifest) -> bool:
        """Tell whether a manifest is of the latest creation of the table."""
        return manifest.get("table_id") == await self._store.identity()

    async def _digest(self, name: str) -> str | None:
        """Compute the sha256 of a snapshot without a manifest of this table; None if it cannot be read."""
        sha = hashlib.sha256()
        try:
            async with aclosing(self._archive.read(name)) as chunks:
                async for chunk in chunks:
                    sha.update(chunk)
        except (SnapshotFailed, Unavailable, AccessDenied) as error:  # one bad object must not stop all loads
            log.warning("digest_unreadable", extra={"snapshot": name, "error": str(error)})
            return None
        return sha.hexdigest()
