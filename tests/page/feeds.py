"""Files of the network for the page's tests: of now, halved, hostile; made here, and loaded as any other.

One rule: a feed is a list of records in the network's own form; times are given as ages of the machine's clock.
"""

import gzip
import json
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
    "long": "w" * 60_000,
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
