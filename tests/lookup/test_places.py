"""`place NAME`, answered out of the file that the program brings along.

One rule: the file is read when somebody first asks, and only then.
"""

import asyncio
from pathlib import Path

import pytest

from aqi_service.core.geo import Point
from aqi_service.core.places import place_rows
from aqi_service.core.requests import PlaceRequest
from aqi_service.errors import NoAnswer
from aqi_service.lookup import places
from aqi_service.lookup.places import PlaceLookup
from tests.doubles.wire_fixtures import task, turns, until


class CountedFile:
    """The bundled file, or another one, and how often it was read."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data, self.reads = data, 0
        self._bundled = places.FILE

    def read_bytes(self) -> bytes:
        self.reads += 1
        return self._bundled.read_bytes() if self.data is None else self.data


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> CountedFile:
    counted = CountedFile()
    monkeypatch.setattr(places, "FILE", counted)
    return counted


@pytest.fixture(scope="module")
def read() -> PlaceLookup:
    """A lookup that reads the file for the first test that asks, for all of them."""
    return PlaceLookup()


async def rows(lookup: PlaceLookup, name: str, country: str | None = None) -> list[str]:
    header, *lines = place_rows(await lookup.find(PlaceRequest(name, country))).decode().split("\r\n")[:-1]
    assert header == "name,country,latitude,longitude,population"
    return lines


@pytest.mark.parametrize("name", ["München", "munich", "MUENCHEN", "Monaco di Baviera"])
async def test_a_city_is_found_by_the_names_that_people_have_for_it(read: PlaceLookup, name: str) -> None:
    assert (await rows(read, name))[0] == "Munich,DE,48.137,11.575,1505005"


@pytest.mark.parametrize(
    ("name", "country", "city"),
    [
        ("Stuttgart", None, "Stuttgart,DE"),
        ("Köln", None, "Köln,DE"),
        ("Cologne", None, "Köln,DE"),
        ("koeln", None, "Köln,DE"),
        ("София", None, "Sofia,BG"),
        ("東京", None, "Tokyo,JP"),
        ("Αθήνα", None, "Athens,GR"),
        ("Roma", None, "Rome,IT"),
        ("lodz", None, "Łódź,PL"),
        ("Frankfurt", "DE", "Frankfurt am Main,DE"),
        ("London", None, "London,GB"),
        ("London", "CA", "London,CA"),
        ("Venice", None, "Venice,IT"),
        ("Zaragoza", None, "Zaragoza,ES"),
        ("Birming", "UK", "Birmingham,GB"),
    ],
)
async def test_the_first_row_is_the_city_that_is_meant(
    read: PlaceLookup, name: str, country: str | None, city: str
) -> None:
    assert (await rows(read, name, country))[0].startswith(f"{city},")


async def test_no_such_place_is_the_header_line_alone(read: PlaceLookup) -> None:
    assert await read.find(PlaceRequest("Nowhere-on-Sea")) == []


async def test_at_most_ten_places_are_named(read: PlaceLookup) -> None:
    assert len(await rows(read, "a")) == 10


async def test_the_file_is_read_when_somebody_asks_and_once_for_all(file: CountedFile) -> None:
    lookup = PlaceLookup()
    assert file.reads == 0
    together = await asyncio.gather(*(rows(lookup, "Bonn") for _ in range(5)), rows(lookup, "Graz"))
    assert (await rows(lookup, "Bonn")) == together[0] == together[4]
    assert together[5][0].startswith("Graz,AT,")
    assert file.reads == 1


async def test_others_have_their_turns_while_it_is_read(file: CountedFile) -> None:
    asked, slices = task(rows(PlaceLookup(), "Bonn")), 0
    while not asked.done():
        slices += bool(file.reads)
        await asyncio.sleep(0)
    assert slices > 500


async def test_who_gives_up_leaves_what_was_read_to_the_next(file: CountedFile) -> None:
    lookup, gave_up = PlaceLookup(), 0
    for _ in range(3):
        asked = task(rows(lookup, "Bonn"))
        await until(lambda: lookup._reading is not None)
        await turns(20)
        gave_up += asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert gave_up == 3
    assert (await rows(lookup, "Bonn"))[0].startswith("Bonn,DE,")
    assert file.reads == 1


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"\x1f\x8bno gzip", b"<html>"])
async def test_a_damaged_file_is_no_answer_until_it_is_mended(file: CountedFile, data: bytes) -> None:
    lookup, file.data = PlaceLookup(), data
    for _ in range(2):
        with pytest.raises(NoAnswer, match="the list of places cannot be read"):
            await rows(lookup, "Bonn")
    file.data = None
    assert (await rows(lookup, "Bonn"))[0].startswith("Bonn,DE,")


async def test_a_missing_file_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "FILE", tmp_path / "places.tsv.gz")
    with pytest.raises(NoAnswer, match="the list of places cannot be read"):
        await rows(PlaceLookup(), "Bonn")
    assert await PlaceLookup().all() is None  # a sensor is answered without its city


@pytest.mark.parametrize(
    ("point", "city"),
    [
        ((48.785, 9.178), "Stuttgart"),
        ((51.507, -0.128), "London"),
        ((42.698, 23.322), "Sofia"),
        ((0, -30), None),
        ((90, 0), None),
    ],
)
async def test_a_point_is_near_the_city_that_it_lies_in(
    read: PlaceLookup, point: tuple[float, float], city: str | None
) -> None:
    known = await read.all()
    assert known is not None
    near = known.near(Point(*point))
    assert (near and near.name) == city
