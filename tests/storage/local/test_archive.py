"""The archive of files: what is on the disk, and what is read back from it."""

import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aqi_service.errors import ArchiveFailed
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.snapshot_files import PIECE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.local_helpers import BODY, INCOMPRESSIBLE, bytes_of, files, keep
from tests.doubles.snapshot_name import NAME
from tests.doubles.stores import local_archive


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[LocalArchive]:
    async with local_archive(tmp_path) as opened:
        yield opened


def test_a_new_folder_has_the_folders_that_something_is_written_into(
    archive: LocalArchive, tmp_path: Path
) -> None:
    assert archive.folder.parent == tmp_path
    assert {path.name for path in tmp_path.iterdir()} == {"snapshots", "manifests", "rejects"}


class TestSnapshotsOnDisk:
    async def test_a_snapshot_is_gzip_that_any_tool_reads(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        assert files(tmp_path) == {f"{NAME}.gz", "data_20_12_23_18_55.meta.json"}
        assert gzip.decompress((tmp_path / "snapshots" / f"{NAME}.gz").read_bytes()) == BODY

    async def test_equal_snapshots_are_equal_files_without_a_time(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        await keep(archive, name="data_20_12_23_19_55.json")
        first, second = (path.read_bytes() for path in (tmp_path / "snapshots").glob("*.gz"))
        assert first == second
        assert first[4:8] == bytes(4)

    async def test_what_is_beside_a_snapshot_is_readable_json(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        beside = json.loads((tmp_path / "snapshots" / "data_20_12_23_18_55.meta.json").read_bytes())
        assert beside == {
            "source": "a.json", "load_id": "load-1", "etag": '"e"',
            "last_modified": "Wed, 20 Dec 2023 17:00:00 GMT", "source_id": "",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "beside",
        [None, b"", b"{", b"[]", b"null", b'{"source": "a"}', b"[" * 60_000, b"\xff", b"{}" * 90_000],
    )
    async def test_a_snapshot_whose_sidecar_is_lost_or_broken_has_blank_facts(
        self, archive: LocalArchive, tmp_path: Path, beside: bytes | None
    ) -> None:
        await keep(archive)
        sidecar = tmp_path / "snapshots" / "data_20_12_23_18_55.meta.json"
        sidecar.unlink()
        if beside is not None:
            sidecar.write_bytes(beside)
        assert await archive.info(NAME) == SnapshotInfo(source="", load_id="")

    async def test_what_an_earlier_version_kept_beside_a_snapshot_is_read_and_has_no_identity(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        sidecar = tmp_path / "snapshots" / "data_20_12_23_18_55.meta.json"
        sidecar.write_text('{"source": "a", "load_id": "b", "etag": "c", "last_modified": "d"}')
        assert await archive.info(NAME) == SnapshotInfo("a", "b", "c", "d", source_id="")

    @pytest.mark.parametrize("body", [BODY, gzip.compress(BODY, mtime=0)], ids=["plain", "packed"])
    async def test_a_plain_file_that_somebody_put_there_is_a_snapshot(
        self, archive: LocalArchive, tmp_path: Path, body: bytes
    ) -> None:
        (tmp_path / "snapshots" / NAME).write_bytes(body)
        assert await archive.names() == (NAME,)
        assert await bytes_of(archive, offset=5) == BODY[5:]
        assert await archive.info(NAME) == SnapshotInfo(source="", load_id="")
        with pytest.raises(ArchiveFailed, match="already"):
            await keep(archive)

    async def test_a_snapshot_that_is_there_plain_and_compressed_is_named_once(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        (tmp_path / "snapshots" / NAME).write_bytes(b"[]")
        assert await archive.names() == (NAME,)
        assert await bytes_of(archive) == BODY

    async def test_files_that_are_called_otherwise_are_passed_over(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        snapshots = tmp_path / "snapshots"
        for name in (
            "notes.txt",
            "data.json",
            "data_1_2_3_4_5.json",
            "data_20_12_23_18_55.json.zip",
            f".{NAME}",
        ):
            (snapshots / name).write_bytes(b"[]")
        (snapshots / f"{NAME}.gz").mkdir()
        assert await archive.names() == ()

    @pytest.mark.parametrize("name", ["../data_20_12_23_18_55.json", f"{NAME}.gz", "x.json", "", f"{NAME}\n"])
    async def test_what_is_no_snapshots_name_is_refused(
        self, archive: LocalArchive, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(ArchiveFailed, match="name of a snapshot"):
            await keep(archive, name=name)
        with pytest.raises(ArchiveFailed):
            await bytes_of(archive, name)
        assert await archive.info(name) is None
        assert await archive.delete([name]) == 0
        assert files(tmp_path) == set()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda body: body[:-1],
            lambda body: body[: len(body) // 2],
            lambda body: body[:-8] + bytes(8),
            lambda body: body[:40] + b"\xff\xff\xff\xff" + body[44:],
            lambda body: b"[]" + body,
            lambda body: body + b"[]",
        ],
        ids=["cut by a byte", "cut in half", "wrong sum", "wrong inside", "no gzip", "more behind it"],
    )
    async def test_a_damaged_snapshot_fails_with_a_sentence(
        self, archive: LocalArchive, tmp_path: Path, damage: Any
    ) -> None:
        await keep(archive, INCOMPRESSIBLE[:100_000])
        path = tmp_path / "snapshots" / f"{NAME}.gz"
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(ArchiveFailed, match=f"snapshot {NAME} is damaged"):
            await bytes_of(archive)

    async def test_it_reads_in_pieces_and_gives_nothing_past_the_end(self, archive: LocalArchive) -> None:
        await keep(archive)
        assert {len(piece) async for piece in archive.read(NAME)} == {PIECE, len(BODY) % PIECE}
        assert await bytes_of(archive, offset=len(BODY)) == b""
        assert await bytes_of(archive, offset=len(BODY) + 9) == b""

    async def test_deleting_takes_snapshots_and_what_is_beside_them(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        names = [f"data_20_12_23_18_5{minute}.json" for minute in range(3)]
        for name in names[:2]:
            await keep(archive, name=name)
        (tmp_path / "snapshots" / names[2]).write_bytes(b"[]")
        assert await archive.delete([names[0], names[2], "data_01_01_23_00_00.json"]) == 2
        assert files(tmp_path) == {f"{names[1]}.gz", "data_20_12_23_18_51.meta.json"}

    async def test_deleting_takes_the_rejects_of_every_table_and_leaves_the_manifests(
        self, archive: LocalArchive, tmp_path: Path
    ) -> None:
        await keep(archive)
        rejects = ["rejects/a/data_20_12_23_18_55.ndjson", "rejects/b/data_20_12_23_18_55.ndjson"]
        for key in (*rejects, "rejects/a/data_20_12_23_19_55.ndjson", f"manifests/a/{NAME}"):
            await archive.put(key, b"{}")
        assert await archive.delete([NAME]) == 1
        assert [await archive.get(key) for key in rejects] == [None, None]
        assert files(tmp_path) == {"data_20_12_23_19_55.ndjson", NAME}

    async def test_what_others_delete_meanwhile_costs_nothing(
        self, archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await keep(archive)
        await archive.put("rejects/a/data_20_12_23_18_55.ndjson", b"{}")
        orphan = tmp_path / "snapshots" / "data_20_12_23_19_55.meta.json"
        orphan.write_bytes(b"{}")
        unlink = os.unlink

        def late(path: Path) -> None:
            unlink(path)
            unlink(path)

        monkeypatch.setattr(os, "unlink", late)
        assert await archive.delete([NAME]) == 1
        assert await archive.sweep() == 1
        assert files(tmp_path) == set()
