"""Daily files written into folders, tars and zips, and what the program finds there.

One rule: a file's body is a whole day of the sensor that its name says, unless a test gives another.
"""

import io
import os
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from aqi_service.core.selection import Selection
from aqi_service.snapshots.select import choose, look_here
from aqi_service.snapshots.sources import FetchOptions, Source
from aqi_service.storage.backend import SnapshotLocations
from tests.doubles.day_files import day_of
from tests.doubles.storage_doubles import MemoryArchive

NOW = 1_720_000_000.0
NEXT = "2023-12-21"


def put(folder: Path, *names: str, body: bytes | None = None, time: int = 1_703_200_000) -> list[Path]:
    """Put daily files into a folder, each with a whole day of its sensor."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        day, _, _, sensor = path.name.split(".")[0].removesuffix("_indoor").split("_")
        path.write_bytes(day_of(int(sensor), day=day) if body is None else body)
        os.utime(path, (time, time))
    return paths


async def chosen(*texts: str | Path, objects: Any = None, selection: Selection | None = None) -> list[Source]:
    places = SnapshotLocations(MemoryArchive(), objects=objects)
    asked = [str(text) for text in texts]
    look_here(asked, places)
    return await choose(asked, places, selection or Selection(), int(NOW), NOW)


async def ready(source: Source) -> Source:
    assert source.prepare
    return await source.prepare()


async def records(source: Source) -> list[dict[str, Any]]:
    async with (await ready(source)).open(FetchOptions("test", 1 << 30)) as incoming:
        found: list[dict[str, Any]] = orjson.loads(b"".join([chunk async for chunk in incoming.chunks]))
    return found


async def sensors(source: Source) -> list[int]:
    return sorted(record["sensor"]["id"] for record in await records(source))


def tar_of(path: Path, files: Sequence[tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, body in files:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(body), 1_703_200_000
            tar.addfile(member, io.BytesIO(body))
    return path


def zip_of(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in files:
            packed.writestr(zipfile.ZipInfo(name, (2023, 12, 21, 23, 6, 40)), body)
    return path
