"""Daily files in folders, tars, zips and S3: which are one day, and what is said of those that are none."""

import asyncio
import errno
import os
import zipfile
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.day_names import DayEntry
from aqi_service.core.selection import Selection, parse_shard
from aqi_service.errors import ConfigError, FetchFailed, MissingResource
from aqi_service.snapshots.day_objects import SMALL
from aqi_service.snapshots.day_sources import digest_of
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.ports import ObjectEntry
from tests.doubles.day_files import DAY, csv_of, day_of, hours, name_of
from tests.doubles.day_sources import NEXT, chosen, put, ready, records, sensors, tar_of, zip_of

FILES = [DayEntry("a.csv", 10, 1000), DayEntry("b.csv", 20, 2000)]


def test_a_days_digest_is_of_names_sizes_and_times_in_any_order() -> None:
    digest = digest_of(FILES)
    assert digest_of(reversed(FILES)) == digest
    others = [
        FILES[:1],
        [*FILES, FILES[0]],
        [FILES[0]._replace(file="c.csv"), FILES[1]],
        [FILES[0]._replace(size=11), FILES[1]],
        [FILES[0]._replace(time=1001), FILES[1]],
    ]
    assert digest not in {digest_of(each) for each in others}


TWO = [(f"2023/{DAY}/{name_of(1)}", day_of(1)), (f"./{name_of(2)}", day_of(2))]


async def test_a_folders_days_are_one_source_each_however_deep_their_files_lie(tmp_path: Path) -> None:
    put(tmp_path / "2023" / NEXT, name_of(1, NEXT), name_of(2, NEXT))
    put(tmp_path / "2023" / DAY, name_of(1), name_of(2, ending="_indoor.csv"))
    put(tmp_path, name_of(3))
    found = await chosen(tmp_path)
    assert [source.named and source.named[1] for source in found] == [1_703_116_799, 1_703_203_199]
    assert [source.label for source in found] == [
        f"{tmp_path} and 1 more: {DAY}",
        f"{tmp_path}/2023/{NEXT}: {NEXT}",
    ]
    assert [await sensors(source) for source in found] == [[1, 2, 3], [1, 2]]


async def test_files_of_one_day_that_are_named_one_by_one_are_one_source(tmp_path: Path) -> None:
    paths = put(tmp_path, name_of(1), name_of(2), name_of(3))
    [source] = await chosen(*paths[:2])
    assert await sensors(source) == [1, 2]
    [alone] = await chosen(paths[2])
    assert (alone.label, await sensors(alone)) == (f"{paths[2]}: {DAY}", [3])


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "zip"])
async def test_a_tar_or_zip_is_its_daily_files_and_so_is_a_folder_with_it(
    ending: str, tmp_path: Path
) -> None:
    files = [*TWO, ("readme.txt", b"hello"), (name_of(9, NEXT), day_of(9, day=NEXT))]
    path = tmp_path / f"december.{ending}"
    mode = {"tar": "w", "zip": ""}.get(ending, f"w:{ending.replace('tgz', 'gz').removeprefix('tar.')}")
    if mode:
        tar_of(path, files, mode)
    else:
        zip_of(path, files)
    for text in (path, tmp_path):
        found = await chosen(text)
        assert [await sensors(source) for source in found] == [[1, 2], [9]]


async def test_a_name_that_is_in_a_tar_twice_is_read_twice(tmp_path: Path) -> None:
    halves = [(name_of(1), csv_of(hours(*part, sensor=1))) for part in (range(12), range(12, 24))]
    [source] = await chosen(tar_of(tmp_path / "x.tar", halves))
    [record] = await records(source)
    assert record["hours"] == {"P1": 24, "P2": 24}


async def test_a_day_is_known_by_names_sizes_and_times_wherever_its_files_lie(tmp_path: Path) -> None:
    put(tmp_path / "one", name_of(1), name_of(2))
    put(tmp_path / "other" / "deep", name_of(1), name_of(2))
    folders = [await ready((await chosen(tmp_path / each))[0]) for each in ("one", "other")]
    packs = (tar_of(tmp_path / "x.tar", TWO), zip_of(tmp_path / "x.zip", TWO))
    packed = [await ready((await chosen(each))[0]) for each in packs]
    assert len({source.named for source in (*folders, *packed)}) == 1
    assert folders[0].day
    assert folders[0].day.files == 2
    changed = put(tmp_path / "one", name_of(1), time=1_703_200_001)
    assert (await ready((await chosen(tmp_path / "one"))[0])).named != folders[0].named
    put(tmp_path / "one", name_of(1))
    changed[0].write_bytes(changed[0].read_bytes() + b"\n")
    assert (await ready((await chosen(tmp_path / "one"))[0])).named != folders[0].named


async def test_a_range_and_a_share_are_of_days(tmp_path: Path) -> None:
    put(tmp_path, *(name_of(1, f"2023-12-{day}") for day in range(10, 20)))
    shard = parse_shard("1/3")
    assert shard
    found = await chosen(tmp_path, selection=Selection(1_702_339_200, 1_702_857_600, shard))  # 12th to 18th
    assert [source.label[-10:] for source in found] == ["2023-12-13", "2023-12-16"]


