"""What a table comes to, worked out in the plainest way: documents as JSON, one record after the other.

One rule: nothing of the program is called here, so that a test may hold the program against it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

Row = dict[str, Any]
"""An item's attributes by name: text, and int for times; what a record lacks is left out."""

PM25_UP_TO = (11, 23, 35, 41, 47, 53, 58, 64, 70)
PM10_UP_TO = (16, 33, 50, 58, 66, 75, 83, 91, 100)
BANDS = ("Low",) * 3 + ("Medium",) * 3 + ("High",) * 3 + ("Very High",)
BEGINNING = datetime(2010, 1, 1, tzinfo=UTC).timestamp()
DAY = 86_400


class Snapshot(NamedTuple):
    """A document, and when it was taken (epoch seconds)."""

    taken: int
    body: bytes


class Keeping(NamedTuple):
    """For how many seconds an item is kept after it was measured (None: for ever), and what time it is."""

    ttl: int | None
    now: float


@dataclass
class Reading:
    """What is in one document: usable records as rows in their order, and how many met which other fate."""

    rows: list[Row] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)


def read(snapshot: Snapshot, keeping: Keeping) -> Reading:
    """Read a document: pass over what has no PM value, join neighbours, leave out what cannot be used."""
    found = Reading()
    elements = json.loads(snapshot.body)
    measured = [e for e in elements if not isinstance(e, dict) or values_of(e)]
    found.fates["without_pm"] = len(elements) - len(measured)
    while measured:
        record = measured.pop(0)
        if measured and are_halves(record, measured[0]):
            other = measured.pop(0)
            record = record | {"sensordatavalues": record["sensordatavalues"] + other["sensordatavalues"]}
            found.fates["merged"] += 1
        row = row_of(record, snapshot.taken)
        if row is None:
            found.fates["rejected"] += 1
        elif keeping.ttl is not None and row["measured_at"] + keeping.ttl <= keeping.now:
            found.fates["expired"] += 1
        else:
            expiry = {} if keeping.ttl is None else {"expires_at": row["measured_at"] + keeping.ttl}
            found.rows.append(row | expiry)
    return found


def values_of(record: dict[str, Any]) -> dict[str, Any]:
    """Give the record's P1 and P2, as far as they are there."""
    return {
        v["value_type"]: v["value"] for v in record["sensordatavalues"] if v["value_type"] in ("P1", "P2")
    }


