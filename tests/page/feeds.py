"""Files of the network for the page's tests: of now, halved, hostile; made here, loaded as any other.

One rule: a feed is a list of records in the network's own form; times are given as ages.
"""

import gzip
import json
import math
import random
import time
from pathlib import Path
from typing import Any

from tests.doubles.documents import real_capture

HOUR = 3600


def feed_time(age_seconds: float) -> str:
    """Write the time so long ago as the feed does."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - age_seconds))


def of_now(age_seconds: float = 60, most: int = 100_000) -> list[dict[str, Any]]:
    """Return the capture's records as a 24-hour file: one a sensor, all so old."""
    found: dict[int, dict[str, Any]] = {}
    for record in json.loads(real_capture()):
        if any(value.get("value_type") == "P1" for value in record["sensordatavalues"]):
            found.setdefault(record["sensor"]["id"], record | {"timestamp": feed_time(age_seconds)})
    return list(found.values())[:most]


def written(folder: Path, records: list[dict[str, Any]], age_seconds: float = 0) -> str:
    """Write a file that is named as a snapshot of so long ago."""
    name = time.strftime("data_%d_%m_%y_%H_%M.json.gz", time.gmtime(time.time() - age_seconds))
    path = folder / name
    path.write_bytes(gzip.compress(json.dumps(records).encode(), 1))
    return str(path)


HOSTILE = {
    "markup": "<img src=x onerror=alert(1)><script>document.title='taken'</script>",
    "right-to-left": "\u202edetrevni\u202c \u2066x",
    "wide": "w" * 300,
    "long": "w" * 9_000,  # over what memory takes of a record: such sensors are on no map
    "too long": "w" * 65_536,  # over what a record may have: it is rejected, and nothing of it is read
    "NUL": "a\x00b\x1b[31m",
}


def hostile(text: str) -> list[dict[str, Any]]:
    """Return records with this text in every field that is one."""
    place = {
        "id": 1,
        "latitude": "48.78",
        "longitude": "9.18",
        "altitude": text,
        "country": text,
        "exact_location": 0,
    }
    sensor = {"id": 77, "pin": text, "sensor_type": {"id": 14, "name": text, "manufacturer": text}}
    values = [
        {"id": n, "value": value, "value_type": kind}
        for n, (kind, value) in enumerate((("P1", "40"), ("P2", "24.3")))
    ]
    more = [{"id": 9, "value": text, "value_type": text}]
    good = {"id": 28600000001, "timestamp": feed_time(60), "location": place, "sensor": sensor}
    return [
        good | {"sensordatavalues": values},
        good | {"id": 28600000002, "sensor": sensor | {"id": 78}, "sensordatavalues": [*values, *more]},
        good | {"id": text, "sensordatavalues": values, "timestamp": text},
        good | {"id": 28600000003, "timestamp": text, "sensordatavalues": values},
    ]


YEAR_SENSORS = {4740: (48.78, 9.18), 5123: (48.80, 9.20), 6001: (48.74, 9.12), 6002: (48.71, 9.25)}
"""Sensors of the year that is made, and where they stand."""

_LAMPS = 30.0
"""µg/m³ of PM2.5 that a winter's day without wind adds, halved."""


def year(hours: int = 365 * 24) -> list[dict[str, Any]]:
    """Return hourly 24-hour means of YEAR_SENSORS up to now: winters are worse, some hours are missing."""
    draw = random.Random(4740)  # noqa: S311  # a picture, no secret
    found: list[dict[str, Any]] = []
    for place, (sensor, at) in enumerate(YEAR_SENSORS.items()):
        mean, wind = 8.0, 0.0
        for age in range(hours, -1, -1):
            season = 1 + math.cos((hours - age) / (365 * 24) * 2 * math.pi - 0.9)
            if age % 24 == 0:
                wind = draw.random() ** 4
            mean += (5 + 2 * place + season * _LAMPS * wind - mean) / 15 + draw.uniform(-0.3, 0.3)
            mean = max(1.5, mean)
            if age > 0 and (draw.random() < 0.04 or (9 < age // 24 % 29 < 12 and age % 24 > 9)):
                continue
            found.append(measured(28_000_000_000 + len(found), sensor, at, age * HOUR + 60, mean))
    return found


def measured(
    record: int, sensor: int, at: tuple[float, float], age_seconds: float, pm25: float
) -> dict[str, Any]:
    """Return one measurement in the network's form."""
    latitude, longitude = at
    place = {
        "id": sensor,
        "latitude": f"{latitude}",
        "longitude": f"{longitude}",
        "altitude": "250",
        "country": "DE",
        "exact_location": 0,
        "indoor": 0,
    }
    kind = {"id": 14, "name": "SDS011", "manufacturer": "Nova Fitness"}
    values = [
        {"id": 2 * record, "value": f"{pm25 * 1.6:.2f}", "value_type": "P1"},
        {"id": 2 * record + 1, "value": f"{pm25:.2f}", "value_type": "P2"},
    ]
    return {
        "id": record,
        "timestamp": feed_time(age_seconds),
        "location": place,
        "sensor": {"id": sensor, "pin": "1", "sensor_type": kind},
        "sensordatavalues": values,
    }


def newest_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the last record of each sensor."""
    return list({record["sensor"]["id"]: record for record in records}.values())
