"""Makes an item or a rejection from a record: validate and score.

One rule: a bad record is a value (Rejection), and a bad optional field costs only itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from aqi_service.core.decimals import integer
from aqi_service.core.exclusions import EXCLUDED, NO_SENSORS
from aqi_service.core.humidity import BoxHumidity, box_of
from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.day_csv import HOURS_KEY, REJECTED_KEY
from aqi_service.core.parse.fields import ABSENT, LOCATION, PmValue, in_range, indoor, sensor_of, text
from aqi_service.core.parse.splitter import KEPT_TEXT, Batch
from aqi_service.core.scales import NOT_MASS
from aqi_service.core.scoring import Scale, Score, score
from aqi_service.core.times import day_of


class Rejection(NamedTuple):
    """A record that is not stored.

    Attributes:
        reason: why, in one word (see REASONS).
        id: the record's id, if it has one.
        offset: where its text begins in the snapshot, in bytes.
        text: its bytes, at most KEPT_TEXT of them; none if it is, or may be, of a sensor that is left out.
    """

    reason: str
    id: str | None
    offset: int
    text: bytes


REASONS = {
    EXCLUDED: "its sensor is left out",
    "unreadable": "its text is no JSON",
    "too_long": "it is longer than 64 KiB",
    "too_deep": "it is nested deeper than 64",
    "not_an_object": "it is JSON, but no object",
    "bad_id": "its id is no integer from 0 to 2^63-1",
    "bad_timestamp": "its timestamp has another form, or lies before 2010 or over 24 h past the snapshot",
    "not_mass": "its sensor type does not measure µg/m³",
    "no_pm_value": "neither PM2.5 nor PM10 is a number in range",
    "too_few_hours": "no pollutant of its day has a value in 18 of the 24 hours",
    "bad_header": "its daily file does not begin with the names of its columns",
    "refused": "the table will never take it",
}


@dataclass(frozen=True, slots=True)
class ScoringRules:
    """The rules by which a record is judged.

    Attributes:
        scale: the index to compute.
        snapshot_at: the snapshot's time, epoch seconds.
        ttl: seconds from `measured_at` to `expires_at`, or None for items that stay.
        excluded: sensors that are left out: their records are rejected, whatever else they are.
        daily: the records are sensors' days from daily files, as `day_csv` writes them.
    """

    scale: Scale
    snapshot_at: int
    ttl: int | None = None
    excluded: frozenset[int] = NO_SENSORS
    daily: bool = False

    def leaves_out(self, record: dict[str, Any]) -> bool:
        """Tell whether a record is of a sensor that is left out."""
        return bool(self.excluded) and sensor_of(record) in self.excluded

    def may_keep(self, element: object) -> bool:
        """Tell whether an element's text may be kept: if there is a list, only if its sensor is not on it."""
        sensor = sensor_of(element) if self.excluded else None
        return not self.excluded or (sensor is not None and sensor not in self.excluded)


class ParsedRecord(NamedTuple):
    """A record, its PM values (half a measurement has only one), and its place in a batch."""

    fields: dict[str, Any]
    p1: PmValue
    p2: PmValue
    batch: Batch
    position: int


