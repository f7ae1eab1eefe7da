"""The files of a year, as the network's archive lays them out and people pack them; and one snapshot.

One rule: what a file is follows from the plan alone.
"""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.doubles.day_files import PMS5003, SDS011, SPS30, csv_of, name_of
from trials.years.oddities import ODDITIES
from trials.years.plan import NO_PARTICLES, PARTICLE_COUNTER, Plan, Sensor

HEADERS = {
    "sds011": SDS011,
    "pms5003": PMS5003,
    "sps30": SPS30,
    PARTICLE_COUNTER: SDS011,
    NO_PARTICLES: "sensor_id;sensor_type;location;lat;lon;timestamp;pressure;temperature;humidity",
}
HOURS = (24, 24, 24, 24, 23, 20, 18, 17, 5)
"""In how many hours a sensor sent something: 18 are needed."""

ODD = 0.12
"""How many files are odd."""

BAD = ("", "nan", "-1", "999.9", "1999.90", "5000", "1e3", "+5", " 12")
STAMPS = (
    "{day}T{clock}",
    "{day}T{clock}",
    "{day} {clock}",
    "{day}T{clock}.123456",
    "{day}T{clock}Z",
    "{day}T{clock}+01:00",
)
FIRST_ID = 28_000_000_000
"""Of the snapshot's records."""

Files = dict[str, bytes]


class Written(NamedTuple):
    """What there is now: so many files and rows, so many of them odd; the snapshot's time and document."""

    files: int
    rows: int
    odd: int
    taken: int
    snapshot: bytes


def write_year(folder: Path, plan: Plan) -> Written:
    """Write a plan's year."""
    chance, files, rows, odd = Random(f"{plan.seed}/files"), 0, 0, 0  # noqa: S311  # must be replayable
    for number, day in enumerate(plan.days):
        found = Files()
        for sensor in plan.sensors:
            for name, body, is_odd in _files_of(chance, sensor, day):
                found[name] = body
                rows, odd = rows + body.count(b"\n"), odd + is_odd
        files += len(found)
        _lay_out(folder, number, day, found)
    taken, snapshot = _snapshot(chance, plan)
    (folder / _snapshot_name(plan.days[-1])).write_bytes(snapshot)
    return Written(files, rows, odd, taken, snapshot)


def _files_of(chance: Random, sensor: Sensor, day: str) -> Iterator[tuple[str, bytes, bool]]:
    """Give the names and bytes of a sensor's day: mostly one file, at times two, or none."""
    if chance.random() < 0.02:
        return
    rows = _rows(chance, sensor, day)
    parts = [rows[::2], rows[1::2]] if chance.random() < 0.03 else [rows]
    for part, indoor in zip(parts, (sensor.indoor, True), strict=False):
        body, is_odd = csv_of(part, HEADERS[sensor.kind]), chance.random() < ODD
        if is_odd:
            body = ODDITIES[chance.choice(sorted(ODDITIES))](body, chance)
        ending = "_indoor.csv" if indoor else ".csv"
        if chance.random() < 0.3:
            ending, body = ending + ".gz", _packed(chance, body)
        yield name_of(sensor.number, day, sensor.kind, ending), body, is_odd


def _packed(chance: Random, body: bytes) -> bytes:
    """Pack a file; one in fifty lost its end."""
    packed = gzip.compress(body, mtime=0)
    return packed[: len(packed) * 2 // 3] if chance.random() < 0.02 else packed


def _rows(chance: Random, sensor: Sensor, day: str) -> list[dict[str, object]]:
    hours = sorted(chance.sample(range(24), chance.choice(HOURS)))
    level, form = chance.choice((400, 1500, 6000)), chance.choice(STAMPS)
    usual = {
        "sensor_id": sensor.number, "sensor_type": sensor.kind.upper(), "location": 62,
        "lat": sensor.latitude, "lon": sensor.longitude, "temperature": "7.5",
    }  # fmt: skip
    found = list[dict[str, object]]()
    for hour in hours:
        for minute in sorted(chance.sample(range(60), chance.randint(1, 3))):
            stamp = form.format(day=day, clock=f"{hour:02}:{minute:02}:{chance.randrange(60):02}")
            values = {"P1": _value(chance, 2 * level), "P2": _value(chance, level)}
            found.append(usual | {"timestamp": stamp} | values)
    return found


def _value(chance: Random, level: int) -> str:
    draw = chance.random()
    if draw < 0.01:
        return chance.choice(BAD)
    return (
        f"{chance.randrange(level * 10_000) / 1_000_000:.6f}"
        if draw < 0.05
        else f"{chance.randrange(level) / 100}"
    )


def _lay_out(folder: Path, number: int, day: str, files: Files) -> None:
    """Put a day's files where they are to lie: in a folder, a tar, a zip, or some here and some there."""
    place, packs = folder / day[:4] / day, folder / "packs"
    packs.mkdir(parents=True, exist_ok=True)
    if number % 10 == 3:
        _zip(packs / f"{day}.zip", day, files)
    elif number % 10 == 5:
        _tar(packs / f"{day}.tar.gz", day, files)
    elif number % 10 == 6:
        names = sorted(files)
        _tar(packs / f"{day}.tar", day, {name: files[name] for name in names[::2]})
        _plain(place, {name: files[name] for name in names[1::2]})
    else:
        _plain(place, files)
        (place / "index.html").write_bytes(b"<html></html>\n")


def _plain(place: Path, files: Files) -> None:
    place.mkdir(parents=True)
    for name, body in files.items():
        (place / name).write_bytes(body)


def _zip(path: Path, day: str, files: Files) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, body in files.items():
            pack.writestr(f"{day}/{name}", body)


def _tar(path: Path, day: str, files: Files) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as pack:
        for name, body in files.items():
            member = tarfile.TarInfo(f"./{day}/{name}")
            member.size = len(body)
            pack.addfile(member, io.BytesIO(body))


def _snapshot_name(day: str) -> str:
    year, month, date = day.split("-")
    return f"data_{date}_{month}_{year[2:]}_23_55.json"


def _snapshot(chance: Random, plan: Plan) -> tuple[int, bytes]:
    """Make the feed's snapshot of the year's last minutes, which knows in which country a sensor is."""
    from datetime import UTC, datetime  # noqa: PLC0415

    day = plan.days[-1]
    taken = int(datetime.fromisoformat(f"{day}T23:55").replace(tzinfo=UTC).timestamp())
    records = [_record(chance, sensor, day) for sensor in plan.sensors]
    return taken, json.dumps(records).encode()


def _record(chance: Random, sensor: Sensor, day: str) -> Mapping[str, Any]:
    values: Sequence[str] = () if sensor.kind == NO_PARTICLES else ("P1", "P2")
    return {
        "id": FIRST_ID + sensor.number,
        "timestamp": f"{day} 23:54:00",
        "location": {
            "latitude": sensor.latitude,
            "longitude": sensor.longitude,
            "country": sensor.country,
            "indoor": int(sensor.indoor),
        },
        "sensor": {"id": sensor.number, "sensor_type": {"name": sensor.kind.upper()}},
        "sensordatavalues": [
            {"value_type": kind, "value": f"{chance.randrange(5_000) / 100}"} for kind in values
        ],
    }
