"""A sensor that is left out is in no reply of any kind: wire, API, badges; of memory and of the table.

One rule: the sensor has digits that nothing else has, so that they are looked for in the bytes of each reply.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

import aiohttp
import pytest

from aqi_service.core.index_exclusions import without_sensors
from aqi_service.core.items import Item
from aqi_service.core.request_words import KINDS
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_names import rejects_key, snapshot_name
from aqi_service.errors import Unavailable
from aqi_service.load.load import load
from aqi_service.storage.ports import Storage
from aqi_service.web.badge import READERS
from aqi_service.web.paths import PATHS, find
from tests.doubles.api_world import NOW, TAKEN, ApiWorld, index_of, served
from tests.doubles.documents import document_of
from tests.doubles.load_helpers import TABLE, plan, records
from tests.doubles.memory_world import feed
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing
from tests.doubles.storage_items import FULL

SENSOR, RECORD, LATITUDE, LONGITUDE = 987654321, 11223344556, "48.7712345", "9.1812345"
MARKS = [str(each).encode() for each in (SENSOR, RECORD, LATITUDE, LONGITUDE)]
"""The sensor, its record, its place."""

WIRE = (
    f"{RECORD}", f"sensor {SENSOR}", "near 48.77 9.18 3", "box 48 9 49 10", "country DE",
    "area 48.77 9.18 5", f"history {SENSOR} 2017-08-09 2017-08-11", f"days {SENSOR} 2017-08-01 2017-08-11",
    "place Stuttgart",
)  # fmt: skip
PAGES = (
    f"records/{RECORD}", f"records/{RECORD}.csv", f"records/{RECORD}.geojson",
    f"sensors/{SENSOR}", f"sensors/{SENSOR}.csv", f"sensors/{SENSOR}.geojson",
    *(f"near{form}?lat=48.77&lon=9.18" for form in ("", ".csv", ".geojson")),
    *(f"box{form}?south=48&west=9&north=49&east=10" for form in ("", ".csv", ".geojson")),
    *(f"countries/DE{form}" for form in ("", ".csv", ".geojson")),
    *(f"area{form}?lat=48.77&lon=9.18&km=5" for form in ("", ".csv", ".geojson")),
    *(f"places{form}?q=Stuttgart" for form in ("", ".csv", ".geojson")),
    *(f"sensors/{SENSOR}/history{form}?since=2017-08-09" for form in ("", ".csv", ".geojson")),
    *(f"sensors/{SENSOR}/days{form}?since=2017-08-01" for form in ("", ".csv")),
    "snapshot", "rejects", "rejects.csv", "rejects.geojson", "scales",
    "latest.columns.json", "latest.geojson", "latest.csv",
    f"metrics?sensor={SENSOR}&area=here,48.77,9.18,5",
)  # fmt: skip
SAY_NOTHING_OF_IT = {
    *("area 48.77 9.18 5", "place Stuttgart", "snapshot", "scales"),
    *(page for page in PAGES if page.startswith(("area", "places"))),
}
"""What has no sensor's id, record or place in its reply anyway."""

REJECTS = {page for page in PAGES if page.startswith("rejects")}

ECHO = {page for page in PAGES if page.startswith("sensors/") and "?" in page and ".csv" not in page}
"""What says in its reply of which sensor it was asked, be it one that never was."""


def of(sensor_id: int, record_id: int, latitude: str, longitude: str, **changes: object) -> Item:
    fields = {"country": "DE", "measured_at": TAKEN - 600, "expires_at": None} | changes
    times = {"timestamp": "2017-08-10 11:13:00", "date": "2017-08-10", "snapshot_at": TAKEN}
    places = {"latitude": latitude, "longitude": longitude, "indoor": "0"}
    return Item(
        **FULL._asdict() | times | places | fields | {"id": str(record_id), "sensor_id": str(sensor_id)}
    )


ITEMS = (
    of(SENSOR, RECORD, LATITUDE, LONGITUDE),
    *(of(number, 500 + number, f"48.77{number}", "9.17") for number in (1, 2, 3)),
)


async def world(*, memory: bool, table: bool = True, items: Sequence[Item] = ITEMS) -> ApiWorld:
    """Make a world that has the sensor in memory, table and rejects, as if it was never left out."""
    archive, store = MemoryArchive(), MemoryStore(*items)
    bad = records([RECORD], timestamp="never")[0]
    bad |= {"sensor": {"id": SENSOR}, "location": {"latitude": LATITUDE, "longitude": LONGITUDE}}
    await load(feed(document_of(bad)), Storage(archive, MemoryStore()), plan(live=True), now=lambda: NOW)
    assert all(mark in archive.documents[rejects_key(TABLE, snapshot_name(int(NOW)))] for mark in MARKS)
    away = dict.fromkeys(("get", "get_many", "sensor_page"), failing(Unavailable("away")))
    made = ApiWorld(store if table else Before(store, **away), archive)
    if memory:
        assert made.memory.offer(index_of(tuple(items)))
    return made


