"""What is known of snapshots beside their bytes: manifests, rejects, and the newest finished one.

One rule: a manifest is written after the data it speaks for, and only for a snapshot in the archive.
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

    A manifest also tells (`table_id`, `receipt`) which table it speaks of: one that was deleted and made
    anew, or put back to an earlier state, is to be filled again; and, where records expire, after how many
    seconds (`ttl`).

    A snapshot whose name is ahead of `now` (epoch seconds) counts for nothing: it is not the newest one.
    `latest_json` names that.
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
        """Read a snapshot's manifest; None when there is none that can be read."""
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
        """Return how old the table's data is (epoch seconds), for what only reads by that."""
        return data_time(await self.latest())

    async def witness(self) -> int | None:
        """Return the time (epoch seconds) that nearly all records of a load vouch for, to delete by."""
        found = witness_of(await self.latest())
        return None if found is None else found.time

    def is_ahead(self, manifest: Manifest | None) -> bool:
        """Tell whether the snapshot that a manifest speaks of is named ahead of the clock."""
        named = parse_name(str(manifest.get("snapshot"))) if manifest else None
        return named is not None and is_ahead(named[1], self._now())

    async def finished(self, name: str, scale: str, ttl: int | None = 0) -> bool:
        """Tell whether the snapshot is certainly in this table, as created, as a whole and on this scale."""
        try:
            return name in await self.finished_of((name,), scale, ttl)
        except Unavailable:  # a table that does not answer must not cost the snapshot that is coming
            return False

    async def finished_of(self, names: Sequence[str], scale: str, ttl: int | None = 0) -> frozenset[str]:
        """Tell which of the snapshots are finished: their manifest says so, and the table bears it out."""
        return await self.borne_out(await self.claims(names, scale, ttl))

    async def claims(self, names: Sequence[str], scale: str, ttl: int | None = 0) -> dict[str, Claim]:
        """Return the claims of the manifests that say that their snapshot is complete on this scale.

        With a `ttl` (seconds, or None for ever) those are left out whose load left records out, as expired,
        that live with this one. CONCURRENT_READS manifests are read at a time.
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
        """Tell which of the snapshots this table has, as it is now."""
        if not claims:
            return frozenset()
        identity = await self._store.identity()
        ours = {name: claim.receipt for name, claim in claims.items() if claim.table_id == identity}
        known = await self._store.known_receipts(set(ours.values())) if ours else frozenset()
        return frozenset(name for name, receipt in ours.items() if receipt in known)

    async def known(self, names: Sequence[str], scale: str) -> SnapshotInfo | None:
        """Return what is kept beside the newest of the snapshots, if that one is certainly finished."""
        newest = newest_name(current(names, self._now()))
        if newest is None or not await self.finished(newest, scale):
            return None
        return await self._archive.info(newest)

    async def same(
        self, names: Sequence[str], snapshot_time: int, digest: str, noted: str | None = None
    ) -> str | None:
        """Name the newest of the snapshots, one of that minute or `noted`, if its content has this sha256.

        Where the newest is named a little ahead, it is also the newest of those that are not.
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

        There, a load that is complete has ended; a day of daily files is no snapshot, and moves nothing. The
        manifest comes last: once it says that a snapshot is finished, nobody looks at it again. One that says
        so stays, whatever a later load of that snapshot came to. `rejects` are the rejected records, a JSON
        object a line; none are not written.
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

    async def check_scale(self, scale: str) -> None:
        """Raise ConfigError when the table is scored on another scale.

        Its newest finished snapshot tells; where there is none, the last day of daily files.
        """
        told = await self.latest()
        if told is None or (told.get("scale") != scale and not await self.is_of_this_table(told)):
            told = await self._readable(days_scale_key(self._table))
        if told is not None and told.get("scale") != scale and await self.is_of_this_table(told):
            raise ConfigError(
                f"table {self._table} is scored on {told.get('scale')}, not {scale}: "
                f"add --rescore to load on {scale} all the same, or --scale {told.get('scale')}"
            )

    async def _table_id(self, status: Status) -> str | None:
        """Name this creation of the table; None if it does not tell, and the load is not finished anyway."""
        try:
            return await self._store.identity()
        except (Unavailable, MissingResource):  # it may have been deleted while the load ran
            if status is Status.COMPLETE:
                raise
            return None

    async def is_of_this_table(self, manifest: Manifest) -> bool:
        """Tell whether the manifest speaks of the table as it was created last."""
        return manifest.get("table_id") == await self._store.identity()

    async def _digest(self, name: str) -> str | None:
        """Compute the sha256 of a snapshot that has no manifest of this table; None if it cannot be read."""
        sha = hashlib.sha256()
        try:
            async with aclosing(self._archive.read(name)) as chunks:
                async for chunk in chunks:
                    sha.update(chunk)
        except (SnapshotFailed, Unavailable, AccessDenied) as error:  # one bad object must not stop all loads
            log.warning("digest_unreadable", extra={"snapshot": name, "error": str(error)})
            return None
        return sha.hexdigest()
