"""Daily files as Sensor.Community's archive has them, and what they come to by another way of reading.

One rule: the other way shares no code with the program: the csv module, and fractions.
"""

import csv
import gzip
import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

DAY = "2023-12-20"
SDS011 = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2"
PMS5003 = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2;P0"
SPS30 = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P4;P2;P0;N10;N4;N25;N1;N05;TS"

LIMITS = {"P1": 1999, "P2": 999}

Row = dict[str, object]


def name_of(sensor: int = 123, day: str = DAY, kind: str = "sds011", ending: str = ".csv") -> str:
    return f"{day}_{kind}_sensor_{sensor}{ending}"


def row(clock: str, p1: object = "12.5", p2: object = "7.5", sensor: int = 123, **changes: object) -> Row:
    """Make a row of a time of the day, `00:01:54`, or of a whole timestamp."""
    timestamp = clock if "-" in clock else f"{DAY}T{clock}"
    usual = {"sensor_id": sensor, "sensor_type": "SDS011", "location": 62, "lat": "48.8", "lon": "9.2"}
    return {**usual, "timestamp": timestamp, "P1": p1, "P2": p2} | changes


def hours(*numbers: int, sensor: int = 123, **values: object) -> list[Row]:
    """Make a row of each of these hours."""
    return [row(f"{number:02}:30:00", sensor=sensor, **values) for number in numbers]


def csv_of(rows: Iterable[Row], header: str = SDS011, end: str = "\n") -> bytes:
    """Write rows under a header; what a row does not have is blank."""
    names = header.split(";")
    lines = [header, *(";".join(str(each.get(name, "")) for name in names) for each in rows)]
    return "".join(line + end for line in lines).encode()


def day_of(sensor: int = 123, count: int = 24, day: str = DAY, **values: object) -> bytes:
    """Write a file with a row in each of the first `count` hours."""
    return csv_of([each | {"timestamp": f"{day}T{n:02}:30:00"} for n in range(count) for each in
                   hours(n, sensor=sensor, **values)])  # fmt: skip


def reference(files: Sequence[bytes], kind: str, is_usable: Callable[[str], bool]) -> tuple[str | None, int]:
    """Return the day's value of a pollutant, and its number of hours: 18 are needed for a value."""
    by_hour: dict[str, list[Fraction]] = defaultdict(list)
    for file in files:
        for each in csv.DictReader(io.StringIO(file.decode()), delimiter=";"):
            text = each.get(kind) or ""
            if is_usable(text) and 0 <= Fraction(text) < LIMITS[kind]:
                by_hour[each["timestamp"][11:13]].append(Fraction(text))
    if len(by_hour) < 18:
        return None, len(by_hour)
    means = [sum(values) / len(values) for values in by_hour.values()]
    mean = sum(means, Fraction(0)) / len(means)
    hundredths = int(mean * 100 + Fraction(1, 2))  # not negative: cutting is rounding down
    return f"{hundredths // 100}.{hundredths % 100:02}".rstrip("0").rstrip("."), len(by_hour)


def write_days(folder: Path, days: Sequence[str], sensors: int, seed: int = 7) -> dict[str, list[bytes]]:
    """Write days of sensors as the network's archive lays them out, odd files among them.

    Return the files of each sensor's day that has any, by the id of its record.
    """
    chance = random.Random(seed)  # noqa: S311  # the same files each time
    written: dict[str, list[bytes]] = {}
    for day in days:
        place = folder / day[:4] / day
        place.mkdir(parents=True)
        for sensor in range(1, sensors + 1):
            some = sorted(chance.sample(range(24), chance.choice((24, 24, 23, 18, 17, 5))))
            rows = [
                row(f"{day}T{hour:02}:{chance.randrange(60):02}:00", chance.randrange(9_000) / 100,
                    chance.choice((chance.randrange(4_000) / 100, 999.9, "nan", "")), sensor)
                for hour in some for _ in range(2)
            ]  # fmt: skip
            body = csv_of(rows, chance.choice((SDS011, PMS5003, SPS30)))
            ending = chance.choice((".csv", ".csv", ".csv.gz", "_indoor.csv"))
            packed = gzip.compress(body, mtime=0) if ending.endswith(".gz") else body
            (place / name_of(sensor, day, ending=ending)).write_bytes(packed)
            written[f"9{day.replace('-', '')}{sensor:010}"] = [body]
        for odd, content in (("bme280", b"sensor_id;timestamp;humidity\n"), ("sds011", b"<html></html>\n")):
            (place / name_of(sensors + 1 + len(odd), day, odd)).write_bytes(content)
        (place / "index.html").write_bytes(b"<html></html>\n")
    return written
