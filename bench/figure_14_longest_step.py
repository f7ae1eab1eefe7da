"""Figure 14: for how long a request of each kind keeps the event loop from all others.

One rule: it is the longest single step of the daemon, in its processor time, from the request's first byte
until its reply is read; every answer is looked at.
"""

import http.client
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson

from aqi_service.core.frames import HEADER, decode_header, encode
from aqi_service.core.items import Item
from aqi_service.core.requests import MOST_METRIC_AREAS, MOST_METRIC_SENSORS
from aqi_service.core.times import day_of
from bench.lib.background import Program, python, running
from bench.lib.feed import NEWEST, RECORD_BYTES
from bench.lib.figures import Figure, Goal, Side
from bench.lib.held_daemon import ASK
from bench.lib.items import items_of
from bench.lib.run import Run
from bench.lib.servers import load_once

MOST_MS = 10.0
"""Milliseconds that a step may take."""

FULL_BOX = 9_990
"""Rows of the largest box: just under the limit of 10,000."""

READ_UNITS = ("--read-units", "100000")
"""More than is asked for here: nothing waits for the budget."""

SCALES = ("?scale=us-epa", "?scale=daqi", "")
"""What is made once and kept is made anew for each, in turns."""

ON_ONE_POINT = " on one point"
CROWDED = ("near 100", "area 100 km", "box over the limit", "country over the limit")
"""What is asked where all sensors stand on one point: nothing else depends on where they stand."""

Ask = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is asked about: a sensor with a month of records, the edge of a box, a record's id, sensors."""

    sensor: str
    north: str
    record: str
    sensors: tuple[str, ...]

    def wire(self) -> dict[str, str]:
        """Give the requests over TCP, by their kind."""
        until = NEWEST + timedelta(days=1)
        month = f"{NEWEST - timedelta(days=29):%Y-%m-%d} {until:%Y-%m-%d}"
        year = f"{NEWEST - timedelta(days=390):%Y-%m-%d} {until:%Y-%m-%d}"
        return {
            "id": self.record,
            "sensor": f"sensor {self.sensor}",
            "near 100": "near 48.8 9.2 100 scale us-epa",
            "box": f"box -90 -180 {self.north} 180 indoor scale us-epa",
            "box over the limit": "box -90 -180 90 180 indoor",
            "country": "country DE clean scale us-epa",
            "country over the limit": "country DE indoor",
            "area 100 km": "area 48.8 9.2 100",
            "history": f"history {self.sensor} {month} scale us-epa",
            "days": f"days {self.sensor} {year} scale us-epa",
            "place": "place Frankfurt",
        }

    def http(self) -> dict[str, str]:
        """Give those over HTTP."""
        times = f"since={NEWEST - timedelta(days=29):%Y-%m-%d}&until={NEWEST + timedelta(days=1):%Y-%m-%d}"
        box = f"south=-90&west=-180&north={self.north}&east=180&indoor=true&scale=us-epa"
        paths = {
            "record": f"records/{self.record}",
            "sensor": f"sensors/{self.sensor}",
            "near 100": "near?lat=48.8&lon=9.2&n=100&scale=us-epa",
            "box": f"box?{box}",
            "box.csv": f"box.csv?{box}",
            "box.geojson": f"box.geojson?{box}",
            "country": "countries/DE?scale=us-epa",
            "area 100 km": "area?lat=48.8&lon=9.2&km=100",
            "history": f"sensors/{self.sensor}/history?{times}",
            "days": f"sensors/{self.sensor}/days?{times}",
            "places": "places?q=Frankfurt",
            "snapshot": "snapshot",
            "rejects": "rejects",
            **{f"latest.{form}": f"latest.{form}{{scale}}" for form in ("geojson", "csv", "columns.json")},
            "latest.csv, kept": "latest.csv{scale}",
            "metrics": f"metrics?{self.series()}",
            "openapi.json": "openapi.json",
        }
        return paths | {"/metrics": "/metrics", "/readyz": "/readyz"}

    def series(self) -> str:
        """Give the parameters of as many sensors and areas as one answer for Prometheus may have."""
        areas = (f"area={number},48.8,9.2,{80 + number}" for number in range(MOST_METRIC_AREAS))
        return "&".join([*(f"sensor={each}" for each in self.sensors), *areas, "scale=us-epa"])


def crowded(document: Path) -> Path:
    """Write a feed all of whose sensors stand on one point: the area and the circle that are the fullest."""
    records = orjson.loads(document.read_bytes())
    for record in records:
        record["location"] |= {"latitude": "48.800", "longitude": "9.200", "indoor": 0}
    path = document.with_name(f"{document.stem}-crowded.json")
    path.write_bytes(orjson.dumps(records))
    return path


