"""Many ids at once: texts that are no ids, folders that take no files, what a terminal shows."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aqi_service import __version__
from tests.doubles.client_command import at_table, command, files
from tests.doubles.permissions import bound_by_permissions
from tests.doubles.wire_fixtures import CSV, FOUND, serving

ROW = CSV.splitlines(keepends=True)[1]


async def test_a_text_on_standard_input_that_is_no_id_costs_itself_alone(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "-", cwd=tmp_path, stdin=f"{FOUND}\n\n x{FOUND} 2\n{FOUND}\n".encode())
    assert (ran.code, len(ran.out.splitlines())) == (2, 4)
    why = f"'x{FOUND}' is no record id: an id is 1 to 20 decimal digits; left out"
    assert ran.err == f"aqi-client: standard input, line 3: {why}\n"


async def test_an_answer_that_is_worse_than_a_bad_text_decides_the_exit_code(tmp_path: Path) -> None:
    async with at_table() as there:
        assert (await command(*there, "-", cwd=tmp_path, stdin=b"x 500")).code == 3
        assert (await command(*there, "-", cwd=tmp_path, stdin=b"x 140")).code == 2


async def test_of_many_bad_texts_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    ran = await command("--port", "1", "-", cwd=tmp_path, stdin=b"x\n" * 1000)
    assert (ran.code, ran.out) == (2, b"")
    assert len(ran.err.splitlines()) == 21
    assert "line 20:" in ran.err
    assert ran.err.endswith("980 more are no record ids; left out\n")


def write_only_stdin() -> None:
    """Begin with a standard input that cannot be read."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 0)


async def test_a_standard_input_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    ran = await command("-", cwd=tmp_path, preexec=write_only_stdin)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err == "aqi-client: standard input cannot be read: Bad file descriptor\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # the latter is PowerShell's
async def test_ids_that_windows_wrote_are_read(encoding: str, tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "-", cwd=tmp_path, stdin=f"{FOUND}\r\n2\r\n".encode(encoding))
    assert (ran.code, len(ran.out.splitlines())) == (0, 3)


async def test_a_bad_id_on_the_command_line_still_sends_nothing(tmp_path: Path) -> None:
    ran = await command("--port", "1", FOUND, "x", "-", cwd=tmp_path, stdin=b"2")
    assert (ran.code, ran.out) == (2, b"")


async def test_a_current_folder_that_cannot_be_written_is_one_warning_and_costs_no_record(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    async with at_table() as there:
        ran = await command(*there, FOUND, FOUND, cwd=closed, preexec=bound_by_permissions)
        asked = await command(*there, FOUND, "--output-dir", ".", cwd=closed, preexec=bound_by_permissions)
    assert (ran.code, ran.out) == (0, CSV + ROW)
    assert len(ran.err.splitlines()) == 1
    assert "the current folder cannot be written" in ran.err
    assert (asked.code, asked.out) == (2, b"")


async def test_a_folder_that_shows_only_later_that_it_takes_no_files_is_one_warning_too() -> None:
    proc = Path("/proc")  # which root may write, by its permissions
    async with at_table() as there:
        ran = await command(*there, FOUND, FOUND, cwd=proc)
        asked = await command(*there, FOUND, "--output-dir", "/proc/self", cwd=proc)
    assert (ran.code, ran.out) == (0, CSV + ROW)
    assert len(ran.err.splitlines()) == 1
    assert "the current folder cannot be written" in ran.err
    assert asked.code in (2, 3)  # by its permissions, or only by the first file
    assert len(asked.err.splitlines()) == 1


async def on_a_terminal(*arguments: str, cwd: Path) -> str:
    """Run the command with a terminal for stderr, and give what that shows."""
    terminal, side = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service.client", *arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=side
    )
    os.close(side)
    await process.communicate()
    shown = b""
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:  # how a terminal ends whose other side is closed
        pass
    os.close(terminal)
    return shown.decode()


async def test_saved_files_are_named_on_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    async with at_table() as there:
        shown = await on_a_terminal(*there, FOUND, "2", "--output-dir", "out", cwd=tmp_path)
        alone = await on_a_terminal(*there, FOUND, "--no-save", cwd=tmp_path)
        piped = await command(*there, FOUND, cwd=tmp_path)
    assert shown == f"aqi-client: saved out/data_{FOUND}.csv, out/data_2.csv\r\n"
    assert (alone, piped.err) == ("", "")


async def test_of_many_saved_files_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    async def answer(_: bytes) -> bytes:
        return CSV

    async with serving(answer) as served:
        shown = await on_a_terminal("--port", str(served.port), *map(str, range(25)), cwd=tmp_path)
    assert (len(files(tmp_path)), shown.count("data_")) == (25, 20)
    assert shown.endswith("data_19.csv and 5 more\r\n")


async def test_the_version_is_told_without_a_server(tmp_path: Path) -> None:
    ran = await command("--version", cwd=tmp_path)
    assert (ran.code, ran.out.decode(), ran.err) == (0, f"aqi-client {__version__}\n", "")


@pytest.mark.parametrize("start", ["\n", "\0"])
async def test_a_formula_behind_a_line_end_or_nul_reaches_no_spreadsheet(start: str, tmp_path: Path) -> None:
    async def answer(_: bytes) -> bytes:
        return f'id,country\r\n1,"{start}=1+1"\r\n'.encode()

    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "1", cwd=tmp_path)
    assert f"'{start}=1+1" in ran.out.decode()
    assert f"'{start}=1+1" in (tmp_path / "data_1.csv").read_bytes().decode()
