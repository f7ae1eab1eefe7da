"""The command `python -m aqi_service.client`, as a process of its own."""

import asyncio
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aqi_service.core.frames import encode
from tests.doubles.client_command import at_table, command, files
from tests.doubles.program import environment
from tests.doubles.wire_fixtures import BROKEN, CSV, FOUND, Peer, saying, scripted, serving, silent

HEADER_LINE = CSV.splitlines(keepends=True)[0]


async def test_a_found_id_is_printed_and_saved_byte_for_byte(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, FOUND, cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, CSV, "")
    assert files(tmp_path) == {f"data_{FOUND}.csv": CSV}


async def test_the_header_is_printed_once_and_rows_come_in_the_order_asked(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "2", FOUND, "2", "--no-save", cwd=tmp_path)
    two, first = (
        CSV.replace(FOUND.encode(), name).splitlines(keepends=True)[1] for name in (b"2", FOUND.encode())
    )
    assert (ran.code, ran.out) == (0, HEADER_LINE + two + first + two)
    assert files(tmp_path) == {}


async def test_an_id_that_is_not_found_is_named_and_a_short_one_gets_a_hint(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, FOUND, "140", "28456691289", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, CSV)
    short, long = ran.err.splitlines()
    assert "140: Item not found" in short
    assert "sensor" in short
    assert long == "aqi-client: 28456691289: Item not found"
    assert list(files(tmp_path)) == [f"data_{FOUND}.csv"]


async def test_ids_may_come_from_standard_input_and_are_then_not_saved(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "-", cwd=tmp_path, stdin=f"{FOUND}\n 2\r\n".encode())
    assert (ran.code, len(ran.out.splitlines())) == (0, 3)
    assert files(tmp_path) == {}


async def test_ids_from_standard_input_are_saved_where_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    async with at_table() as there:
        await command(*there, "-", "--output-dir", "out", cwd=tmp_path, stdin=FOUND.encode())
    assert (tmp_path / "out" / f"data_{FOUND}.csv").read_bytes() == CSV


async def test_json_is_one_object_a_line_with_numbers(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, FOUND, "2", "--format", "json", "--no-save", cwd=tmp_path)
    first, second = (json.loads(text) for text in ran.out.splitlines())
    assert (first["id"], first["P2.5"], first["altitude"], first["country"]) == (FOUND, 3.88, -5.2, "DE")
    assert second["id"] == "2"


async def test_the_server_may_be_named_in_the_environment(tmp_path: Path) -> None:
    async with at_table() as (_, port):
        env = {"AQI_SERVER_HOST": "localhost", "AQI_SERVER_PORT": port}
        assert (await command(FOUND, cwd=tmp_path, env=env)).code == 0


async def test_leading_zeros_are_sent_and_saved_as_typed(tmp_path: Path) -> None:
    async def answer(payload: bytes) -> bytes:
        return CSV if payload == b"00018" else b"Item not found"

    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "00018", cwd=tmp_path)
    assert ran.code == 0
    assert (tmp_path / "data_00018.csv").exists()


async def test_rows_with_other_columns_are_put_under_the_first_header(tmp_path: Path) -> None:
    replies = iter([b"id,AQI\r\n1,2\r\n", b"AQI,extra,id\r\n3,x,4\r\n", b"id\r\n5\r\n"])

    async def answer(_: bytes) -> bytes:
        return next(replies)

    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "1", "4", "5", "--no-save", cwd=tmp_path)
    assert ran.out == b"id,AQI\r\n1,2\r\n4,3\r\n5,\r\n"
    assert "left out: extra" in ran.err


async def test_text_cells_that_a_spreadsheet_would_run_are_prefixed_everywhere(tmp_path: Path) -> None:
    async def answer(_: bytes) -> bytes:
        return b"id,country,altitude\r\n1,=cmd|' /C calc'!A0,-5.2\r\n"

    guarded = b"id,country,altitude\r\n1,'=cmd|' /C calc'!A0,-5.2\r\n"
    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "1", cwd=tmp_path)
    assert ran.out == guarded
    assert (tmp_path / "data_1.csv").read_bytes() == guarded


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required: ID"),
        ([""], "'' is no record id"),
        (["../../x"], "is no record id"),
        (["/etc/x"], "is no record id"),
        (["1" * 300], "is no record id"),
        (["\u0665"], "is no record id"),
        (["1", "\x1b[31m"], "is no record id"),
        (["1", "--port", "0"], "no port"),
        (["1", "--port", "x"], "no port"),
        (["1", "--timeout", "0"], "no number of seconds"),
        (["1", "--timeout", "nan"], "no number of seconds"),
        (["1", "--format", "xml"], "--format"),
        (["1", "--colour"], "--colour"),
        (["-"], "no id on standard input"),
        (["1", "--output-dir", "missing"], "missing is no folder"),
    ],
)
async def test_bad_usage_is_one_sentence_and_nothing_is_sent(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    ran = await command(*arguments, cwd=tmp_path, env={"AQI_SERVER_PORT": "1"})
    assert (ran.code, ran.out) == (2, b"")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_reply_is_exit_code_3_and_leaves_no_file(name: str, tmp_path: Path) -> None:
    async with scripted(saying(BROKEN[name])) as port:
        ran = await command("--port", str(port), FOUND, cwd=tmp_path)
    assert (ran.code, ran.out) == (3, b"")
    assert len(ran.err.splitlines()) == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("reply", "code"),
    [(b"Unavailable: no table", 3), (b"Bad request: no", 2), (b"Item not found", 1)],
)
async def test_error_replies_have_their_exit_codes(reply: bytes, code: int, tmp_path: Path) -> None:
    async with scripted(saying(encode(reply))) as port:
        ran = await command("--port", str(port), FOUND, cwd=tmp_path)
    assert (ran.code, ran.err) == (code, f"aqi-client: {FOUND}: {reply.decode()}\n")
    assert files(tmp_path) == {}


