"""What lies below the sensors: the files are those that SOURCES.md tells of, and the tool makes them."""

import gzip
import hashlib
import re
import struct
from itertools import accumulate, pairwise
from pathlib import Path

import orjson
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
    2, 3, 2,  # arcs of 3 and 2 points
    0, 64, 128, 1, 63, 63,  # east: the first points, 0 and half a degree (zigzag 64), then steps
    0, 128, 1, 128, 1, 0, 127,  # north
    2, 2, 0, 2, 2, 1, 3,  # two rings of two arcs: 0, 1; and both from their ends
))  # fmt: skip


ROUND = b"""{
  "transform": {"scale": [1, 1], "translate": [-180, -90]},
  "arcs": [[[350, 100], [-349, 4], [0, 20], [349, 0], [0, -24]], [[0, 20], [180, 0], [170, 2], [-350, -2]]],
  "objects": {"countries": {"geometries": [
    {"type": "Polygon", "arcs": [[0]]}, {"type": "Polygon", "arcs": [[-2]]}
  ]}}
}"""
"""A land on both sides of the 180th meridian, and one around the south pole."""


def read(data: bytes) -> tuple[list[list[tuple[float, float]]], list[list[int]]]:
    """Read ground.bin as ground.js does: arcs of longitudes and latitudes, rings of arcs."""
    bytes_ = iter(data)

    def number() -> int:
        value, shift = 0, 0
        for byte in bytes_:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return value

    def signed() -> int:
        value = number()
        return -(value + 1) // 2 if value % 2 else value // 2

    counts = [number() for _ in range(number())]

    def column() -> list[list[int]]:
        firsts = list(accumulate(signed() for _ in counts))
        of = zip(firsts, counts, strict=True)
        return [list(accumulate((signed() for _ in range(n - 1)), initial=first)) for first, n in of]

    easts, norths = column(), column()
    arcs = [
        [(x / tool.UNITS - 180, y / tool.UNITS - 90) for x, y in zip(east, north, strict=True)]
        for east, north in zip(easts, norths, strict=True)
    ]
    return arcs, [[signed() for _ in range(number())] for _ in range(number())]


def test_no_ring_that_is_drawn_has_a_line_across_the_map() -> None:
    arcs, rings = read(gzip.decompress((tool.OUT / "ground.bin.gz").read_bytes()))
    for ring in rings:
        points = [at for each in ring for at in (arcs[each] if each >= 0 else arcs[~each][::-1])]
        for here, there in pairwise([*points, points[0]]):
            assert abs(here[0] - there[0]) < 180 or here[1] == there[1] == -90, (here, there)


def test_a_land_on_the_180th_meridian_is_two_and_one_around_the_pole_goes_down_to_it() -> None:
    arcs, rings = read(tool.ground(orjson.loads(ROUND)))
    lands = [
        [at for each in ring for at in (arcs[each] if each >= 0 else arcs[~each][::-1])] for ring in rings
    ]
    east, west, south = lands
    meets = 10 + round(4 * 10 / 11 * tool.UNITS) / tool.UNITS
    assert set(east) == {(170, 10), (180, meets), (180, 34), (170, 34)}
    assert set(west) == {(-180, meets), (-179, 14), (-179, 34), (-180, 34)}
    assert {(180, -90), (-180, -90)} < set(south)


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


def test_in_europe_where_most_sensors_stand_smaller_towns_are_named_too() -> None:
    lines = ["In\tDE\t48\t9\t50000", "Small\tDE\t48\t9\t49999", "Out\tUS\t48\t-90\t99999"]
    assert tool.cities(lines).partition(b"\0")[0] == b"In"


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