def months(folder: Path, item: Item) -> None:
    """Put 400 days of hourly records of an item's sensor into the table of `folder`."""
    import asyncio  # noqa: PLC0415  # the bench itself waits for nothing

    from aqi_service.storage.local.store import LocalStore  # noqa: PLC0415

    newest, first = int(NEWEST.timestamp()), int(item.id) - 400 * 24

    async def put() -> None:
        store = LocalStore(folder / "served")
        try:
            await store.check()
            for start in range(0, 400 * 24, 24):
                times = [newest - 3600 * (start + hour) - 1 for hour in range(24)]
                await store.put(
                    [
                        item._replace(id=str(first + start + hour), measured_at=at, date=day_of(at))
                        for hour, at in enumerate(times)
                    ],
                    conditional=True,
                )
        finally:
            await store.close()

    asyncio.run(put())


@contextmanager
def watched(folder: Path, document: Path) -> Iterator[tuple[Program, int, int]]:
    """Serve a document with a stopwatch in it; give the program and its ports."""
    options = ("--serve-only", "--local", "served", "--port", "0", "--http-port", "0", *READ_UNITS)
    load_once(folder, document)
    months(folder, next(items_of(str(document))))
    with running(python("-m", "bench.lib.held_daemon", *options), cwd=folder) as ours:
        ports = dict[str, int]()
        while len(ports) < 2:
            found = ours.line(r"^listening on \S+:(\d+) \((tcp|http)\)")
            ports[found[2]] = int(found[1])
        ours.line(r" memory_replaced snapshot=\S+ records=\d+")
        yield ours, ports["tcp"], ports["http"]


def longest(ours: Program) -> float:
    """Return the longest step since this was asked last, in milliseconds."""
    os.kill(ours.pid, ASK)
    found = ours.line(r'^\{"longest": ([\d.e-]+)')
    return float(found[1])


def by_wire(port: int, payload: str) -> bytes:
    """Ask over TCP."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock, sock.makefile("rb") as replies:
        sock.sendall(encode(payload.encode()))
        return replies.read(decode_header(replies.read(HEADER)))


def by_http(port: int, path: str) -> bytes:
    """Ask over HTTP."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path if path.startswith("/") else f"/api/v1/{path}")
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise AssertionError(f"{path} was answered with {reply.status}: {body[:200]!r}")
        return body


def steps_of(ours: Program, requests: dict[str, str], ask: Ask, rounds: int) -> dict[str, list[float]]:
    """Ask each so often; return the longest step of each time, in milliseconds."""
    seen: dict[str, list[float]] = {kind: [] for kind in requests}
    for turn in range(rounds):
        for kind, request in requests.items():
            longest(ours)
            reply = ask(request.format(scale=SCALES[turn % len(SCALES)]))
            seen[kind].append(longest(ours))
            if reply.startswith((b"Unavailable", b"Busy", b"Item not")) or not reply:
                raise AssertionError(f"{request} was answered with {reply[:200]!r}")
    return seen


def scene(document: Path) -> Scene:
    """Choose what is asked about."""
    items = list(items_of(str(document)))
    norths = sorted((float(item.latitude or 0), item.latitude or "0") for item in items)
    first = items[0]
    sensors = sorted({item.sensor_id for item in items if item.sensor_id})[:MOST_METRIC_SENSORS]
    north = norths[min(FULL_BOX, len(items)) - 1][1]
    return Scene(first.sensor_id or "", north, items[-1].id, tuple(sensors))


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    records = run.pick(500, 30_000)
    spread = run.feed(records * 2 * RECORD_BYTES / 1e6)
    for name, document in (("", spread), (ON_ONE_POINT, crowded(spread))):
        folder = run.folder / f"steps{name.replace(' ', '-')}"
        folder.mkdir()
        asked = scene(document)
        with watched(folder, document) as (ours, tcp, http_port):
            wire, over_http = asked.wire(), asked.http()
            if name == ON_ONE_POINT:
                wire, over_http = (
                    {k: v for k, v in each.items() if k in CROWDED} for each in (wire, over_http)
                )
            seen = {
                "": steps_of(ours, wire, partial(by_wire, tcp), run.rounds),
                "HTTP ": steps_of(ours, over_http, partial(by_http, http_port), run.rounds),
            }
        for port, kinds in seen.items():
            for kind, milliseconds in kinds.items():
                yield Figure(
                    f"14 {records:,} sensors{name}, {port}{kind}",
                    "ms",
                    Side("ours", [max(milliseconds)]),
                    goal=Goal(MOST_MS, at_most=True),
                )