async def replies(made: ApiWorld) -> dict[str, bytes]:
    """Ask everything that can be asked; give the replies, with their headers."""
    found = {}
    async with served(made):
        for page in PAGES:
            reply = await made.ask(f"/{page}")
            headers = {name: value for name, value in reply.headers.items() if name != "Date"}
            found[page] = reply.body + repr((reply.status, headers)).encode()
    return found | {words: await made.lookup.answer(words.encode()) for words in WIRE}


def showing(found: dict[str, bytes]) -> set[str]:
    """Give what was asked that has one of the marks in its reply."""
    return {asked for asked, reply in found.items() if any(mark in reply for mark in MARKS)}


def without_it(made: ApiWorld) -> None:
    """Take it out of the memory of a world, as the refresher does."""
    index = made.memory.index
    assert index is not None
    made.memory.left_out(index, run_through(without_sensors(index, made.excluded.ids)))


def test_everything_that_can_be_asked_is_asked() -> None:
    assert {words.split()[0] for words in WIRE[1:]} == set(KINDS)
    asked = [find(page.partition("?")[0]) for page in PAGES]
    assert {(each.path.words, each.form) for each in asked if each} == {
        (path.words, form) for path in PATHS for form in path.forms.values()
    }
    assert all(parse_qsl(page.partition("?")[2], strict_parsing=True) for page in PAGES if "?" in page)


async def test_a_sensor_that_is_not_left_out_is_in_every_reply_that_could_have_it() -> None:
    found = await replies(await world(memory=True))
    assert showing(found) == {*WIRE, *PAGES} - SAY_NOTHING_OF_IT


@pytest.mark.parametrize("memory", [True, False], ids=["memory has it", "the table alone has it"])
async def test_no_reply_has_a_sensor_that_is_left_out_as_soon_as_the_list_says_so(memory: bool) -> None:
    made = await world(memory=memory)
    await replies(made)  # so that all is kept that may be
    made.excluded.replace(frozenset({SENSOR}), 0)
    found = await replies(made)
    assert showing(found) == ECHO
    assert (found[str(RECORD)], found[f"sensor {SENSOR}"]) == (b"Item not found", b"Item not found")


async def test_where_memory_was_read_with_the_list_all_is_answered_as_if_it_never_was() -> None:
    made = await world(memory=False)
    made.excluded.replace(frozenset({SENSOR, 4}), 0)
    assert made.memory.offer(replace(index_of(ITEMS[1:]), excluded=made.excluded.ids))
    found, never = await replies(made), await replies(await world(memory=True, items=ITEMS[1:]))
    assert showing(found) == ECHO
    others = found.keys() - {"snapshot", *REJECTS}  # the load of each world took another time
    assert {asked for asked in others if found[asked] != never[asked]} == set()


async def test_others_are_answered_as_before_without_the_table_too() -> None:
    made = await world(memory=True, table=False)
    made.excluded.replace(frozenset({SENSOR}), 0)
    without_it(made)
    found = await replies(made)
    assert showing(found) == ECHO
    for asked in ("near 48.77 9.18 3", "box 48 9 49 10", "country DE", "latest.csv"):
        assert all(b"%d," % number in found[asked] for number in (501, 502, 503)), asked
    assert b'"sensors":3' in found["area?lat=48.77&lon=9.18&km=5"]
    assert b'"count":3' in found["latest.columns.json"]


async def test_its_badge_says_that_it_is_not_here_and_its_area_s_counts_one_less() -> None:
    made = await world(memory=True)
    assert READERS.keys() == {"sensor", "area"}
    made.excluded.replace(frozenset({SENSOR}), 0)
    async with served(made):
        base = f"http://127.0.0.1:{made.port}/badge"
        async with aiohttp.request("GET", f"{base}/sensor/{SENSOR}.svg") as reply:
            assert (reply.status, b"is not here" in await reply.read()) == (404, True)
        async with aiohttp.request("GET", f"{base}/area/48.77,9.18,5.svg") as reply:
            assert b"3 sensors within 5 km" in await reply.read()


async def test_one_that_is_no_longer_left_out_is_shown_again_out_of_the_table() -> None:
    made = await world(memory=True)
    made.excluded.replace(frozenset({SENSOR}), 0)
    without_it(made)
    assert showing(await replies(made)) == ECHO
    made.excluded.replace(frozenset(), 0)
    found = await replies(made)
    assert showing(found) == {*WIRE, *PAGES} - SAY_NOTHING_OF_IT
