"""The client before servers that break off, drip or say nothing, and folders that play tricks."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aqi_service.client import Client
from aqi_service.core.frames import encode, encode_header
from aqi_service.errors import ServerGone
from tests.doubles.client_command import at_table, command, files
from tests.doubles.wire_fixtures import CSV, FOUND, Peer, by_jumps, saying, scripted, serving, silent

REPLY = encode(CSV)


async def error_of(talk: Callable[[Peer], Awaitable[None]]) -> tuple[str, float]:
    """Ask a server; give the sentence with which that fails, and the seconds that it took."""
    clock = asyncio.get_running_loop().time
    async with scripted(talk) as port, Client("127.0.0.1", port) as client:
        begun = clock()
        with pytest.raises(ServerGone, match=r"^[ -~]+$") as raised:
            await client.lookup(FOUND)
        return str(raised.value), clock() - begun


async def test_a_reply_that_is_closed_at_any_byte_is_an_error_that_says_where() -> None:
    for end in range(len(REPLY)):
        sentence, _ = await error_of(saying(REPLY[:end]))
        where = "inside a reply" if end else "without a reply"
        hint = " (if it serves TLS: --tls)" if where == "without a reply" else ""
        assert sentence.endswith(f"closed the connection {where}{hint}"), end


@pytest.mark.parametrize(
    "header",
    [
        b"+5".ljust(64), b"-0".ljust(64), b"5\n".ljust(64), b"1_000".ljust(64), b"0x10".ljust(64), b" " * 64,
        b"5" + b"\0" * 63, "\u0665".encode().ljust(64), b"5 5".ljust(64), b" 5".ljust(64), b"5\t".ljust(64),
        b"9" * 64, b"1".ljust(64, b"0"), b"1".ljust(20, b"0"), encode_header(10**19 - 1),
        encode_header(2**22 + 1), b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x03\x00\x02\x02\x28",
        b"Item not fOund", b"220 smtp\r\n",
    ],
)  # fmt: skip
async def test_a_header_that_is_no_length_or_too_long_a_one_is_refused_before_a_byte_of_its_payload(
    header: bytes,
) -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        await peer.send(header)
        await peer.rest()  # nothing more comes, and the connection stays open

    sentence, _ = await error_of(talk)
    assert "sent a broken reply: " in sentence


@by_jumps
async def test_a_reply_has_30_s_from_its_request_however_it_drips() -> None:
    async def drip(peer: Peer) -> None:
        for byte in REPLY:
            await peer.send(bytes([byte]))
            await asyncio.sleep(7)

    for talk in (silent, drip):
        sentence, seconds = await error_of(talk)
        while "took no connection" in sentence:  # the clock jumped while a busy machine connected
            sentence, seconds = await error_of(talk)
        assert sentence.endswith("did not answer in 30 s")
        assert 30 <= seconds < 32


@by_jumps
async def test_connecting_has_10_s() -> None:
    clock = asyncio.get_running_loop().time
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # takes the one place of the queue
            begun = clock()
            with pytest.raises(ServerGone, match=r"took no connection in 10 s"):
                async with Client("127.0.0.1", full.getsockname()[1]):
                    pass
            assert 10 <= clock() - begun < 12


async def test_of_two_replies_of_which_the_second_is_cut_the_first_is_kept_whole(tmp_path: Path) -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.readexactly(64)
        await peer.send(REPLY + REPLY[:-1])
        peer.writer.write_eof()
        await peer.rest()

    async with scripted(talk) as port:
        ran = await command("--port", str(port), FOUND, "2", cwd=tmp_path)
    assert (ran.code, ran.out) == (3, CSV)
    assert ran.err == f"aqi-client: 127.0.0.1:{port} closed the connection inside a reply\n"
    assert files(tmp_path) == {f"data_{FOUND}.csv": CSV}


@pytest.mark.parametrize("line", ["../../x", "/etc/x", "1" * 300, "data_1.csv", "1/../2"])
async def test_a_path_on_standard_input_is_never_sent_and_names_no_file(line: str, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(payload: bytes) -> bytes:
        asked.append(payload)
        return CSV

    async with serving(answer) as served:
        ran = await command(
            *("--port", str(served.port), "-", "--output-dir", "."),
            cwd=tmp_path,
            stdin=f"{FOUND}\n{line}\n".encode(),
        )
    assert (ran.code, ran.out, asked) == (2, CSV, [FOUND.encode()])
    assert "is no record id" in ran.err
    assert files(tmp_path) == {f"data_{FOUND}.csv": CSV}


async def test_a_link_that_leads_nowhere_is_replaced_too_and_the_folder_itself_may_be_a_link(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    (tmp_path / "real" / f"data_{FOUND}.csv").symlink_to(tmp_path / "nowhere")
    async with at_table() as there:
        ran = await command(*there, FOUND, "--output-dir", "out", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert files(tmp_path / "real") == {f"data_{FOUND}.csv": CSV}
    assert not (tmp_path / "real" / f"data_{FOUND}.csv").is_symlink()
    assert not (tmp_path / "nowhere").exists()


async def test_without_a_standard_output_or_error_files_are_saved_all_the_same(tmp_path: Path) -> None:
    def without_streams() -> None:
        os.close(1)
        os.close(2)

    async with at_table() as there:
        ran = await command(*there, FOUND, "3", cwd=tmp_path, preexec=without_streams)
    assert (ran.code, ran.out, ran.err) == (1, b"", "")
    assert files(tmp_path) == {f"data_{FOUND}.csv": CSV}
