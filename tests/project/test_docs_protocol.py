"""What docs/protocol.md shows of the wire, byte for byte: every request with its reply, and a client."""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqi_service.core.frames import DISCONNECT, encode
from aqi_service.core.request_words import KINDS
from tests import ROOT
from tests.doubles.api_world import capture_on_wire
from tests.doubles.patience import patience

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^`([^`]+)`\n\n((?:```text\n0000.*?^```\n\n?)+)", PAGE, re.MULTILINE | re.DOTALL)
CLIENT = re.findall(r"^```perl\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MOST_LINES = 15

needs_perl = pytest.mark.skipif(
    not shutil.which("perl") and not os.environ.get("CI"), reason="there is no perl (part of Debian's base)"
)


def hexdump(data: bytes) -> Iterator[str]:
    """Give the lines of `hexdump -C`: of lines that are alike the first, and `*` for the others."""
    last, starred = b"", False
    for start in range(0, len(data), 16):
        line = data[start : start + 16]
        if line != last:
            digits = "  ".join(" ".join(f"{byte:02x}" for byte in half) for half in (line[:8], line[8:]))
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
            yield f"{start:08x}  {digits:<48}  |{text}|"
        elif not starred:
            yield "*"
        starred = line == last
        last = line
    yield f"{len(data):08x}"


async def exchange(port: int, request: bytes) -> bytes:
    """Send a request and the word of leave; give every byte that comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request + encode(DISCONNECT))
    received = await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize(("request_", "shown"), SHOWN, ids=[request for request, _ in SHOWN])
async def test_a_request_and_its_reply_are_the_bytes_that_are_shown(request_: str, shown: str) -> None:
    asked, *replies = re.findall(r"^```text\n(.*?)\n```$", shown, re.MULTILINE | re.DOTALL)
    sent = encode(request_.encode())
    assert asked == "\n".join(hexdump(sent))
    async with capture_on_wire() as port:
        received = await exchange(port, sent)
    assert replies == (["\n".join(hexdump(received))] if received else [])


def test_every_request_is_shown() -> None:
    kinds = [request.partition(" ")[0] for request, _ in SHOWN]
    assert {"250451653", *KINDS, DISCONNECT.decode()} <= set(kinds)
    for word in ("indoor", "clean", "scale"):
        assert any(f" {word}" in request for request, _ in SHOWN), word


async def perl(folder: Path, *arguments: str) -> tuple[int, bytes, bytes]:
    """Run the page's client; give exit code, stdout and stderr."""
    (folder / "ask.pl").write_text(CLIENT[0], encoding="utf-8")
    pipe = asyncio.subprocess.PIPE
    run = await asyncio.create_subprocess_exec(
        "perl", "ask.pl", *arguments, cwd=folder, stdout=pipe, stderr=pipe
    )
    async with patience():
        out, err = await run.communicate()
    return run.returncode or 0, out, err


def test_the_client_in_another_language_has_at_most_15_lines() -> None:
    [program] = CLIENT
    assert len(program.splitlines()) <= MOST_LINES


@needs_perl
@pytest.mark.parametrize(
    "request_", ["250451653", "country DE indoor", "place Zürich,CH", "area 48.78 9.18 3 scale us-epa"]
)
async def test_it_prints_what_the_server_answers(request_: str, tmp_path: Path) -> None:
    async with capture_on_wire() as port:
        frame = await exchange(port, encode(request_.encode()))
        ran = await perl(tmp_path, f"127.0.0.1:{port}", request_)
    assert ran == (0, frame[64:], b"")


@needs_perl
async def test_it_tells_an_error_reply_and_a_lost_connection_by_its_exit_code(tmp_path: Path) -> None:
    async with capture_on_wire() as port:
        assert await perl(tmp_path, f"127.0.0.1:{port}", "1") == (1, b"Item not found", b"")
        code, out, _ = await perl(tmp_path, f"127.0.0.1:{port}", "near 91 9")
        assert (code, out.partition(b":")[0]) == (1, b"Bad request")
        code, out, err = await perl(tmp_path, f"127.0.0.1:{port}", "!DISCONNECT")
        assert (code, out, err) == (2, b"", b"no reply\n")
