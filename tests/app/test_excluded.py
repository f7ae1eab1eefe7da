"""Sensors that are left out, as an operator does it: a file, a load, SIGHUP, and the table rid of them."""

import json
import logging
import os
import signal
from pathlib import Path
from typing import cast

import pytest

from aqi_service.app.excluded import MOST_BYTES, read_list
from aqi_service.app.reload import ReloadedFiles, read_files
from aqi_service.certificates import Certificates
from aqi_service.errors import ConfigError
from tests.doubles.config import config
from tests.doubles.load_helpers import document, written
from tests.doubles.program import ran, running

SNAPSHOT = "data_20_12_23_18_01.json"
LOCAL = ("--local", "kept")
LIST = ("--exclude-sensors", "left-out.txt")
PORTS = ("--port", "0", "--http-port", "0")


def left_out(folder: Path, *sensors: object) -> Path:
    return written(folder, "".join(f"{each}\n" for each in sensors).encode(), "left-out.txt")


async def load(folder: Path, *options: str) -> dict[str, object]:
    """Load a snapshot of sensors 11, 12 and 13, whose records have the same ids."""
    written(folder, document(11, 12, 13), SNAPSHOT)
    done = await ran("--load-only", SNAPSHOT, *LOCAL, *options, cwd=folder)
    assert done.code == 0, done.err
    return done.reports[0]


@pytest.mark.parametrize(
    "mode", [("--load-only", SNAPSHOT), ("--serve-only", *PORTS), ("--delete-excluded",)]
)
async def test_a_list_that_is_not_there_is_one_sentence_and_exit_2(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    written(tmp_path, document(1), SNAPSHOT)
    done = await ran(*mode, *LOCAL, *LIST, cwd=tmp_path)
    assert done.code == 2
    assert done.last == (
        "aqi-service: --exclude-sensors left-out.txt cannot be read: No such file or directory"
    )
    assert not (tmp_path / "kept").exists()


async def test_a_bad_line_is_named_and_exit_2(tmp_path: Path) -> None:
    left_out(tmp_path, "# two of them", 11, "12, 13")
    done = await ran("--load-only", *LOCAL, *LIST, cwd=tmp_path)
    assert done.code == 2
    named = "aqi-service: --exclude-sensors left-out.txt: line 3"
    assert done.last == f"{named} is no sensor's id, which is digits alone: '12, 13'"


def test_what_is_no_file_or_too_large_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no file$"):
        read_list(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigError, match=r"large is larger than 1 MiB$"):
        read_list(tmp_path / "large")


def test_a_pipe_is_no_list_and_nobody_waits_for_who_writes_into_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"pipe is no file$"):
        read_list(tmp_path / "pipe")


def test_a_link_is_followed_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    link, kept = tmp_path / "list", left_out(tmp_path, 12)
    link.symlink_to(kept)
    assert read_list(link) == {12}
    kept.unlink()
    with pytest.raises(ConfigError, match=r"list cannot be read: No such file or directory$"):
        read_list(link)


def reloading(path: Path, tls: Certificates | None = None) -> tuple[ReloadedFiles, list[object]]:
    """Read the list for the first time; give what SIGHUP calls, and what it has told whom."""
    told: list[object] = []
    files = read_files(config(exclude_sensors=path), lambda: 0.0, lambda: told.append(files.excluded.ids))
    files.tls = tls
    return files, told


def test_loads_before_the_list_was_read_may_have_gone_by_another(tmp_path: Path) -> None:
    files = read_files(config(exclude_sensors=left_out(tmp_path, 11)), lambda: 60.0)
    assert (files.excluded.ids, files.excluded.shortened) == (frozenset({11}), 60.0)


