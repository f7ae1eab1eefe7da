"""The check that all of a load arrived in the stand-in.

One rule: what it received is compared with what was to arrive, after every run.
"""

import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from aqi_service.core.items import Item, Verdict, judge
from aqi_service.storage.aws.dynamodb_attributes import to_attributes
from bench.lib.items import items_of
from bench.lib.processes import fresh
from bench.lib.standin.client import WITHOUT
from bench.lib.standin.digest import digest


def verify_object(counts: dict[str, Any], document: Path) -> None:
    """Raise AssertionError unless exactly one snapshot arrived, with the bytes of the document."""
    snapshots = {key: pieces for key, pieces in counts["objects"].items() if key.startswith("data_")}
    if len(snapshots) != 1:
        raise AssertionError(f"{len(snapshots)} snapshots arrived: {sorted(counts['objects'])}")
    (pieces,) = snapshots.values()
    with document.open("rb") as file:
        for size, came in pieces:
            if f"{zlib.crc32(file.read(size)):08x}" != came:
                raise AssertionError(f"the bytes before {file.tell()} arrived as others")
        if file.read(1):
            raise AssertionError("not all bytes arrived")


def verify_items(counts: dict[str, Any], document: Path, over: Path | None = None) -> None:
    """Raise AssertionError unless the table has exactly the items of the document, over those of another."""
    wanted = expected(document, over)
    if counts["items"] != wanted:
        raise AssertionError(f"the table has {counts['items']}, not {wanted}")


@lru_cache(maxsize=8)
def expected(document: Path, over: Path | None = None) -> dict[str, Any]:
    """Sum up the items of a generated document; in a process of its own, so that this one stays small."""
    return dict(fresh(f"{__name__}:sum_of_items", *filter(None, (over, document))))


def sum_of_items(*documents: str) -> dict[str, Any]:
    """Do so here; of two items with one id the newer counts, of two as new that of the later document."""
    items: dict[str, Item] = {}
    for item in (item for document in documents for item in items_of(document)):
        if judge(item, items.get(item.id)) is Verdict.STORE:
            items[item.id] = item
    return digest((to_attributes(item, "S") for item in items.values()), WITHOUT)
