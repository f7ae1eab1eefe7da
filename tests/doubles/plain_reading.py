"""What a document comes to, worked out once more in the plainest way from the specification's text.

One rule: nothing here reads the code under test.
"""

import json
import re
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from tests.doubles.documents import CUT, GENERATED, real_capture

CAPTURES: dict[str, tuple[bytes, str]] = {
    "real": (real_capture(), "2017-08-10 11:23"),
    "cut": (CUT + b"]", "2017-08-10 11:47"),
    "generated": (GENERATED, "2026-11-23 15:00"),
}

LIMITS = {"P1": 1999, "P2": 999}

DAQI = {
    "P2.5": (11, 23, 35, 41, 47, 53, 58, 64, 70),
    "P10": (16, 33, 50, 58, 66, 75, 83, 91, 100),
}

DAQI_BANDS = ["Low", "Low", "Low", "Medium", "Medium", "Medium", "High", "High", "High", "Very_High"]

EPA = {
    "P2.5": ("0.1", "0.0 9.0 9.1 35.4 35.5 55.4 55.5 125.4 125.5 225.4 225.5 325.4"),
    "P10": ("1", "0 54 55 154 155 254 255 354 355 424 425 604"),
}

EPA_INDEX = (0, 50, 51, 100, 101, 150, 151, 200, 201, 300, 301, 500)

EPA_BANDS = ["Good", "Moderate", "Unhealthy for Sensitive Groups", "Unhealthy", "Very Unhealthy", "Hazardous"]


class Plain(NamedTuple):
    """What a capture comes to: items as attributes, rejections as (reason, id), and the other fates."""

    items: list[dict[str, Any]]
    rejected: list[tuple[str, str | None]]
    merged: int
    without_pm: int


def number(value: Any) -> str | None:
    """Section 5: `-?(digits[.digits]|.digits)`, at most 38 significant digits; no surplus zeros."""
    text = value if isinstance(value, str) else str(value) if type(value) in (int, float) else ""
    if not re.fullmatch(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)", text):
        return None
    plain = f"{Decimal(text):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain if len(Decimal(plain).as_tuple().digits) <= 38 else None


def within(value: Any, low: float, high: float) -> str | None:
    """A number from low to high."""
    text = number(value)
    return text if text is not None and low <= Decimal(text) <= high else None


def whole(value: Any) -> str | None:
    """Section 5: an integer from 0 to 2^63-1, as JSON integer or digit string."""
    digits = str(value) if type(value) in (int, str) else ""
    return str(int(digits)) if re.fullmatch("[0-9]+", digits) and int(digits) < 2**63 else None


def seconds(value: Any, snapshot: datetime) -> int | None:
    """Sections 4 and 5: the two forms, from 2010 to 24 h after the snapshot's time."""
    form = "%Y-%m-%dT%H:%M:%S" if "T" in str(value) else "%Y-%m-%d %H:%M:%S"
    try:
        moment = datetime.strptime(value, form).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None
    usable = moment.year >= 2010 and (moment - snapshot).total_seconds() <= 24 * 3600
    return int(moment.timestamp()) if usable else None


def pollutants(record: dict[str, Any]) -> dict[str, str | None]:
    """P1 and P2 where they are there: the first that is a number, or None."""
    found: dict[str, str | None] = {}
    for entry in record.get("sensordatavalues") or []:
        kind = entry.get("value_type")
        if kind in LIMITS and found.get(kind) is None:
            found[kind] = number(entry.get("value"))
    return found


def daqi(pollutant: str, value: str) -> tuple[int, str]:
    """Section 6: rounded half up to a whole number, then the table."""
    rounded = Decimal(value).quantize(Decimal(1), ROUND_HALF_UP)
    index = 1 + sum(rounded > edge for edge in DAQI[pollutant])
    return index, DAQI_BANDS[index - 1].replace("_", " ")


def us_epa(pollutant: str, value: str) -> tuple[int, str]:
    """Section 6: cut, then linear within its range, the index rounded half up."""
    unit, edges = EPA[pollutant]
    cut = Decimal(value).quantize(Decimal(unit), ROUND_FLOOR)
    row = min(sum(cut > Decimal(edge) for edge in edges.split()[1::2]), 5)
    low, high = (Decimal(edge) for edge in edges.split()[2 * row : 2 * row + 2])
    first, last = EPA_INDEX[2 * row : 2 * row + 2]
    exact = first + (last - first) * (cut - low) / (high - low)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP)), EPA_BANDS[row]