class ItemBuilder:
    """Makes items from records by the rules; `counts` counts what it finds.

    `boxes` is told the place of each item.
    """

    def __init__(self, rules: ScoringRules, counts: ParseCounts, boxes: BoxHumidity | None) -> None:
        self._rules, self.counts, self._boxes = rules, counts, boxes

    def reject(self, reason: str, record_id: str | None, batch: Batch, index: int) -> Rejection:
        """Reject an element of a batch."""
        self.counts.rejected += 1
        self.counts.reasons[reason] += 1
        offset, source = batch.locate(index)
        kept = source[:KEPT_TEXT] if self._rules.may_keep(batch.values[index]) else b""
        return Rejection(reason, record_id, offset, kept)

    def build(self, parsed: ParsedRecord) -> Item | Rejection:
        """Validate and score one measurement."""
        record, counts, rules = parsed.fields, self.counts, self._rules
        record_id, timestamp = integer(record.get("id")), record.get("timestamp")
        if rules.leaves_out(record):  # before it counts as anything else
            return self.reject(EXCLUDED, record_id, parsed.batch, parsed.position)
        counts.pm_records += 1
        sensor_id, sensor_type = self._sensor(record)
        measured_at = counts.usable_time(timestamp, rules.snapshot_at)
        pm10, pm25 = in_range("P1", parsed.p1), in_range("P2", parsed.p2)
        if record_id is None or measured_at is None or sensor_type in NOT_MASS or not (pm10 or pm25):
            counts.pm_rejected += 1
            reason = _reason(record_id, measured_at, sensor_type, self._day_of(record, REJECTED_KEY))
            return self.reject(reason, record_id, parsed.batch, parsed.position)
        counts.count_item(measured_at, str(timestamp))
        self._warn_of_values(parsed, pm10, pm25)
        if self._boxes is not None:
            self._boxes.locate(box_of(record), record_id)
        aqi, band, pollutant = _score(rules.scale, parsed, pm10, pm25)
        location = self._object(record, "location")
        latitude, longitude, altitude, country = [
            self._optional(name, location.get(name), read) for name, read in LOCATION
        ]
        return Item(
            record_id,
            latitude,
            longitude,
            altitude,
            country,
            str(timestamp),
            day_of(measured_at),
            pm25,
            pm10,
            str(aqi),
            band,
            sensor_id,
            sensor_type,
            self._optional("indoor", location.get("indoor"), indoor),
            measured_at,
            rules.snapshot_at,
            rules.scale.name,
            pollutant,
            None if rules.ttl is None else measured_at + rules.ttl,
            *self._hours(record),
        )

    def _day_of(self, record: dict[str, Any], key: str) -> Any:
        """Return the extra fields of a sensor's day; a record of the feed has none."""
        return record.get(key) if self._rules.daily else None

    def _hours(self, record: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the numbers of hours of the day with a value of PM2.5 and of PM10."""
        hours = self._day_of(record, HOURS_KEY) or {}
        return integer(hours.get("P2")), integer(hours.get("P1"))

    def _sensor(self, record: dict[str, Any]) -> tuple[str | None, str | None]:
        """Read the sensor's id and type, and count the sensor."""
        sensor = self._object(record, "sensor")
        sensor_id = self._optional("sensor_id", sensor.get("id"), integer)
        if sensor_id is not None:
            self.counts.sensors.add(int(sensor_id))
        kind = self._object(sensor, "sensor_type")
        return sensor_id, self._optional("sensor_type", kind.get("name"), text)

    def _object(self, parent: dict[str, Any], name: str) -> dict[str, Any]:
        """Return the object of that name, empty if there is none; one of a wrong type is a warning."""
        child = parent.get(name)
        if type(child) is dict:
            return child
        self._optional(name, child, lambda _: None)
        return {}

    def _optional(self, name: str, given: object, read: Callable[[object], str | None]) -> str | None:
        """Return the usable form; a value without one is left out, and counts as a warning."""
        if given is None or given == "":
            return None
        usable = read(given)
        if usable is None:
            self.counts.warnings[f"bad_{name}"] += 1
        return usable

    def _warn_of_values(self, parsed: ParsedRecord, pm10: str | None, pm25: str | None) -> None:
        warnings = self.counts.warnings
        if pm10 is None and parsed.p1 is not ABSENT:
            warnings["bad_pm10"] += 1
        if pm25 is None and parsed.p2 is not ABSENT:
            warnings["bad_pm25"] += 1
        if pm10 is not None and pm25 is not None and Decimal(pm25) > Decimal(pm10):
            warnings["pm25_over_pm10"] += 1


def _reason(
    record_id: str | None, measured_at: int | None, sensor_type: str | None, of_day: str | None
) -> str:
    if record_id is None:
        return "bad_id"
    if measured_at is None:
        return "bad_timestamp"
    return "not_mass" if sensor_type in NOT_MASS else of_day or "no_pm_value"


def _score(scale: Scale, parsed: ParsedRecord, pm10: str | None, pm25: str | None) -> Score:
    if scale.screened:
        return score(scale, pm10, pm25)
    return score(scale, *(value if type(value) is str else None for value in (parsed.p1, parsed.p2)))