async def test_a_day_that_is_not_over_yet_by_this_clock_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, name_of(1), name_of(1, "2031-01-01"))
    assert len(await chosen(tmp_path)) == 1
    assert [record.msg for record in caplog.records] == ["snapshots_ahead"]


async def test_snapshots_and_days_of_one_folder_are_loaded_in_the_order_of_their_times(
    tmp_path: Path,
) -> None:
    put(tmp_path, name_of(1), name_of(1, NEXT))
    (tmp_path / "data_21_12_23_11_00.json").write_bytes(b"[]")
    assert [source.label.rpartition("/")[2][-10:] for source in await chosen(tmp_path)] == [
        DAY, "11_00.json", NEXT,
    ]  # fmt: skip


async def test_a_file_that_is_gone_when_it_is_its_turn_fails_its_day_alone(tmp_path: Path) -> None:
    [path] = put(tmp_path, name_of(1))
    [source] = await chosen(tmp_path)
    listed = await ready(source)
    path.unlink()
    with pytest.raises(FetchFailed, match=f"{path} cannot be read: No such file"):
        async with listed.open(FetchOptions("test", 1 << 30)) as incoming:
            _ = [chunk async for chunk in incoming.chunks]


async def test_a_day_of_which_all_files_are_gone_when_it_is_its_turn_fails(tmp_path: Path) -> None:
    [path] = put(tmp_path, name_of(1))
    [source] = await chosen(tmp_path)
    path.unlink()
    with pytest.raises(FetchFailed, match=f"{tmp_path}: {DAY}: no file of it is there now"):
        await records(source)


async def test_a_damaged_file_in_a_zip_costs_itself_alone(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "x.zip", [(name_of(n), day_of(n)) for n in (1, 2, 3)])
    with zipfile.ZipFile(path) as packed:
        at = packed.getinfo(name_of(2)).header_offset + 30 + len(name_of(2))
    body = bytearray(path.read_bytes())
    body[at : at + 40] = bytes(40)
    path.write_bytes(body)
    [source] = await chosen(path)
    async with (await ready(source)).open(FetchOptions("test", 1 << 30)) as incoming:
        found = orjson.loads(b"".join([chunk async for chunk in incoming.chunks]))
        assert incoming.day
        assert incoming.day.warnings["damaged_file"] == 1
    assert [record.get("rejected") for record in found] == [None, "bad_header", None]


async def test_a_folder_that_may_not_be_looked_into_is_told_of_and_all_else_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "closed", name_of(1))
    put(tmp_path / "open", name_of(2))
    look = Path.iterdir

    def closed(path: Path) -> Any:  # as it is for everybody but root
        if path.name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    [source] = await chosen(tmp_path)
    assert await sensors(source) == [2]
    told = {
        (record.msg, getattr(record, "folder", ""), getattr(record, "error", "")) for record in caplog.records
    }
    assert told == {("folder_unreadable", str(tmp_path / "closed"), "Permission denied")}


SENTENCES = {
    "table.csv": r"table.csv: of CSVs only daily files are loaded, named like 2023-12-20_sds011_sensor",
    "2023-12_sds011.csv": r"of CSVs only daily files are loaded, named like",
    "broken.tar": r"broken.tar is no tar or zip that can be read: ",
    "broken.zip": r"broken.zip is no tar or zip that can be read: ",
    "other.zip": r"other.zip: there is no daily file \(.*\) in it",
    "gone.zip": r"gone.zip: there is no such file",
    "empty": r"empty: no file in it ends in .json or .json.gz, and there is no daily file \(.*\): name ",
}


