"""Tars and zips that are odd, damaged or no packs at all: what is read of them, or the sentence."""

import bz2
import io
import os
import random
import tarfile
from pathlib import Path

import pytest

from aqi_service.errors import ConfigError, FetchFailed
from aqi_service.snapshots.sources import FetchOptions
from tests.doubles.day_files import csv_of, day_of, hours, name_of
from tests.doubles.day_sources import chosen, put, ready, records, sensors, tar_of, zip_of

THREE = [(name_of(n), day_of(n)) for n in (1, 2, 3)]


async def test_a_name_that_is_in_a_zip_twice_is_read_twice(tmp_path: Path) -> None:
    halves = [(name_of(1), csv_of(hours(*part, sensor=1))) for part in (range(12), range(12, 24))]
    with pytest.warns(UserWarning, match="Duplicate name"):
        [source] = await chosen(zip_of(tmp_path / "x.zip", halves))
    [record] = await records(source)
    assert record["hours"] == {"P1": 24, "P2": 24}


async def test_folders_in_a_zip_may_be_written_as_windows_does(tmp_path: Path) -> None:
    [source] = await chosen(zip_of(tmp_path / "x.zip", [(f"2023\\{name_of(1)}", day_of(1))]))
    assert await sensors(source) == [1]


async def test_links_and_devices_in_a_tar_are_no_files(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "x.tar", THREE[:1])
    with tarfile.open(path, "a") as tar:
        for n, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE), 2):
            member = tarfile.TarInfo(f"/etc/{name_of(n)}")
            member.type, member.linkname = kind, name_of(1)
            tar.addfile(member)
    [source] = await chosen(path)
    assert await sensors(source) == [1]


async def test_folders_and_pipes_that_are_called_like_files_are_none(tmp_path: Path) -> None:
    put(tmp_path, name_of(1))
    for each in ("a.zip", "b.tar.gz", name_of(2)):
        (tmp_path / each).mkdir()
    for each in ("c.tar", name_of(3)):
        os.mkfifo(tmp_path / each)
    [source] = await chosen(tmp_path)
    assert await sensors(source) == [1]


def pax(path: Path, **headers: str) -> Path:
    """Write a tar whose one file has such headers."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(name_of(1))
        member.size, member.pax_headers = (
            len(THREE[0][1]),
            {key.replace("_", "."): text for key, text in headers.items()},
        )
        tar.addfile(member, io.BytesIO(THREE[0][1]))
    return path


@pytest.mark.parametrize(
    "headers",
    [{"mtime": "nan"}, {"mtime": "inf"}, {"size": "-5"}, {"size": "-1536"}, {"GNU_sparse_map": "a"}],
)
async def test_a_tar_with_impossible_headers_is_a_sentence(headers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*x.tar is no tar or zip that can be read: [^\n]+$"):
        await chosen(pax(tmp_path / "x.tar", **headers))


async def test_a_tar_whose_second_header_is_damaged_is_not_taken_for_its_half(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "x.tar", THREE)
    with tarfile.open(path) as tar:
        at = tar.getmembers()[1].offset
    body = bytearray(path.read_bytes())
    body[at + 150] ^= 1  # in its checksum
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=f"there is no header at byte {at}$"):
        await chosen(path)


@pytest.mark.parametrize("body", [b"", b"no tar at all" * 100])
async def test_what_is_no_tar_is_one_line(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(body)
    with pytest.raises(ConfigError, match=r"\A[^\n]*x.tar is no tar or zip that can be read: [^\n]+[^:\n]\Z"):
        await chosen(tmp_path / "x.tar")


@pytest.mark.parametrize(("at", "bits", "why"), [(8, 1, "is encrypted"), (10, 9, "is packed in a rare way")])
async def test_a_zip_that_cannot_be_unpacked_is_a_sentence(
    at: int, bits: int, why: str, tmp_path: Path
) -> None:
    path = zip_of(tmp_path / "x.zip", THREE)
    body = bytearray(path.read_bytes())
    body[body.index(b"PK\1\2") + at] = bits
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=f"x.zip is no tar or zip that can be read: .*sensor_1.csv' {why}"):
        await chosen(path)


@pytest.mark.parametrize("ending", ["zip", "tar"])
async def test_a_pack_that_is_another_when_it_is_read_fails_its_day(ending: str, tmp_path: Path) -> None:
    path, make = tmp_path / f"x.{ending}", {"zip": zip_of, "tar": tar_of}[ending]
    [source] = await chosen(make(path, THREE))
    listed = await ready(source)
    for change in (lambda: path.write_bytes(b"PK"), lambda: make(path, THREE[:1]), lambda: make(path, [])):
        change()
        with pytest.raises(FetchFailed, match=f"x.{ending} has changed since it was listed"):
            async with listed.open(FetchOptions("test", 1 << 30)) as incoming:
                _ = [chunk async for chunk in incoming.chunks]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.bz2"])
async def test_whatever_is_damaged_in_a_pack_it_is_read_or_a_sentence(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    if ending == ".zip":
        zip_of(path, THREE)
    else:
        plain = tar_of(tmp_path / "plain", THREE).read_bytes()
        path.write_bytes(bz2.compress(plain, 1) if ending == ".tar.bz2" else plain)
    whole, chance = path.read_bytes(), random.Random(21)  # noqa: S311  # the same damage each time
    outcomes = set()
    for _ in range(60):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            body[chance.choice((chance.randrange(len(body)), -chance.randrange(1, 400)))] = chance.randrange(
                256
            )
        path.write_bytes(body)
        try:
            for source in await chosen(path):
                await records(source)
            outcomes.add("read")
        except ConfigError:
            outcomes.add("told")
    assert "told" in outcomes
