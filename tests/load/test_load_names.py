"""Names that others take, or are taking: a load goes on under the next, and writes over none of theirs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import LeaseLost, NameInUse
from aqi_service.load.upload_claim import NAME_TRIES
from aqi_service.snapshots.sources import source_of
from aqi_service.storage.ports import SnapshotInfo, Upload
from tests.doubles.load_helpers import NAME, document, fates, run, written
from tests.doubles.storage_doubles import Before, MemoryArchive, in_memory

BODY = document(*range(1, 151))
NAMES = [NAME, *(NAME.replace(".json", f"-{number}.json") for number in range(2, 10))]


class Contested(MemoryArchive):
    """An archive where others are writing the first names that are asked for; `asked` are all of them."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others = others
        self.asked: list[str] = []

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[Upload]:
        self.asked.append(name)
        if len(self.asked) <= self.others:
            raise NameInUse(f"{name} is being written")
        async with super().upload(name, info) as upload:
            yield upload


@pytest.mark.parametrize("others", range(NAME_TRIES**2))
async def test_a_load_whose_names_others_are_writing_takes_the_first_that_is_left(
    others: int, tmp_path: Path
) -> None:
    archive, source = Contested(others), written(tmp_path, BODY)
    report = await run(source, in_memory(archive))
    assert (report.status, report.snapshot, fates(report)) == (
        Status.COMPLETE,
        NAMES[others],
        {"stored": 150},
    )
    assert (archive.asked, archive.snapshots) == (NAMES[: others + 1], {NAMES[others]: BODY})
    assert archive.infos[NAMES[others]].source == str(source)


async def test_a_load_all_of_whose_names_others_are_writing_fails(tmp_path: Path) -> None:
    archive = Contested(NAME_TRIES**2)
    report = await run(written(tmp_path, BODY), in_memory(archive))
    assert (report.status, report.error) == (Status.FAILED, f"{NAMES[-1]} is being written")
    assert (archive.asked, archive.snapshots) == (NAMES, {})


def taken_at_the_end(archive: MemoryArchive, times: int = NAME_TRIES) -> Before:
    """Let another load take the name that is about to be completed, as often as that."""

    async def overtake() -> None:
        archive.snapshots |= dict.fromkeys(NAMES[: min(times, len(archive.snapshots) + 1)], b"[]")

    return Before(archive, complete=overtake)


@pytest.mark.parametrize("times", range(NAME_TRIES))
async def test_a_load_whose_name_another_takes_as_it_completes_begins_anew_and_leaves_that_one(
    times: int, tmp_path: Path
) -> None:
    archive = MemoryArchive()
    report = await run(written(tmp_path, BODY), in_memory(taken_at_the_end(archive, times)))
    assert (report.status, report.snapshot, report.records) == (Status.COMPLETE, NAMES[times], 150)
    assert fates(report) == ({"unchanged": 150} if times else {"stored": 150})
    assert archive.snapshots == dict.fromkeys(NAMES[:times], b"[]") | {NAMES[times]: BODY}


def failed_by(archive: MemoryArchive, number: int, report: LoadReport) -> None:
    """See that a load failed when that many names had been taken, and counts what it stored all the same."""
    last = NAMES[number - 1]
    assert (report.status, report.error) == (Status.FAILED, f"there is a snapshot {last} already")
    assert archive.snapshots == dict.fromkeys(NAMES[:number], b"[]")
    assert sum(fates(report).values()) == report.records == 150


async def test_a_load_whose_name_is_taken_a_third_time_fails(tmp_path: Path) -> None:
    archive = MemoryArchive()
    report = await run(written(tmp_path, BODY), in_memory(taken_at_the_end(archive)))
    failed_by(archive, NAME_TRIES, report)


async def test_a_load_whose_source_can_be_read_once_only_fails_when_its_name_is_taken(tmp_path: Path) -> None:
    archive = MemoryArchive()
    source = replace(source_of(str(written(tmp_path, BODY))), can_reread=False)
    report = await run(source, in_memory(taken_at_the_end(archive)))
    failed_by(archive, 1, report)


async def test_a_load_whose_lease_is_lost_does_not_begin_anew_when_its_name_is_taken(tmp_path: Path) -> None:
    archive = MemoryArchive()

    def guard() -> None:
        if archive.snapshots:
            raise LeaseLost("the lease is another's")

    report = await run(written(tmp_path, BODY), in_memory(taken_at_the_end(archive)), guard=guard)
    failed_by(archive, 1, report)
