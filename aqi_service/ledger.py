"""What is known of snapshots beside their bytes: manifests, rejects, and the newest finished one.

One rule: a manifest is written after the data it speaks for, and only for a snapshot in the archive.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from aqi_service.core.measurements import Rejection
from aqi_service.core.names import latest_key, manifest_key, parse_name, rejects_key
from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import ConfigError
from aqi_service.storage import Archive

REJECTS_LIMIT = 10_000
"""Most lines of a list of rejects; the rest is only counted."""

Manifest = dict[str, Any]


class Ledger:
    """The manifests of one table in one archive."""

    def __init__(self, archive: Archive, table: str) -> None:
        self._archive = archive
        self._table = table

    async def manifest(self, name: str) -> Manifest | None:
        """Read a snapshot's manifest; None when there is none that can be read."""
        return _parse(await self._archive.get(manifest_key(self._table, name)))

    async def latest(self) -> Manifest | None:
        """Read the manifest of the newest finished snapshot."""
        return _parse(await self._archive.get(latest_key(self._table)))

    async def write(
        self, report: LoadReport, rejections: Sequence[Rejection], refused: Mapping[str, str]
    ) -> None:
        """Write rejects and manifest, and move `latest.json` forward if this snapshot is newer.

        `refused` is what the table will never take: id -> why.
        """
        if report.snapshot is None:
            raise ValueError("a load that archived nothing has no manifest")
        if listed := [*rejections, *_refusals(refused)][:REJECTS_LIMIT]:
            lines = b"".join(orjson.dumps(_line(r), option=orjson.OPT_APPEND_NEWLINE) for r in listed)
            await self._archive.put(rejects_key(self._table, report.snapshot), lines)
        body = orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        await self._archive.put(manifest_key(self._table, report.snapshot), body)
        if report.status is Status.COMPLETE:
            latest = await self.latest()
            if latest is None or str(latest.get("snapshot_time", "")) <= report.as_json()["snapshot_time"]:
                await self._archive.put(latest_key(self._table), body)

    async def check_scale(self, scale: str) -> None:
        """Raise ConfigError when the table is scored on another scale."""
        latest = await self.latest()
        if latest is not None and latest.get("scale") != scale:
            raise ConfigError(
                f"table {self._table} is scored on {latest.get('scale')}, not {scale}: "
                f"add --rescore to load on {scale} all the same, or --scale {latest.get('scale')}"
            )


def is_finished(manifest: Manifest, scale: str) -> bool:
    """Tell whether the snapshot is in the table as a whole, scored on this scale."""
    return manifest.get("status") == Status.COMPLETE and manifest.get("scale") == scale


def newest_name(names: Sequence[str]) -> str | None:
    """Return the name of the newest of the snapshots; of one minute the highest suffix."""
    return max(names, key=_order, default=None)


def _order(name: str) -> tuple[int, int]:
    parsed = parse_name(name)
    suffix = name.removesuffix(".json").partition("-")[2]
    return (parsed[1] if parsed else 0, int(suffix or 1))


def _parse(body: bytes | None) -> Manifest | None:
    try:
        found = None if body is None else orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _refusals(refused: Mapping[str, str]) -> Iterator[Rejection]:
    """Make lines of items, of which place and text in the snapshot are no longer known."""
    return (Rejection(f"refused: {why}", record_id, -1, b"") for record_id, why in refused.items())


def _line(rejection: Rejection) -> dict[str, Any]:
    return {
        "offset": rejection.offset if rejection.offset >= 0 else None,
        "id": rejection.id,
        "reason": rejection.reason,
        "record": rejection.text.decode("utf-8", "backslashreplace"),
    }
