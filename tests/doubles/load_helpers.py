"""What the tests of the write path share: how to load, and documents to load.

One rule: the time is always the same, so that every report can be told beforehand.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.report import LoadReport
from aqi_service.core.scales import DAQI
from aqi_service.errors import FetchFailed
from aqi_service.load.load import load
from aqi_service.load.plan import LoadPlan, Progress
from aqi_service.snapshots.download import Download, download
from aqi_service.snapshots.sources import Source, source_of
from aqi_service.storage.ports import Storage
from tests.doubles.documents import document_of, record

NOW = 1_703_095_265.0
"""2023-12-20T18:01:05Z: when the tests load."""

NAME = "data_20_12_23_18_01.json"
"""What a snapshot that is read then is called."""

TABLE = "air_quality_data"
AGENT = "aqi_service/1.2.3 (+https://example.org/contact)"


def plan(**changes: Any) -> LoadPlan:
    """Make a plan of a replay without limits."""
    usual: dict[str, Any] = {"table": TABLE, "scale": DAQI, "agent": AGENT, "max_bytes": 2**31, "live": False}
    return LoadPlan(**usual | changes)


async def run(
    source: object,
    storage: Storage,
    *,
    now: float = NOW,
    progress: Progress = lambda _bytes, _records, _total: None,
    **changes: Any,
) -> LoadReport:
    """Load a source, with `live` as the live feed; return the report, whose sum the load has checked."""
    if not isinstance(source, Source):
        live, source = changes.get("live"), source_of(str(source))
        source = replace(source, named=None) if live else source
    return await load(source, storage, plan(**changes), now=lambda: now, progress=progress)


def records(ids: Iterable[int], **changes: Any) -> list[dict[str, Any]]:
    """Make one good record of each id, all of different sensors."""
    made = [record(i, p1="12.5", p2="7.5", **changes) for i in ids]
    return [one | {"sensor": one["sensor"] | {"id": one["id"]}} for one in made]


def document(*ids: int, **changes: Any) -> bytes:
    """Write a document of good records."""
    return document_of(*records(ids, **changes))


def written(folder: Path, body: bytes, name: str = "feed.json") -> Path:
    """Write a document to a file."""
    path = folder / name
    path.write_bytes(body)
    return path


def fates(report: LoadReport) -> dict[str, int]:
    """Give the fates that any record met."""
    names = (
        *("stored", "unchanged", "superseded", "merged"),
        *("rejected", "without_pm", "expired", "pending"),
    )
    return {name: count for name in names if (count := getattr(report.fates, name))}


def manifest_of(documents: dict[str, bytes], name: str = NAME, table: str = TABLE) -> Any:
    """Read a manifest out of an archive's documents, as far as it is a report's."""
    manifest = orjson.loads(documents[f"manifests/{table}/{name}"])
    assert manifest.pop("table_id")
    manifest.pop("receipt", None)  # of a table in SQLite, once it is complete
    return manifest


async def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[Download, bytes]:
    """Download all of it."""
    async with download(url, AGENT, headers) as found:
        return found, b"".join([chunk async for chunk in found.chunks])


async def refusal(url: str) -> FetchFailed:
    """Give the error in which a download ends."""
    with pytest.raises(FetchFailed) as caught:
        await fetch(url)
    return caught.value
