"""Figure 15: requests of each kind a second, beside lookups by id of the same server in the same run.

One rule: each reply's bytes are checked, against what the same answers give here, without server and wire.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson

from aqi_service.core.items import Item
from aqi_service.core.request_words import read_request
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.requests import RequestAnswers
from aqi_service.storage.local.store import LocalStore
from bench.figure_14_longest_step import FULL_BOX, READ_UNITS, months
from bench.lib.cores import pin_to_first_core
from bench.lib.feed import NEWEST, RECORD_BYTES
from bench.lib.figures import Figure, Side
from bench.lib.items import index_of, items_of
from bench.lib.lookup_generator import LookupJob, ask
from bench.lib.run import Run
from bench.lib.servers import Server, daemon, load_once

CONNECTIONS = 2
"""So few that a busy machine answers the largest requests, all at once, within their 5 s."""

ASKED = 200
"""Different requests of a kind."""

CITIES = ("Stuttgart", "Frankfurt", "Sofia", "London", "Z\u00fcrich,CH", "San")


def kinds(items: Sequence[Item]) -> dict[str, list[str]]:
    """Give the requests of each kind."""
    norths = sorted((float(item.latitude or 0), item.latitude or "0") for item in items)
    north = norths[min(FULL_BOX, len(items)) - 1][1]
    places = [(float(item.latitude or 0), float(item.longitude or 0)) for item in items[:ASKED]]
    month = f"{NEWEST - timedelta(days=30):%Y-%m-%d} {NEWEST + timedelta(days=1):%Y-%m-%d}"
    sensor = items[0].sensor_id
    return {
        "sensor": [f"sensor {item.sensor_id}" for item in items[:ASKED]],
        "near, 5 rows": [f"near {lat:.2f} {lon:.2f}" for lat, lon in places],
        "near, 100 rows": [f"near {lat:.2f} {lon:.2f} 100 clean" for lat, lon in places],
        "box, some 10 rows": [f"box {lat:.2f} {lon:.2f} {lat + 3:.2f} {lon + 3:.2f}" for lat, lon in places],
        "box, 9,990 rows": [f"box -90 -180 {north} 180 indoor"],
        "country, some 750 rows": ["country NL", "country BG", "country FR"],
        "area of 100 km": [f"area {lat:.2f} {lon:.2f} 100" for lat, lon in places],
        "history, 31 days by the hour": [f"history {sensor} {month}"],
        "days, 31, kept": [f"days {sensor} {month}"],
        "place": [f"place {city}" for city in CITIES],
    }


async def replies(folder: Path, document: Path, requests: Sequence[str]) -> dict[str, str]:
    """Answer requests here."""
    store, now = LocalStore(folder / "served"), NEWEST.timestamp()
    memory = MemoryIndex(lambda: now)
    memory.offer(index_of(str(document)))
    answers = RequestAnswers(memory, store, float(READ_UNITS[1]))
    try:
        await store.check()
        return {text: (await answers.answer(read_request(text.encode(), now))).decode() for text in requests}
    finally:
        await store.close()


def rate(server: Server, truth: Path, seconds: float) -> float:
    """Ask; return the requests for each second of processor time that the server used."""
    return ask(LookupJob(server.port, server.pid, "frames", str(truth), CONNECTIONS, 1, seconds)).served


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    records = run.pick(500, 30_000)
    document, folder = run.feed(records * 2 * RECORD_BYTES / 1e6), run.folder / "kinds"
    folder.mkdir()
    load_once(folder, document)
    items = list(items_of(str(document)))
    months(folder, items[0])
    asked = kinds(items)
    right = asyncio.run(replies(folder, document, [text for texts in asked.values() for text in texts]))
    truths: dict[str, Path] = {}
    for number, (kind, texts) in enumerate(asked.items()):
        truths[kind] = folder / f"truth-of-kind-{number}.json"
        truths[kind].write_bytes(orjson.dumps({text: right[text] for text in texts}))
    with daemon(folder, document, pin_to_first_core, *READ_UNITS) as server:
        rate_of = partial(rate, server, seconds=run.pick(0.1, 0.8))
        for kind, truth in truths.items():
            seen = [(rate_of(truth), rate_of(server.truth)) for _ in range(run.rounds)]
            ours, by_id = zip(*seen, strict=True)
            yield Figure(
                f"15 {kind}", "/s of the core", Side("ours", ours), limit=Side("lookups by id", by_id)
            )