def report(values: dict[str, str | None]) -> tuple[int, str, str]:
    """Section 6: P1 as PM2.5 and P2 as PM10, missing ones as 0, the first band that either falls in."""
    p1, p2 = (float(values.get(kind) or 0) for kind in ("P1", "P2"))
    for index in range(10):
        low1, low2 = (-1.0 if index == 0 else float(DAQI[name][index - 1]) for name in ("P2.5", "P10"))
        high1, high2 = (float(DAQI[name][index]) if index < 9 else 1e99 for name in ("P2.5", "P10"))
        falls = {"P10": p1 >= 0 and low1 < p1 <= high1, "P2.5": p2 >= 0 and low2 < p2 <= high2}
        if any(falls.values()):
            return index + 1, DAQI_BANDS[index].replace("_", " "), "P2.5" if falls["P2.5"] else "P10"
    return 0, "Very_Low", "P2.5"


def index(scale: str, values: dict[str, str | None], kept: dict[str, str | None]) -> tuple[int, str, str]:
    """Section 6: the highest of the pollutants' indices; P2.5 at a tie."""
    if scale == "report":
        return report(values)
    table = {"daqi": daqi, "us-epa": us_epa}[scale]
    best: tuple[int, str, str] | None = None
    for kind, pollutant in (("P2", "P2.5"), ("P1", "P10")):
        if (value := kept[kind]) is not None:
            found = (*table(pollutant, value), pollutant)
            best = found if best is None or found[0] > best[0] else best
    assert best is not None
    return best


def plain_item(record: dict[str, Any], values: dict[str, str | None], scale: str, snapshot: datetime) -> Any:
    """One measurement's attributes, or (reason, id)."""
    kept = {
        kind: value if (value := values.get(kind)) and 0 <= Decimal(value) < limit else None
        for kind, limit in LIMITS.items()
    }
    record_id, measured = whole(record.get("id")), seconds(record.get("timestamp"), snapshot)
    sensor, location = record.get("sensor") or {}, record.get("location") or {}
    sensor_type = (sensor.get("sensor_type") or {}).get("name")
    for reason, true in (
        ("bad_id", record_id is None),
        ("bad_timestamp", measured is None),
        ("not_mass", sensor_type == "PPD42NS"),
        ("no_pm_value", kept == {"P1": None, "P2": None}),
    ):
        if true:
            return reason, record_id
    country = location.get("country")
    aqi, band, pollutant = index(scale, values, kept)
    attributes = {
        "id": record_id,
        "latitude": within(location.get("latitude"), -90, 90),
        "longitude": within(location.get("longitude"), -180, 180),
        "altitude": number(location.get("altitude")),
        "country": country if isinstance(country, str) and re.fullmatch("[A-Z]{2}", country) else None,
        "timestamp": record["timestamp"],
        "date": record["timestamp"][:10],
        "P2.5": kept["P2"],
        "P10": kept["P1"],
        "AQI": str(aqi),
        "AQI_range": band,
        "sensor_id": whole(sensor.get("id")),
        "sensor_type": sensor_type,
        "indoor": within(location.get("indoor"), 0, 1),
        "measured_at": measured,
        "snapshot_at": int(snapshot.timestamp()),
        "scale": scale,
        "AQI_pollutant": pollutant,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def plain(document: bytes, scale: str, taken: str) -> Plain:
    """Section 5, record by record."""
    snapshot = datetime.strptime(taken, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    with_pm: list[tuple[dict[str, Any], dict[str, str | None]]] = []
    records, merged = json.loads(document.decode("utf-8-sig")), 0
    for record in records:
        if not (values := pollutants(record)):
            continue
        last, had = with_pm[-1] if with_pm else ({}, {})
        same = all(last.get(key) == record.get(key) for key in ("id", "timestamp")) and (
            (last.get("sensor") or {}).get("id") == (record.get("sensor") or {}).get("id")
        )
        if (
            same
            and whole(record.get("id"))
            and len(had) == len(values) == 1
            and not had.keys() & values.keys()
        ):
            with_pm[-1] = (last, had | values)
            merged += 1
        else:
            with_pm.append((record, values))
    made = [plain_item(record, values, scale, snapshot) for record, values in with_pm]
    return Plain(
        [one for one in made if isinstance(one, dict)],
        [one for one in made if isinstance(one, tuple)],
        merged,
        len(records) - len(with_pm) - merged,
    )