async def test_after_an_unavailable_record_the_others_are_still_asked_for(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "500", FOUND, "3", cwd=tmp_path)
    assert (ran.code, ran.out) == (3, CSV)


async def test_no_connection_and_no_answer_are_exit_code_3(tmp_path: Path) -> None:
    ran = await command(FOUND, "--port", "1", cwd=tmp_path)
    assert (ran.code, ran.err) == (3, "aqi-client: no connection to 127.0.0.1:1: Connection refused\n")
    async with scripted(silent) as port:
        ran = await command("--port", str(port), "--timeout", "0.1", FOUND, cwd=tmp_path)
    assert (ran.code, ran.err) == (3, f"aqi-client: 127.0.0.1:{port} did not answer in 0.1 s\n")


async def test_a_servers_control_characters_reach_no_terminal(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(*there, "400", cwd=tmp_path)
    assert ran.err == "aqi-client: 400: Bad request: \\x1b[31mno\n"


async def test_a_symlink_under_the_files_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / f"data_{FOUND}.csv").symlink_to(tmp_path / "precious")
    async with at_table() as there:
        assert (await command(*there, FOUND, cwd=tmp_path)).code == 0
    assert (tmp_path / "precious").read_text() == "kept"
    assert not (tmp_path / f"data_{FOUND}.csv").is_symlink()
    assert (tmp_path / f"data_{FOUND}.csv").read_bytes() == CSV


async def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(tmp_path: Path) -> None:
    async with at_table() as there:
        ran = await command(
            *there, FOUND, cwd=tmp_path, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
        )
    assert (ran.code, ran.out) == (3, CSV)
    assert ran.err == f"aqi-client: data_{FOUND}.csv cannot be written: File too large\n"
    assert files(tmp_path) == {}


async def test_nobody_reading_standard_output_ends_the_command_quietly(tmp_path: Path) -> None:
    async with at_table() as there:
        for arguments in ([FOUND, "2", "3"], [FOUND, "2", "--no-save"], ["--help"]):
            read_end, write_end = os.pipe()
            os.close(read_end)
            ran = await command(*there, *arguments, cwd=tmp_path, out=write_end)
            os.close(write_end)
            assert (ran.code, ran.err.replace(" ", "")[:13]) in [(0, ""), (1, "aqi-client:3:")]
    assert (tmp_path / f"data_{FOUND}.csv").read_bytes() == CSV


async def test_a_standard_output_that_is_full_is_a_sentence(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    async with at_table() as there:
        ran = await command(*there, FOUND, "--no-save", cwd=tmp_path, out=full)
    os.close(full)
    assert (ran.code, ran.err) == (
        3,
        "aqi-client: standard output cannot be written: No space left on device\n",
    )


async def test_a_standard_error_that_is_full_or_closed_leaves_the_exit_code(tmp_path: Path) -> None:
    for arguments, code in ((["--no-such"], 2), (["--port", "1", "5"], 3)):
        for stderr in ("2>/dev/full", "2>&-"):
            words = (sys.executable, "-m", "aqi_service.client", *arguments)
            line = f"{shlex.join(words)} {stderr}"
            process = await asyncio.create_subprocess_shell(line, cwd=tmp_path, env=environment())
            assert await process.wait() == code, line


def hear_interrupts() -> None:
    """Begin as in a terminal; a suite that runs in the background may itself have SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_an_interrupt_is_exit_code_130_without_a_word(tmp_path: Path) -> None:
    connected = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        connected.set()
        await peer.rest()

    async with scripted(talk) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "aqi_service.client", "--port", str(port), FOUND, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear_interrupts,
        )  # fmt: skip
        await connected.wait()
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 130
