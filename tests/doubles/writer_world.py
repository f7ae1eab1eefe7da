"""Items of one snapshot, a table writer to hand them to, and the fates that they meet."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

from aqi_service.core.items import Item
from aqi_service.core.parse.document import Position
from aqi_service.core.parse.splitter import Batch
from aqi_service.load.group_writer import GroupWriter
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.storage_items import FULL

NOW = 1000.0

SNAPSHOT_AT = 500


def item(record_id: object, measured_at: int = 100, value: str = "1", **changes: Any) -> Item:
    """Make an item of this snapshot."""
    made: dict[str, Any] = {
        "id": str(record_id),
        "measured_at": measured_at,
        "pm25": value,
        "snapshot_at": SNAPSHOT_AT,
    }
    return FULL._replace(**made | {"expires_at": None} | changes)


def writer_to(store: Any, *, conditional: bool = False, group_size: int = READ_LIMIT) -> TableWriter:
    put = partial(store.put, conditional=conditional)
    return TableWriter(GroupWriter(store, put, now=lambda: NOW), group_size=group_size)


def position(number: int) -> Position:
    """Make the position of an item in a document that nobody reads."""
    return Position(number, Batch(number, b"", []))


async def add(writer: TableWriter, items: Iterable[Item]) -> None:
    for one in items:
        number = writer.counts.announced
        writer.announce(1)
        await writer.add([one], position(number))


async def delivered(store: Any, items: Iterable[Item], **how: Any) -> TableWriter:
    """Write items to the end."""
    writer = writer_to(store, **how)
    await add(writer, items)
    await writer.flush()
    return writer


def fates(writer: TableWriter) -> dict[str, int]:
    """Give the fates that any item met; they add up to what was announced."""
    counts = asdict(writer.counts) | {"refused": len(writer.counts.refused)}
    counts["pending"] = writer.counts.pending
    del counts["items_per_second"], counts["example"]  # no fates
    assert counts.pop("announced") == sum(counts.values())
    return {name: count for name, count in counts.items() if count}
