"""What readers may see of loads: the reports, and the rejected records.

One rule: readers see nothing of the owner's: no path, no table's name, no error text of a service.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson

from aqi_service.core.csv_reply import csv_line
from aqi_service.core.decimals import canonical, integer
from aqi_service.core.exclusions import EXCLUDED, ExcludedSensors
from aqi_service.core.manifest import Manifest
from aqi_service.core.redaction import printable
from aqi_service.core.requests import MOST_REJECTS

_SHOWN = (
    *("status", "snapshot", "snapshot_time", "sha256", "bytes", "scale", "version", "records", "stored"),
    *("unchanged", "superseded", "merged", "rejected", "without_pm", "expired", "pending", "sensors"),
    *("newest", "reasons", "warnings", "started", "seconds"),
)
_PUBLIC_SOURCES = ("http://", "https://")

MOST_REASON = 200
"""Most characters of a reason: a table's words about an item that it refuses may be long."""


def public_report(manifest: Manifest) -> dict[str, Any]:
    """Return what readers may see of a manifest: its report, and the source if that is a URL."""
    source = str(manifest.get("source"))
    shown = {name: manifest.get(name) for name in _SHOWN}
    return shown | {"source": source if source.startswith(_PUBLIC_SOURCES) else None}


class Reject(NamedTuple):
    """A rejected record; a field that its text does not have is None.

    Attributes:
        offset: the byte of the snapshot at which it begins.
        id: its id, if it has one.
        sensor_id: its sensor's id.
        latitude: degrees north, canonical text.
        longitude: degrees east, canonical text.
        country: as the feed has it.
        reason: why it was rejected.
    """

    offset: int | None
    id: str | None
    sensor_id: str | None
    latitude: str | None
    longitude: str | None
    country: str | None
    reason: str


REJECT_HEADER = (",".join(Reject._fields) + "\r\n").encode()
_NUMERIC = (True, True, True, True, True, False, False)


def is_shown(reject: Reject, excluded: ExcludedSensors) -> bool:
    """Tell whether readers may see it: never if it is, or may be, of a sensor that is left out."""
    if reject.sensor_id is None and excluded.ids:
        return reject.latitude is None and reject.longitude is None
    return not excluded.has(reject.sensor_id)


def reject_row(reject: Reject) -> bytes:
    """Write a rejected record as a row of CSV."""
    return csv_line(reject, _NUMERIC)


def rejects_of(document: bytes) -> Iterator[Reject]:
    """Give the first MOST_REJECTS of a list of rejected records; the list may be cut short.

    Records of sensors that are left out are not given: others could tell from a record's id whose it is.
    """
    lines = (line for line in document.splitlines(keepends=True) if line.endswith(b"\n"))
    found = (line for each in lines if (line := _object(each)) and line.get("reason") != EXCLUDED)
    yield from map(_reject, islice(found, MOST_REJECTS))


def _reject(line: Mapping[str, Any]) -> Reject:
    record = _object(str(line.get("record"))) or {}
    sensor, location = _part(record, "sensor"), _part(record, "location")
    country, offset = location.get("country"), line.get("offset")
    return Reject(
        offset if type(offset) is int else None,
        integer(line.get("id")),
        integer(sensor.get("id")),
        _degrees(location.get("latitude"), 90),
        _degrees(location.get("longitude"), 180),
        printable(country)[:MOST_REASON] if isinstance(country, str) else None,
        printable(str(line.get("reason")))[:MOST_REASON],
    )


def _degrees(value: object, most: int) -> str | None:
    text = canonical(value)
    return text if text is not None and abs(float(text)) <= most else None


def _object(text: bytes | str) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:  # a record's text is cut when it is long
        return None
    return found if isinstance(found, dict) else None


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}