@pytest.mark.parametrize("bad", [b"12\nx\n", b"\xff\xfe1\x002\x00", b"#\n" * MOST_BYTES, None, ...])
def test_a_list_that_is_no_good_by_now_leaves_out_whom_that_of_before_did(
    tmp_path: Path, bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    path = left_out(tmp_path, 11, 12)
    files, told = reloading(path)
    path.unlink()
    if isinstance(bad, bytes):
        path.write_bytes(bad)
    elif bad is None:
        path.mkdir()
    files.reload()
    assert set(files.excluded.ids) == {11, 12}
    assert told == []
    assert [each.message for each in caplog.records] == ["exclusions_kept"]


def test_a_list_that_became_shorter_is_a_warning_since_it_may_have_been_read_half_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = left_out(tmp_path, 11, 12)
    files, told = reloading(path)
    for text, ids in ((b"11\n12\n13", {11, 12, 13}), (b"11\n12\n13\n", {11, 12, 13}), (b"", set())):
        path.write_bytes(text)
        files.reload()
        assert files.excluded.ids == ids
    levels = [(each.levelname, vars(each)["sensors"], vars(each)["removed"]) for each in caplog.records]
    assert levels == [("INFO", 3, 0), ("INFO", 3, 0), ("WARNING", 0, 3)]
    assert told == [{11, 12, 13}, set()]


def test_certificates_that_fail_in_whatever_way_keep_no_list_from_being_read(tmp_path: Path) -> None:
    class Broken:
        def reload(self) -> None:
            raise RuntimeError("nobody thought of this")

    path = left_out(tmp_path, 11)
    files, _ = reloading(path, cast("Certificates", Broken()))
    left_out(tmp_path, 11, 12)
    with pytest.raises(RuntimeError):
        files.reload()
    assert files.excluded.ids == {11, 12}


def test_a_list_may_begin_with_a_byte_order_mark_and_have_notes_in_any_encoding(tmp_path: Path) -> None:
    assert read_list(written(tmp_path, b"\xef\xbb\xbf11 # Stra\xdfe\r\n12\r\n", "list")) == {11, 12}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"delete_excluded": True}, "--delete-excluded needs --exclude-sensors FILE"),
        (
            {"delete_excluded": True, "exclude_sensors": Path("x"), "load_only": True},
            "--delete-excluded loads and serves nothing",
        ),
        (
            {"delete_excluded": True, "exclude_sensors": Path("x"), "serve_only": True},
            "--delete-excluded loads and serves nothing",
        ),
        ({"exclude_sensors": "s3://b/list"}, "a server needs a file"),
        ({"exclude_sensors": "s3://b/list", "serve_only": True}, "is for --load-only and --delete-excluded"),
        ({"dry_run": True}, "--dry-run needs --load-only or --delete-excluded"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config(**options)


def test_each_command_that_a_hint_advises_and_that_loads_has_the_list() -> None:
    told = config(exclude_sensors=Path("left out"))
    for command in (told.archive_command, told.create_command):
        assert command.endswith(" --exclude-sensors 'left out'")
    assert "--exclude-sensors" not in config().create_command


async def test_a_load_with_a_list_stores_and_writes_down_nothing_of_the_sensor(tmp_path: Path) -> None:
    left_out(tmp_path, 12)
    report = await load(tmp_path, *LIST)
    assert (report["stored"], report["rejected"], report["reasons"]) == (2, 1, {"excluded": 1})
    (rejects,) = (tmp_path / "kept" / "rejects").rglob("*.ndjson")
    assert [json.loads(line)["record"] for line in rejects.read_text().splitlines()] == [""]


async def test_sighup_takes_a_new_list_and_a_bad_one_leaves_the_old(tmp_path: Path) -> None:
    await load(tmp_path)
    left_out(tmp_path, "# nobody")
    async with running("--serve-only", *LOCAL, *LIST, *PORTS, cwd=tmp_path) as program:
        await program.line("INFO .* exclusions_read sensors=0")
        await program.line(" memory_replaced ")
        assert [reply[:3] for reply in await program.ask(b"11", b"12")] == [b"id,"] * 2
        left_out(tmp_path, 12)
        program.tell(signal.SIGHUP)
        await program.line("INFO .* exclusions_reloaded sensors=1 added=1 removed=0")
        asked = (b"12", b"sensor 12", b"11")
        assert [reply[:3] for reply in await program.ask(*asked)] == [b"Ite", b"Ite", b"id,"]
        await program.line(" memory_replaced ", 2)
        left_out(tmp_path, 11, "nobody")
        program.tell(signal.SIGHUP)
        await program.line("WARNING .* exclusions_kept error=.*line 2 is no sensor's id.* sensors=1")
        assert [reply[:3] for reply in await program.ask(*asked)] == [b"Ite", b"Ite", b"id,"]
        assert (await program.page("/api/v1/sensors/12"))[0] == 404
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0


async def test_what_the_table_has_of_them_is_counted_then_deleted_and_then_there_is_none(
    tmp_path: Path,
) -> None:
    report = await load(tmp_path)
    table = tmp_path / "kept" / "air_quality.db"
    left_out(tmp_path, 12, 99)
    delete = ("--delete-excluded", *LOCAL, *LIST)

    before = table.read_bytes()
    counted = await ran(*delete, "--dry-run", cwd=tmp_path)
    assert (counted.code, counted.last) == (0, "1 items of 2 sensors to delete")
    assert counted.reports == [
        {"sensor_id": "12", "items": 1, "deleted": 0},
        {"sensor_id": "99", "items": 0, "deleted": 0},
    ]
    assert table.read_bytes() == before

    deleted = await ran(*delete, cwd=tmp_path)
    assert (deleted.code, deleted.last) == (0, "1 items of 2 sensors deleted")
    assert deleted.reports[0] == {"sensor_id": "12", "items": 1, "deleted": 1}
    again = await ran(*delete, cwd=tmp_path)
    assert (again.code, again.last) == (0, "0 items of 2 sensors deleted")
    loaded = await ran("--load-only", "--from", "archive", "--force", *LOCAL, *LIST, cwd=tmp_path)
    assert (loaded.reports[0]["unchanged"], loaded.reports[0]["stored"], report["stored"]) == (2, 0, 3)


async def test_a_folder_without_a_table_is_told_to_load_first(tmp_path: Path) -> None:
    left_out(tmp_path, 12)
    done = await ran("--delete-excluded", "--dry-run", *LOCAL, *LIST, cwd=tmp_path)
    assert done.code == 2
    assert "holds no table yet" in done.last
