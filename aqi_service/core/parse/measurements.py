"""From the feed's records to items: merge neighbours, validate, score.

One rule: a bad record is a value (Rejection), and a bad optional field costs only itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from aqi_service.core.decimals import integer
from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.fields import (
    ABSENT,
    LOCATION,
    PmValue,
    identity,
    in_range,
    indoor,
    pm_values,
    text,
)
from aqi_service.core.parse.splitter import KEPT_TEXT, Batch, Unreadable
from aqi_service.core.scales import NOT_MASS, Scale, Score, score
from aqi_service.core.times import day_of
from aqi_service.core.witness import MeasuredTimes


class Rejection(NamedTuple):
    """A record that is not stored.

    Attributes:
        reason: why, one word (see REASONS).
        id: the record's id where it has one.
        offset: where its text begins in the snapshot, in bytes.
        text: its bytes, at most KEPT_TEXT of them.
    """

    reason: str
    id: str | None
    offset: int
    text: bytes


REASONS = {
    "unreadable": "its text is no JSON",
    "too_long": "it is longer than 64 KiB",
    "too_deep": "it is nested deeper than 64",
    "not_an_object": "it is JSON, but no object",
    "bad_id": "its id is no integer from 0 to 2^63-1",
    "bad_timestamp": "its timestamp has another form, or lies before 2010 or over 24 h past the snapshot",
    "not_mass": "its sensor type does not measure µg/m³",
    "no_pm_value": "neither PM2.5 nor PM10 is a number in range",
    "refused": "the table will never take it",
}


@dataclass(frozen=True, slots=True)
class ScoringRules:
    """What a record is judged by.

    Attributes:
        scale: the index to compute.
        snapshot_at: the snapshot's time, epoch seconds.
        ttl: seconds from `measured_at` to `expires_at`, or None for items that stay.
    """

    scale: Scale
    snapshot_at: int
    ttl: int | None = None


class _Half(NamedTuple):
    """A record that may be one half of a measurement: just one of P1 and P2 is there."""

    record: dict[str, Any]
    p1: PmValue
    p2: PmValue
    batch: Batch
    position: int


class MeasurementBuilder:
    """Turns batches of records into items and rejections, in order; `counts` tells how many.

    Neighbours with the same id, sensor and timestamp of which one has P1 and the other P2 are one
    measurement, also across batches; records without PM values, and what cannot be read, do not part them. So
    a half is decided by the next element that can be read and has a PM value or is no record, or by the end
    of a document that ended well (`close`), and by nothing else: where the bytes merely end, or turn bad, be
    it behind the closing bracket, its other half may have been the next.

    `boxes` is told of every record, for whoever wants to know the humidity beside the sensors.
    """

    def __init__(self, rules: ScoringRules, boxes: BoxHumidity | None = None) -> None:
        self._rules = rules
        self._boxes = boxes
        self._pending_half: _Half | None = None
        self.counts = ParseCounts(times=MeasuredTimes(rules.snapshot_at))

    def add(self, batch: Batch) -> list[Item | Rejection]:
        """Take the next batch; a half at its end is pending until its neighbour is known."""
        out: list[Item | Rejection] = []
        self.counts.records += len(batch.values)
        for index, record in enumerate(batch.values):
            if type(record) is not dict:
                out += self._reject_element(record, batch, index)
                continue
            p1, p2 = pm_values(record)
            if self._boxes is not None:
                self._boxes.read(record, has_pm=not (p1 is ABSENT and p2 is ABSENT))
            if p1 is ABSENT and p2 is ABSENT:
                self.counts.without_pm += 1
            elif p1 is ABSENT or p2 is ABSENT or self._pending_half:
                out += self._join(_Half(record, p1, p2, batch, index))
            else:
                out.append(self._build(_Half(record, p1, p2, batch, index)))
        return out

    def _reject_element(self, element: object, batch: Batch, index: int) -> list[Item | Rejection]:
        """Reject what is no record. It decides a pending half, unless it may itself be the other one."""
        if type(element) is Unreadable:
            return [self._reject(element.reason, None, batch, index)]
        return [*self.close(), self._reject("not_an_object", None, batch, index)]

    def _join(self, half: _Half) -> list[Item | Rejection]:
        """Merge the record with the pending half, or decide that one; a half is the next that is pending."""
        if self._pending_half is not None and _are_one(self._pending_half, half):
            first = self._pending_half
            self._wait_for_other(None)
            return [self._build(self._merge(first, half))]
        out = self.close()
        if _may_be_half(half):
            self._wait_for_other(half)
        else:
            out.append(self._build(half))
        return out

    def close(self) -> list[Item | Rejection]:
        """Decide the pending half, if there is one: its other half does not follow."""
        half = self._pending_half
        self._wait_for_other(None)
        return [] if half is None else [self._build(half)]

    def pending_half(self) -> tuple[Batch, int] | None:
        """Tell which record is pending: its batch, and its place in it."""
        half = self._pending_half
        return None if half is None else (half.batch, half.position)

    def _wait_for_other(self, half: _Half | None) -> None:
        self._pending_half, self.counts.pending_half = half, int(half is not None)

    def _merge(self, first: _Half, second: _Half) -> _Half:
        self.counts.merged += 1
        p1, p2 = (second.p1, first.p2) if first.p1 is ABSENT else (first.p1, second.p2)
        return first._replace(p1=p1, p2=p2)

    def _reject(self, reason: str, record_id: str | None, batch: Batch, index: int) -> Rejection:
        self.counts.rejected += 1
        self.counts.reasons[reason] += 1
        offset, source = batch.locate(index)
        return Rejection(reason, record_id, offset, source[:KEPT_TEXT])

    def _build(self, half: _Half) -> Item | Rejection:
        """Validate and score one measurement."""
        record, findings, rules = half.record, self.counts, self._rules
        findings.pm_records += 1
        sensor_id, sensor_type = self._sensor(record)
        record_id = integer(record.get("id"))
        timestamp = record.get("timestamp")
        measured_at = findings.usable_time(timestamp, rules.snapshot_at)
        pm10, pm25 = in_range("P1", half.p1), in_range("P2", half.p2)
        if record_id is None or measured_at is None or sensor_type in NOT_MASS or not (pm10 or pm25):
            findings.pm_rejected += 1
            reason = _reason(record_id, measured_at, sensor_type)
            return self._reject(reason, record_id, half.batch, half.position)
        if findings.newest is None or measured_at > findings.newest[0]:
            findings.newest = (measured_at, str(timestamp))
        findings.times.add(measured_at)
        self._warn_of_values(half, pm10, pm25)
        aqi, band, pollutant = _score(rules.scale, half, pm10, pm25)
        if self._boxes is not None:
            self._boxes.locate(record, record_id)
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
        )

    def _sensor(self, record: dict[str, Any]) -> tuple[str | None, str | None]:
        """Read the sensor's id and type, and count the sensor."""
        sensor = self._object(record, "sensor")
        sensor_id = self._optional("sensor_id", sensor.get("id"), integer)
        if sensor_id is not None:
            self.counts.sensors.add(int(sensor_id))
        kind = self._object(sensor, "sensor_type")
        return sensor_id, self._optional("sensor_type", kind.get("name"), text)

    def _object(self, parent: dict[str, Any], name: str) -> dict[str, Any]:
        """Return the object of that name, empty where there is none; a mistyped one is a warning."""
        child = parent.get(name)
        if type(child) is dict:
            return child
        self._optional(name, child, lambda _: None)
        return {}

    def _optional(self, name: str, given: object, read: Callable[[object], str | None]) -> str | None:
        """Return the usable form; something given that has none is left out, and counts as a warning."""
        if given is None or given == "":
            return None
        usable = read(given)
        if usable is None:
            self.counts.warnings[f"bad_{name}"] += 1
        return usable

    def _warn_of_values(self, half: _Half, pm10: str | None, pm25: str | None) -> None:
        warnings = self.counts.warnings
        if pm10 is None and half.p1 is not ABSENT:
            warnings["bad_pm10"] += 1
        if pm25 is None and half.p2 is not ABSENT:
            warnings["bad_pm25"] += 1
        if pm10 is not None and pm25 is not None and Decimal(pm25) > Decimal(pm10):
            warnings["pm25_over_pm10"] += 1


def _may_be_half(half: _Half) -> bool:
    """Tell whether another record may be the other half of this one's measurement."""
    return (half.p1 is ABSENT or half.p2 is ABSENT) and identity(half.record)[0] is not None


def _are_one(first: _Half, second: _Half) -> bool:
    """Tell whether two neighbours are the two halves of one measurement."""
    if not ((first.p1 is ABSENT and second.p2 is ABSENT) or (first.p2 is ABSENT and second.p1 is ABSENT)):
        return False
    same = identity(first.record)
    return same[0] is not None and same == identity(second.record)


def _reason(record_id: str | None, measured_at: int | None, sensor_type: str | None) -> str:
    if record_id is None:
        return "bad_id"
    if measured_at is None:
        return "bad_timestamp"
    return "not_mass" if sensor_type in NOT_MASS else "no_pm_value"


def _score(scale: Scale, half: _Half, pm10: str | None, pm25: str | None) -> Score:
    if scale.screened:
        return score(scale, pm10, pm25)
    return score(scale, *(value if type(value) is str else None for value in (half.p1, half.p2)))
