"""Makes a document in the feed's form from a day's files: for each sensor one record with its means.

One rule: the records do not depend on the order of files and rows, nor on where the pieces end.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from aqi_service.core.day_names import DayName, day_id, day_text
from aqi_service.core.parse.day_means import HOURS, LEAST_HOURS
from aqi_service.core.parse.day_rows import POLLUTANTS, DayRows, DayValues
from aqi_service.core.parse.gunzip import Gunzip
from aqi_service.errors import CutShort, FetchFailed, SnapshotRejected

HOURS_KEY, REJECTED_KEY = "hours", "rejected"
"""Extra keys of such a record: the hours with a value, by pollutant, and why it has no mean."""


@dataclass(slots=True)
class DayCounts:
    """Counts of what a day's files turned out to be.

    Attributes:
        files: how many files were read.
        bytes: their size, unpacked.
        days: sensors with a value of PM2.5 or PM10 in at least one hour.
        hours_missing: hours of these sensors without a value of either.
        warnings: what is odd about rows and files, counted by name.
    """

    files: int = 0
    bytes: int = 0
    days: int = 0
    hours_missing: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


class DayFileReader:
    """Reads one file, packed or not, into the values of its sensor's day."""

    def __init__(self, name: DayName, values: DayValues, counts: DayCounts, limit: int) -> None:
        """`limit` is how many bytes, unpacked, all files of the day may have."""
        self._counts, self._limit = counts, limit
        self._gunzip = Gunzip(limit - counts.bytes)
        self._rows = DayRows(name, values, counts.warnings)
        values.indoor |= name.indoor
        self._is_bad = False

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, but none behind damage. Raises SnapshotRejected beyond `limit`."""
        if not self._is_bad:
            self._take(self._gunzip.feed(piece))

    def close(self, *, is_whole: bool = True) -> None:
        """End the file; `is_whole` tells that all of it could be read."""
        if is_whole and not self._is_bad:
            self._take(self._gunzip.close())
        self._rows.close()
        self._counts.files += 1
        if self._is_bad or not is_whole:
            self._counts.warnings["damaged_file"] += 1

    def _take(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self._counts.bytes += len(piece)
                self._rows.feed(piece)
        except (FetchFailed, CutShort):
            self._is_bad = True
        except SnapshotRejected as error:
            raise SnapshotRejected(
                f"the day's files are larger than {self._limit} bytes; --max-bytes allows more", error.offset
            ) from error


class DayDocument:
    """Makes a document from the files of one day, which come one after the other, each in pieces.

    A sensor's record is written after its last file. Only sensors with several files are kept until then.
    """

    def __init__(self, names: Iterable[DayName], limit: int) -> None:
        """`names` are those of all files to come; `limit` is the most bytes that they may have, unpacked."""
        self._left = Counter(name.sensor_id for name in names)
        self._limit = limit
        self._begun: dict[int, DayValues] = {}
        self._written = 0
        self.counts = DayCounts()

    def open(self, name: DayName) -> DayFileReader:
        """Begin a file."""
        values = self._begun.setdefault(name.sensor_id, DayValues(name.kind))
        return DayFileReader(name, values, self.counts, self._limit)

    def close(self, name: DayName) -> bytes:
        """Return the part of the document that can be written after a file; it may be empty."""
        self._left[name.sensor_id] -= 1
        if self._left[name.sensor_id] > 0:
            return b""
        del self._left[name.sensor_id]
        record = _record(name, values := self._begun.pop(name.sensor_id))
        self._count(values)
        self._written += 1
        return (b"[" if self._written == 1 else b",\n") + orjson.dumps(record)

    def end(self) -> bytes:
        """Return the end of the document, after the last file."""
        return b"]" if self._written else b"[]"

    def _count(self, values: DayValues) -> None:
        """Count a sensor's day, and its hours without a value."""
        there = [any(counts) for counts in zip(*(sums.counts for sums in values.sums.values()), strict=True)]
        if any(there):
            self.counts.days += 1
            self.counts.hours_missing += HOURS - sum(there)


def _record(name: DayName, values: DayValues) -> dict[str, Any]:
    """Write a sensor's day as the feed writes a measurement; a mean of too few hours is left out."""
    kind, latitude, longitude = values.place()
    hours = {each: sums.hours for each, sums in values.sums.items()}
    enough = {each: values.sums[each].mean() for each in POLLUTANTS if hours.get(each, 0) >= LEAST_HOURS}
    why = None if enough else _why(values, hours)
    means = dict.fromkeys(POLLUTANTS) if why else enough
    return {
        "id": int(day_id(name.day, name.sensor_id)),
        "timestamp": f"{day_text(name.day)} 23:59:59",
        "location": {"latitude": latitude, "longitude": longitude, "indoor": int(values.indoor)},
        "sensor": {"id": name.sensor_id, "sensor_type": {"name": kind or values.kind.upper()}},
        "sensordatavalues": [{"value_type": each, "value": mean} for each, mean in means.items()],
        HOURS_KEY: hours,
    } | ({REJECTED_KEY: why} if why else {})


def _why(values: DayValues, hours: Mapping[str, int]) -> str | None:
    """Say why a sensor's day has no mean; None if the sensor measures no particles."""
    if not values.has_header:
        return "bad_header"
    if not hours:
        return None
    return "too_few_hours" if any(hours.values()) else "no_pm_value"