@pytest.mark.parametrize("name", SENTENCES)
async def test_what_has_no_daily_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    for each in ("table.csv", "2023-12_sds011.csv", "broken.tar", "broken.zip"):
        (tmp_path / each).write_bytes(b"not what it says" * 100)
    zip_of(tmp_path / "other.zip", [("2023-12_sds011.csv", b"x")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=SENTENCES[name]):
        await chosen(tmp_path / name)


async def test_nothing_is_fetched_from_a_web_server(tmp_path: Path) -> None:
    for name in (name_of(), "december.zip", f"{name_of()}.gz?x=1"):
        with pytest.raises(ConfigError, match=r"daily files from a disk or an s3:// prefix: fetch it first"):
            await chosen(f"https://archive.sensor.community/{DAY}/{name}")


class MemoryObjects:
    """Objects of one bucket; `most` is how many were being read at the same time."""

    def __init__(self, **bodies: bytes) -> None:
        self.bodies, self.now, self.most, self.most_listed = bodies, 0, 0, 0
        self.refused = ""

    async def authenticate(self) -> None:
        """Return at once."""

    async def each(self, bucket: str, prefix: str) -> AsyncGenerator[ObjectEntry, None]:
        assert bucket == "b"
        for key, body in sorted(self.bodies.items()):
            if key.startswith(prefix):
                yield ObjectEntry(key, len(body), time=1_703_200_000)

    async def list(self, bucket: str, prefix: str) -> Sequence[ObjectEntry]:
        self.most_listed = max(
            self.most_listed, len(found := [each async for each in self.each(bucket, prefix)])
        )
        return found

    async def look(self, bucket: str, key: str) -> ObjectEntry | None:
        if key not in self.bodies:
            raise MissingResource(f"s3://{bucket}/{key}: there is no such object")
        return ObjectEntry(key, len(self.bodies[key]))

    async def read(self, bucket: str, key: str) -> AsyncGenerator[bytes, None]:
        del bucket
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            if key == self.refused:
                raise FetchFailed(f"{key}: access is denied")
            for start in range(0, len(self.bodies[key]), 1000):
                yield self.bodies[key][start : start + 1000]
        finally:
            self.now -= 1


def objects_of(count: int, folder: str = f"2023/{DAY}/") -> dict[str, bytes]:
    return {f"{folder}{name_of(n)}": day_of(n) for n in range(1, count + 1)}


async def test_a_prefix_is_its_days_and_small_files_are_read_some_at_a_time() -> None:
    objects = MemoryObjects(**objects_of(40), **{f"2023/x/{name_of(7, NEXT)}": day_of(7, day=NEXT)})
    objects.bodies |= {"2023/notes.txt": b"x", f"2023/rejects/{name_of(8)}": day_of(8)}
    found = await chosen("s3://b/2023/", objects=objects)
    assert [source.label for source in found] == [f"s3://b/2023/{DAY}/: {DAY}", f"s3://b/2023/x/: {NEXT}"]
    assert [await sensors(source) for source in found] == [[*range(1, 41)], [7]]
    assert objects.most == 16


async def test_of_a_prefix_no_more_than_a_days_files_are_held_at_once() -> None:
    days = [f"2023-12-{day}" for day in range(10, 20)]
    objects = MemoryObjects(**{f"{day}/{name_of(n, day)}": b"" for day in days for n in range(3)})
    found = await chosen("s3://b/", objects=objects)
    listed = [(await ready(source)).day for source in found]
    assert [day and day.files for day in listed] == [3] * 10
    assert objects.most_listed == 3


async def test_a_large_object_is_read_in_its_turn_and_an_empty_one_says_so() -> None:
    large = csv_of([each for each in hours(*range(24)) for _ in range(SMALL // 1000)])
    assert len(large) > SMALL
    objects = MemoryObjects(**{name_of(): large, name_of(7): b"", name_of(9): day_of(9)})
    [source] = await chosen("s3://b/", objects=objects)
    found = {record["sensor"]["id"]: record.get("rejected") for record in await records(source)}
    assert found == {123: None, 7: "bad_header", 9: None}


async def test_one_object_is_its_day_alone() -> None:
    objects = MemoryObjects(**objects_of(3), **{f"2023/{DAY}/{name_of(1)}.gz": b""})
    [source] = await chosen(f"s3://b/2023/{DAY}/{name_of(1)}", objects=objects)
    assert await sensors(source) == [1]
    listed = await ready(source)
    assert listed.day
    assert listed.day.files == 1
    with pytest.raises(MissingResource, match="there is no such object"):
        await chosen(f"s3://b/{name_of(1)}", objects=objects)


async def test_tars_zips_and_other_csvs_are_not_read_out_of_s3() -> None:
    for key in ("x.tar", "x.zip", "x.csv"):
        with pytest.raises(ConfigError, match=f"^s3://b/{key}: tars and zips are read from a disk"):
            await chosen(f"s3://b/{key}", objects=MemoryObjects(**{key: b""}))
    with pytest.raises(MissingResource, match=r"^s3://b/: no object under it ends in .json .* no daily file"):
        await chosen("s3://b/", objects=MemoryObjects(**{"x.tar": b""}))


async def test_an_object_that_may_not_be_read_fails_the_day_and_leaves_no_reading_behind() -> None:
    objects = MemoryObjects(**objects_of(40))
    objects.refused = f"2023/{DAY}/{name_of(10)}"
    [source] = await chosen("s3://b/2023/", objects=objects)
    with pytest.raises(FetchFailed, match="access is denied"):
        await records(source)
    assert objects.now == 0


async def test_a_listing_that_fails_is_a_source_that_cannot_be_opened() -> None:
    objects = MemoryObjects(**objects_of(1))
    [source] = await chosen("s3://b/2023/", objects=objects)

    async def fails(bucket: str, prefix: str) -> Sequence[ObjectEntry]:
        raise FetchFailed(f"s3://{bucket}/{prefix}: no answer")

    objects.list = fails  # type: ignore[method-assign]
    failing = await ready(source)
    with pytest.raises(FetchFailed, match=f"s3://b/2023/{DAY}/{DAY}: no answer"):
        failing.open(FetchOptions("test", 1))
