"""The year's files read once more, in the plainest way: the csv module and fractions.

One rule: it reads what lies on the disk, by no code of the program, and knows nothing of how it was written.
"""

import csv
import gzip
import io
import json
import re
import tarfile
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.doubles.delivery_reference import Keeping, Row, Snapshot, number, read, row_of

NAME = re.compile(r"(\d{4}-\d{2}-\d{2})_([a-z0-9]+)_sensor_(\d+)(_indoor)?\.csv(\.gz)?")
NUMBER = re.compile(r"-?(\d+(\.\d+)?|\.\d+)", re.ASCII)
STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
LIMITS = {"P1": 1999, "P2": 999}
LEAST_HOURS = 18


class DailyFile(NamedTuple):
    """A file, wherever it lay: what its name says, and its bytes, unpacked as far as that goes."""

    day: str
    kind: str
    sensor: int
    indoor: bool
    body: bytes


@dataclass
class SensorDay:
    """All that a sensor's files say of a day: values by pollutant and hour, and where it stood."""

    values: dict[str, dict[int, list[Fraction]]] = field(
        default_factory=lambda: {kind: defaultdict(list) for kind in LIMITS}
    )
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    indoor: bool = False


def rows_of(folder: Path, taken: int, snapshot: bytes) -> dict[str, Row]:
    """Return what the table is to have, by id: of the daily files, and of the feed's snapshot."""
    found = {row["id"]: row for row in read(Snapshot(taken, snapshot), Keeping(None, 0)).rows}
    for record in json.loads(snapshot):
        if (row := found.get(str(record["id"]))) is not None:
            row |= _place(record["location"])
    for (day, sensor), seen in days_of(folder).items():
        row = _row(day, sensor, seen)
        if row:
            found[row["id"]] = row
    return found


def days_of(folder: Path) -> dict[tuple[str, int], SensorDay]:
    """Read every daily file below a folder."""
    found: dict[tuple[str, int], SensorDay] = defaultdict(SensorDay)
    for each in files_in(folder):
        _read(each, found[each.day, each.sensor])
    return found


def files_in(folder: Path) -> Iterator[DailyFile]:
    """Give the daily files in a folder, in tars and in zips."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as pack:
                found = [(name, pack.read(name)) for name in pack.namelist()]
        elif ".tar" in path.name:
            with tarfile.open(path) as pack:
                found = [(m.name, opened.read()) for m in pack if (opened := pack.extractfile(m))]
        else:
            found = [(path.name, path.read_bytes())] if path.is_file() else []
        for name, body in found:
            if match := NAME.fullmatch(name.rpartition("/")[2]):
                day, kind, sensor, indoor, packed = match.groups()
                yield DailyFile(day, kind, int(sensor), bool(indoor), _unpacked(body) if packed else body)


def _unpacked(body: bytes) -> bytes:
    """Unpack a file, as far as it goes."""
    try:
        return gzip.decompress(body)
    except (EOFError, zlib.error):
        return zlib.decompressobj(wbits=31).decompress(body)


def _read(file: DailyFile, seen: SensorDay) -> None:
    seen.indoor |= file.indoor
    text = file.body.decode().removeprefix("\ufeff")
    header, rows = _table(text)
    if not {"sensor_id", "timestamp"} <= {*header}:
        return
    for cells in rows:
        row = dict(zip(header, cells, strict=True))
        hour = _hour(row["timestamp"], file.day)
        if row["sensor_id"] != str(file.sensor) or hour is None:
            continue
        seen.places[row["sensor_type"], row["lat"], row["lon"]] += 1
        for kind in LIMITS:
            value = _amount(kind, row.get(kind, ""))
            if value is not None:
                seen.values[kind][hour].append(value)


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    """Split a file; a last line without its end counts if it has all cells, and the last is of no use."""
    whole, _, last = text.rpartition("\n")
    lines = list(csv.reader(io.StringIO(whole), delimiter=";"))
    header = lines[0] if lines else []
    cut = last.split(";")
    if header and len(cut) == len(header) and header[-1] not in (*LIMITS, "timestamp", "lat", "lon"):
        lines.append(cut)
    return header, [cells for cells in lines[1:] if len(cells) == len(header)]


@lru_cache(maxsize=100_000)
def _hour(stamp: str, day: str) -> int | None:
    """Return the hour of a timestamp, if it is one of that day (UTC)."""
    if not STAMP.fullmatch(stamp):
        return None
    time = datetime.fromisoformat(stamp)
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.hour if f"{time:%Y-%m-%d}" == day else None


@lru_cache(maxsize=100_000)
def _amount(kind: str, text: str) -> Fraction | None:
    if not NUMBER.fullmatch(text):
        return None
    value = Fraction(text)
    return value if 0 <= value < LIMITS[kind] else None


def _row(day: str, sensor: int, seen: SensorDay) -> Row | None:
    """Return a sensor's day as the table is to have it; None without a value of 18 hours."""
    means = {kind: _mean(hours) for kind, hours in seen.values.items() if len(hours) >= LEAST_HOURS}
    if not means:
        return None
    kind, latitude, longitude = min(
        each for each in seen.places if seen.places[each] == max(seen.places.values())
    )
    row = row_of(
        {
            "id": int(f"9{day.replace('-', '')}{sensor:010}"),
            "timestamp": f"{day} 23:59:59",
            "location": {"country": None},
            "sensor": {"id": sensor, "sensor_type": {"name": kind}},
            "sensordatavalues": [{"value_type": name, "value": mean} for name, mean in means.items()],
        },
        int(datetime.fromisoformat(f"{day}T23:59:59+00:00").timestamp()),
    )
    hours = {"P2": "hours_p25", "P1": "hours_p10"}
    counted = {name: str(len(seen.values[kind])) for kind, name in hours.items()}
    place = _place({"latitude": latitude, "longitude": longitude, "indoor": int(seen.indoor)})
    return row and row | place | counted


def _place(location: dict[str, Any]) -> Row:
    return {name: number(location[name]) for name in ("latitude", "longitude", "indoor")}


def _mean(hours: dict[int, list[Fraction]]) -> str:
    """Return the mean of the hourly means to two decimals, half up."""
    means = [sum(values) / len(values) for values in hours.values()]
    hundredths = int(sum(means, Fraction(0)) / len(means) * 100 + Fraction(1, 2))
    return f"{hundredths // 100}.{hundredths % 100:02}"
