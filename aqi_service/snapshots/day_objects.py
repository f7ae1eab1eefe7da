"""Daily files under a prefix of S3, several read at a time.

One rule: a file's bytes come in order, and the files in the requested order.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing
from itertools import islice

from aqi_service.core.day_names import DayEntry, day_text, parse_day_name
from aqi_service.core.s3_urls import NOT_SNAPSHOTS
from aqi_service.snapshots.day_folders import DayFile, Piece
from aqi_service.storage.ports import ObjectEntry, Objects

CONCURRENT_READS = 16
"""Small files that are read at the same time; a day may have 20,000."""

SMALL = 256 * 1024
"""A file of at most this many bytes is small: one of a usual sensor has 50,000."""


class S3DayFolder:
    """The daily files directly under a prefix, which ends with a slash or is empty; or a single object."""

    def __init__(
        self, objects: Objects, bucket: str, prefix: str, days: Collection[int], only: str = ""
    ) -> None:
        self._objects, self._bucket, self._prefix, self._only = objects, bucket, prefix, only
        self.days = days
        self.label = f"s3://{bucket}/{prefix}{only}"

    async def files(self, day: int) -> Sequence[DayFile]:
        """List a day's files; raises FetchFailed if S3 does not answer."""
        begin = self._prefix + (self._only or day_text(day))
        listed = await self._objects.list(self._bucket, begin)
        found = (_file(entry, self._prefix) for entry in listed if not self._only or entry.key == begin)
        return [file for file in found if file and file.name.day == day]

    async def pieces(self, files: Sequence[DayFile]) -> AsyncGenerator[Piece, None]:
        """Read some files: small ones ahead, the others when it is their turn."""
        waiting = iter(files)
        under_way = deque(self._begun(waiting, CONCURRENT_READS))
        try:
            while under_way:
                file, task = under_way[0]
                if task is None:
                    async with aclosing(self._objects.read(self._bucket, file.at)) as chunks:
                        async for chunk in chunks:
                            yield file, chunk
                elif whole := await task:
                    yield file, whole
                yield file, b""
                under_way.popleft()
                under_way.extend(self._begun(waiting, 1))
        finally:
            tasks = [task for _, task in under_way if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begun(
        self, files: Iterator[DayFile], most: int
    ) -> Iterator[tuple[DayFile, asyncio.Task[bytes] | None]]:
        for file in islice(files, most):
            is_small = file.entry.size <= SMALL
            yield file, asyncio.create_task(self._whole(file.at)) if is_small else None

    async def _whole(self, key: str) -> bytes:
        async with aclosing(self._objects.read(self._bucket, key)) as chunks:
            return b"".join([chunk async for chunk in chunks])


class DaysFound:
    """The days with files under a prefix, by folder; no file is kept, since years have millions."""

    def __init__(self) -> None:
        self._days: dict[str, set[int]] = {}

    def note(self, key: str) -> None:
        """Note a key, if it is a daily file's."""
        folder, _, file = key.rpartition("/")
        if (name := parse_day_name(file)) and NOT_SNAPSHOTS.isdisjoint(folder.split("/")):
            self._days.setdefault(folder, set()).add(name.day)

    def folders(self, objects: Objects, bucket: str) -> list[S3DayFolder]:
        """Return the noted folders."""
        return [
            S3DayFolder(objects, bucket, f"{folder}/" if folder else "", days)
            for folder, days in self._days.items()
        ]


def object_folder(objects: Objects, bucket: str, key: str) -> S3DayFolder | None:
    """Return the folder of a single object, if that is a daily file."""
    folder, slash, file = key.rpartition("/")
    name = parse_day_name(file)
    return S3DayFolder(objects, bucket, folder + slash, {name.day}, file) if name else None


def _file(entry: ObjectEntry, prefix: str) -> DayFile | None:
    file = entry.key.removeprefix(prefix)
    name = parse_day_name(file)
    return DayFile(name, DayEntry(file, entry.size, entry.time), entry.key) if name else None
