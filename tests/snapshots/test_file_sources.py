"""Sources that are files and folders: which of them are taken, and what is said of one that is not there."""

import os
from pathlib import Path

import pytest

from aqi_service.core.selection import Selection
from aqi_service.errors import ConfigError, MissingResource
from aqi_service.snapshots.select import LOOKS, TOLD, choose
from aqi_service.storage.backend import SnapshotLocations
from tests.doubles.storage_doubles import MemoryArchive

NOW = 1_700_000_000
NEW, OLD = "data_20_10_23_18_55.json.gz", "data_20_10_23_06_55.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of snapshots, and of what is none."""
    for name in (
        NEW,
        OLD,
        "today.json",
        ".hidden.json",
        "notes.txt",
        "x.json.part",
        "data_20_12_23_18_55.json",
    ):
        (tmp_path / name).write_bytes(b"[]")
    (tmp_path / "deeper.json").mkdir()
    (tmp_path / "deeper.json" / "y.json").write_bytes(b"[]")
    return tmp_path


async def chosen(*texts: str | Path, places: SnapshotLocations | None = None) -> list[str]:
    places = places or SnapshotLocations(MemoryArchive())
    found = await choose([str(text) for text in texts], places, Selection(), NOW, NOW)
    return [source.label for source in found]


async def test_a_folder_is_its_json_packed_or_not_by_time_and_nothing_hidden_deeper_or_ahead(
    folder: Path,
) -> None:
    assert await chosen(folder) == [str(folder / name) for name in (OLD, NEW, "today.json")]


async def test_of_a_folder_that_is_or_was_an_archives_only_the_snapshots_are_taken(folder: Path) -> None:
    (folder / f"{NEW.removesuffix('.json.gz')}.meta.json").write_bytes(b"{}")
    assert await chosen(folder) == [str(folder / name) for name in (OLD, NEW, "today.json")]


async def test_several_sources_are_all_taken(folder: Path) -> None:
    assert await chosen(folder / NEW, "-", folder / OLD) == [str(folder / OLD), str(folder / NEW), "stdin"]


async def test_what_lies_in_the_archive_is_not_archived_again_whether_named_or_in_its_folder(
    folder: Path,
) -> None:
    places = SnapshotLocations(MemoryArchive(), folder=folder)
    labels = [f"archive:{name.removesuffix('.gz')}" for name in (OLD, NEW)]
    assert await chosen(folder / NEW, f"{folder}/../{folder.name}/{OLD}", places=places) == labels
    assert await chosen(folder, places=places) == [*labels, str(folder / "today.json")]
    assert await chosen(folder / "today.json", places=places) == [str(folder / "today.json")]


async def test_a_folder_without_any_is_a_sentence(tmp_path: Path) -> None:
    sentence = f"^{tmp_path}: no file in it ends in .json or .json.gz, and .*: name another folder$"
    with pytest.raises(MissingResource, match=sentence):
        await chosen(tmp_path)


async def test_all_that_is_not_there_is_named_at_once(folder: Path) -> None:
    gone = [folder / f"gone{number}.json" for number in range(LOOKS + TOLD + 2)]
    with pytest.raises(MissingResource, match=f"^{gone[0]}: there is no such file$"):
        await chosen(folder / NEW, gone[0])
    with pytest.raises(ConfigError) as caught:
        await chosen(*gone, folder / NEW)
    told = "; ".join(f"{path}: there is no such file" for path in gone[:TOLD])
    assert str(caught.value) == f"{told}; and {LOOKS + 2} more"


async def test_below_a_file_there_is_no_file(folder: Path) -> None:
    with pytest.raises(MissingResource, match="there is no such file"):
        await chosen(folder / NEW / "x.json")


async def test_a_file_that_may_not_be_read_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as it is for everybody but root
    (folder / OLD).chmod(0)
    with pytest.raises(ConfigError, match=f"^{folder / OLD} cannot be read: Permission denied$"):
        await chosen(folder / OLD)


async def test_a_name_that_no_file_can_have_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: File name too long$"):
        await chosen("x" * 300 + ".json")


async def test_a_pipe_is_looked_at_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert await chosen(tmp_path / "pipe") == [str(tmp_path / "pipe")]


async def test_a_pipe_among_a_folders_files_is_left_out(folder: Path) -> None:
    before = await chosen(folder)
    os.mkfifo(folder / "data_20_10_23_19_00.json")
    assert await chosen(folder) == before