def are_halves(one: Any, other: Any) -> bool:
    """Tell whether two neighbours are one measurement: the same, but for one has P1 and the other P2."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    same = one["sensor"] == other["sensor"] and str(one["id"]) == str(other["id"])
    same = same and _when(one) == _when(other)  # with a T or a blank, it is one time
    kinds = {tuple(values_of(one)), tuple(values_of(other))}
    return same and number(one["id"], whole=True) is not None and kinds == {("P1",), ("P2",)}


def _when(record: Any) -> Any:
    measured_at = time_of(record["timestamp"])
    return record["timestamp"] if measured_at is None else measured_at


def row_of(record: Any, taken: int) -> Row | None:
    """Give what is to be stored of a record, or None if it is to be rejected."""
    if not isinstance(record, dict):
        return None
    record_id = number(record["id"], whole=True)
    measured_at = time_of(record["timestamp"])
    values = values_of(record)
    pm10, pm25 = in_range(values.get("P1"), 1999), in_range(values.get("P2"), 999)
    kind = record["sensor"]["sensor_type"].get("name")
    if record_id is None or measured_at is None or kind == "PPD42NS" or pm10 is pm25 is None:
        return None
    if not BEGINNING <= measured_at <= taken + DAY:
        return None
    (index, pollutant) = max(
        (index_of(value, edges), pollutant)
        for value, edges, pollutant in ((pm25, PM25_UP_TO, "P2.5"), (pm10, PM10_UP_TO, "P10"))
        if value is not None
    )  # of two equal ones the greater name decides, which is P2.5's
    row = {
        "id": record_id,
        "country": record["location"]["country"],
        "timestamp": record["timestamp"],
        "date": record["timestamp"][:10],
        "P2.5": pm25,
        "P10": pm10,
        "AQI": str(index),
        "AQI_range": BANDS[index - 1],
        "sensor_id": number(record["sensor"].get("id"), whole=True),
        "sensor_type": kind,
        "measured_at": measured_at,
        "snapshot_at": taken,
        "scale": "daqi",
        "AQI_pollutant": pollutant,
    }
    return {name: value for name, value in row.items() if value is not None}


def number(value: Any, *, whole: bool = False) -> str | None:
    """Give a number as plain decimal text without surplus zeros, or None for what is none."""
    text = value if isinstance(value, str) else json.dumps(value)
    if not re.fullmatch(r"[0-9]+" if whole else r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)", text):
        return None
    return f"{Decimal(text).normalize():f}"


def in_range(value: Any, limit: int) -> str | None:
    """Give a concentration that a sensor that works may have."""
    text = number(value)
    return text if text is not None and 0 <= Decimal(text) < limit else None


def time_of(text: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except (TypeError, ValueError):
        return None


def index_of(value: str, edges: tuple[int, ...]) -> int:
    whole = Decimal(value).quantize(Decimal(1), ROUND_HALF_UP)
    return 1 + sum(whole > edge for edge in edges)


def content(row: Row) -> Row:
    """Give what counts when two rows are compared."""
    return {name: value for name, value in row.items() if name not in ("snapshot_at", "expires_at")}


def is_newer(row: Row, than: Row) -> bool:
    """Tell whether the row goes before another that was loaded earlier."""
    return (row["measured_at"], row["snapshot_at"]) >= (than["measured_at"], than["snapshot_at"])


def one_after_the_other(snapshots: Iterable[Snapshot], keeping: Keeping) -> dict[str, Row]:
    """Load snapshots into an empty table, each to its end before the next."""
    table: dict[str, Row] = {}
    for snapshot in snapshots:
        for row in newest_of_each(read(snapshot, keeping).rows):
            old = table.get(row["id"])
            if old is None or (content(row) != content(old) and is_newer(row, old)):
                table[row["id"]] = row
    return table


def newest_of_each(rows: Iterable[Row]) -> Iterator[Row]:
    """Give one row of each id: the newest, of equally new ones the last."""
    found: dict[str, Row] = {}
    for row in rows:
        if row["id"] not in found or is_newer(row, found[row["id"]]):
            found[row["id"]] = row
    yield from found.values()


class Seen(NamedTuple):
    """A row, the number of its snapshot, and its place there."""

    row: Row
    snapshot: int
    place: int


def all_seen(snapshots: Iterable[Snapshot], keeping: Keeping) -> dict[str, list[Seen]]:
    """Give every row of every snapshot by its id."""
    found: dict[str, list[Seen]] = {}
    for number_of, snapshot in enumerate(snapshots):
        for place, row in enumerate(read(snapshot, keeping).rows):
            found.setdefault(row["id"], []).append(Seen(row, number_of, place))
    return found


def newest_seen(seen: Iterable[Seen]) -> list[Seen]:
    """Give those that were measured last."""
    newest = max(each.row["measured_at"] for each in seen)
    return [each for each in seen if each.row["measured_at"] == newest]


def ends_the_same_in_any_order(seen: list[Seen]) -> bool:
    """Tell whether all rows of one id come to the same content, in whatever order they are loaded.

    They do not where a measurement changes and changes back (A, B, A): A loaded again over A is unchanged and
    written by nobody, so that it keeps the time of its first snapshot, and B, loaded after both, counts as
    newer. Nor where two snapshots of one minute say different things: then the one loaded later wins.
    """
    there = newest_seen(seen)
    last = content(max(there, key=lambda each: (each.row["snapshot_at"], each.place)).row)
    same = [each for each in there if content(each.row) == last]
    others = [each for each in there if content(each.row) != last]
    return all(_is_before(other, each) for other in others for each in same)


def _is_before(one: Seen, other: Seen) -> bool:
    if one.snapshot == other.snapshot:
        return one.place < other.place
    return bool(one.row["snapshot_at"] < other.row["snapshot_at"])
