"""Sources outside the archive that were read once: known again by what they were, and by nothing less."""

import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import manifest_key
from aqi_service.errors import InGlacier, Unavailable
from aqi_service.snapshots.file_sources import file_source
from aqi_service.snapshots.known_sources import KnownSources
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import Source
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import NAME, TABLE, document, run
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory

FILE = f"{NAME}.gz"


@dataclass
class World:
    """A file that is loaded into an archive and a table, and what is known of it then."""

    folder: Path
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    store: MemoryStore = field(default_factory=MemoryStore)

    @property
    def storage(self) -> Storage:
        return in_memory(self.archive, self.store)

    def known(self, table: str = TABLE) -> KnownSources:
        return KnownSources(self.archive, ManifestStore(self.storage, table), table)

    def write(self, body: bytes, name: str = FILE, at: int = 1_703_098_500) -> Source:
        """Write a file with the time of its last change; give it as a source."""
        path = self.folder / name
        path.write_bytes(body)
        os.utime(path, (at, at))
        return self.source(name)

    def source(self, name: str = FILE) -> Source:
        found = file_source(str(self.folder / name), SnapshotLocations(self.archive))
        assert isinstance(found, Source)
        return found

    async def load(self, source: Source, **how: Any) -> LoadReport:
        report = await run(source, self.storage, **how)
        await self.known().note(source, report)
        return report

    async def finished(self, source: Source, scale: str = "daqi", table: str = TABLE) -> str | None:
        return (await self.known(table).finished_of([source], scale)).get(source)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_file_that_was_loaded_is_known_again_until_its_size_or_time_changes(world: World) -> None:
    source = world.write(document(1, 2))
    assert await world.finished(source) is None
    assert (await world.load(source)).status is Status.COMPLETE
    assert await world.finished(world.source()) == NAME
    assert await world.finished(world.write(document(1, 2), at=1_703_098_501)) is None
    assert await world.finished(world.write(document(1, 22))) is None
    assert await world.finished(world.write(document(1, 2))) == NAME


async def test_another_file_with_the_content_of_a_finished_snapshot_is_known_by_that_one(
    world: World,
) -> None:
    await world.load(world.write(document(1, 2)))
    again = await world.load(world.write(document(1, 2), f"copy {FILE}"))
    assert (again.status, again.snapshot) == (Status.UNCHANGED, None)
    assert await world.finished(world.source(f"copy {FILE}")) == NAME


async def test_a_file_of_the_same_name_elsewhere_is_another_one(world: World) -> None:
    await world.load(world.write(document(1, 2)))
    (world.folder / "else").mkdir()
    assert await world.finished(world.write(document(1, 2), f"else/{FILE}")) is None


async def test_a_table_of_another_name_creation_or_scale_knows_nothing_of_it(world: World) -> None:
    await world.load(world.write(document(1, 2)))
    assert await world.finished(world.source(), scale="us-epa") is None
    assert await world.finished(world.source(), table="another") is None
    world.store.table_id = "made anew"
    assert await world.finished(world.source()) is None


async def test_a_load_that_is_not_finished_leaves_its_source_unknown(world: World) -> None:
    source = world.write(document(1, 2)[:-1])
    assert (await world.load(source)).status is Status.FAILED
    assert await world.finished(world.source()) is None
    assert not [key for key in world.archive.documents if "sources" in key]


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"status": "incomplete"}, {"table_id": "x"}])
async def test_it_is_the_manifest_that_says_whether_the_snapshot_is_finished(
    world: World, change: dict[str, str]
) -> None:
    await world.load(world.write(document(1, 2)))
    key = manifest_key(TABLE, NAME)
    world.archive.documents[key] = orjson.dumps(orjson.loads(world.archive.documents[key]) | change)
    assert await world.finished(world.source()) is None


async def test_a_file_that_changed_while_it_was_read_is_read_again(world: World) -> None:
    source = world.write(document(1, 2))
    report = await run(source, world.storage)
    world.write(document(3, 4, 5))
    await world.known().note(source, report)
    world.write(document(1, 2))
    assert await world.finished(world.source()) is None


async def test_a_pipe_is_never_known(world: World) -> None:
    os.mkfifo(world.folder / "pipe.json")
    assert world.source("pipe.json").seen is None
    assert await world.finished(world.source("pipe.json")) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"snapshot": "../x", "sha256": ""}'])
async def test_a_note_that_says_nothing_is_none(world: World, body: bytes) -> None:
    await world.load(world.write(document(1, 2)))
    [key] = [key for key in world.archive.documents if "/sources/" in key]
    there = orjson.loads(world.archive.documents[key])
    world.archive.documents[key] = body and orjson.dumps(
        {**there, **orjson.loads(body)} if body[0] == 123 else []
    )
    expected = NAME if body == b"{}" else None
    assert await world.finished(world.source()) == expected


async def test_a_note_in_glacier_is_none(world: World) -> None:
    await world.load(world.write(document(1, 2)))

    async def frozen() -> None:
        raise InGlacier("it lies in Glacier")

    archive: Any = Before(world.archive, get=frozen)
    known = KnownSources(archive, ManifestStore(world.storage, TABLE), TABLE)
    assert await known.finished_of([world.source()], "daqi") == {}


async def test_a_note_that_cannot_be_written_costs_no_load(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    source = world.write(document(1, 2))
    report = await run(source, world.storage)

    async def away() -> None:
        raise Unavailable("the bucket is away")

    archive: Any = Before(world.archive, change=away)
    await KnownSources(archive, ManifestStore(world.storage, TABLE), TABLE).note(source, report)
    assert lines(caplog) == ["source_not_noted error='the bucket is away' hint='the next load tries again'"]


async def test_a_source_without_a_look_is_not_noted(world: World) -> None:
    source = replace(world.write(document(1, 2)), seen=None)
    await world.load(source)
    assert not [key for key in world.archive.documents if "/sources/" in key]


async def test_that_a_note_cannot_be_read_keeps_no_source_from_being_read(world: World) -> None:
    source = world.write(document(1))
    await world.load(source)
    assert (await world.known().noted(source)).noted == NAME
    away: Any = Before(world.archive, get=failing(Unavailable("away")))
    known = KnownSources(away, ManifestStore(world.storage, TABLE), TABLE)
    assert await known.noted(source) is source
