"""What lies below the sensors: the files are those that SOURCES.md tells of, and the tool makes them."""

import gzip
import hashlib
import re
import struct
from pathlib import Path

import pytest

from tests import ROOT
from tools import ground as tool
from tools.places import packed

SOURCES = (tool.OUT / "SOURCES.md").read_text(encoding="utf-8")
FILES = ("ground.bin.gz", "cities.bin.gz")
WORLD = b"""{
  "transform": {"scale": [0.5, 0.25], "translate": [-180, -90]},
  "arcs": [[[0, 0], [2, 4], [0, 0], [-1, 0]], [[1, 4], [-1, -4]]],
  "objects": {"countries": {"geometries": [
    {"type": "Polygon", "arcs": [[0, 1]]}, {"type": "MultiPolygon", "arcs": [[[-1, -2]]]}, {"type": null}
  ]}}
}"""
MADE = bytes((
    2,
    3, 0, 0, 128, 1, 128, 1, 63, 0,  # from 0, 0 a degree east and north (zigzag 128), half a one back (63)
    2, 64, 128, 1, 63, 127,
    2, 2, 0, 2, 2, 1, 3,  # two rings of two arcs: 0, 1; and both from their ends
))  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_those_that_their_sources_tell_of(name: str) -> None:
    told = SOURCES.partition(f"## {name}")[2].partition("\n## ")[0]
    data = (tool.OUT / name).read_bytes()
    for each, what in ((data, "file"), (gzip.decompress(data), "unpacked file")):
        assert f"sha256 of the {what}, {len(each):,} bytes: {hashlib.sha256(each).hexdigest()}\n" in told


def test_the_cities_are_made_of_the_place_list_that_is_kept_here() -> None:
    places = gzip.decompress(tool.PLACES.read_bytes()).decode().splitlines()
    assert packed(tool.cities(places)) == (tool.OUT / "cities.bin.gz").read_bytes()


def test_cities_are_their_names_a_nul_and_their_places_the_largest_first() -> None:
    lines = ["Aa\tDE\t1.004\t-180\t100000", "Bb\tDE\t-90\t9.18\t200000\tother", "Cc\tDE\t1\t1\t99999"]
    assert tool.cities(lines) == b"Bb\nAa\0" + struct.pack("<4H", 0, 9100, 18918, 0)


def test_the_tool_writes_arcs_as_steps_and_rings_as_numbers_of_arcs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "OUT", tmp_path)
    (tmp_path / "countries.json").write_bytes(WORLD)
    assert tool.main([str(tmp_path / "countries.json")]) == 0
    data = (tmp_path / "ground.bin.gz").read_bytes()
    assert gzip.decompress(data) == MADE
    said = capsys.readouterr().out
    assert hashlib.sha256(WORLD).hexdigest() in said
    assert hashlib.sha256(data).hexdigest() in said
    assert (tmp_path / "cities.bin.gz").read_bytes() == (tool.OUT / "cities.bin.gz").read_bytes()


def test_without_its_argument_the_tool_says_where_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main([]) == 2
    assert "npm pack world-atlas@2.0.2" in capsys.readouterr().err


def test_the_page_and_the_licences_name_whose_ground_and_cities_these_are() -> None:
    page = (ROOT / "aqi_service" / "web" / "page" / "index.html").read_text(encoding="utf-8")
    licences = (ROOT / "LICENSE-DATA").read_text(encoding="utf-8")
    for text in (page, licences):
        assert re.search(r"GeoNames.*CC BY 4\.0", text, re.DOTALL)
        assert "Natural Earth" in text
