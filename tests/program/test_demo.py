"""`make demo`: a person's first minute, offline, and what is left of it afterwards."""

import asyncio
import os
import re
import signal
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import aqi_service
from aqi_service.core.csv_reply import HEADER_LINE, csv_reply
from aqi_service.demo import CAVEAT, RECORDS, main, what_next
from aqi_service.storage.local.store import LocalStore
from tests import ROOT
from tests.doubles.program import Running, ran, running

HEADER = HEADER_LINE.rstrip()
CUT = 3
WHERE = Path(str(aqi_service.__file__)).resolve().parent.parent
"""Where the program lies: an installed one has no Makefile there."""


def temporary(folder: Path) -> dict[str, str]:
    """Give variables that lead temporary files into a folder, and some of a user's own."""
    return {"TMPDIR": str(folder), "AQI_NO_HTTP": "1", "AQI_SCALE": "us-epa", "AQI_HOST": "192.0.2.1"}


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def asked(url: str) -> bytes:
    with urllib.request.urlopen(url) as page:  # noqa: S310  # of the demo's own server
        text: bytes = page.read()
    return text


def children(program: Running) -> list[int]:
    pid = program.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_loads_serves_looks_up_and_says_what_it_means_and_what_comes_next(tmp_path: Path) -> None:
    done = await ran(cwd=tmp_path, env=temporary(tmp_path), module="aqi_service.demo")
    assert done.code == 0
    lines = done.out.splitlines()
    at = lines.index(HEADER)
    assert [row.split(",")[0] for row in lines[at + 1 : at + 4]] == list(RECORDS)
    assert lines[at + 4] == ""
    assert [line.split()[:1] for line in lines if re.match(r"(1118|649|2912) ", line)] == [
        ["1118"],
        ["649"],
        ["2912"],
    ]
    assert re.search(r"^ +3 +62 +1 +1\.85 ", done.out, re.MULTILINE)
    assert '"status":"complete"' in done.out
    assert f"\n{CAVEAT}\n\nNext: " in done.out
    assert lines[-1] == what_next(WHERE).splitlines()[-1]
    assert "\naqi_service " in f"\n{done.err}"
    assert "for instance: " not in done.err  # a command for the default port, where nobody listens
    assert left(tmp_path) == []


def test_who_has_installed_it_alone_is_told_no_command_of_the_tree(tmp_path: Path) -> None:
    assert what_next(ROOT).endswith("\nsee it on a map: make map")
    told = what_next(tmp_path)
    assert "make " not in told
    assert re.findall(r"-m (aqi_service\S*) (--\S+)", told)[-1] == ("aqi_service.demo", "--serve")
    assert re.search(r"^Next: \S.* --local \./data ", told)


async def stored(folder: Path) -> list[str]:
    """Read the demo's records out of its store: the rows that a lookup gives."""
    store = LocalStore(folder, read_only=True)
    try:
        items = [await store.get(record_id) for record_id in RECORDS]
        return [csv_reply(item).decode().splitlines()[1] for item in items if item]
    finally:
        await store.close()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Running]:
    """Run the demo with --serve, until the address of its map is there."""
    async with running("--serve", cwd=folder, env=temporary(folder), module="aqi_service.demo") as demo:
        await demo.line("^http://")
        yield demo


async def test_with_serve_it_shows_its_store_s_rows_prints_its_address_last_and_ends_with_nothing_left(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as demo:
        address = await demo.line(r"^http://127\.0\.0\.1:(\d+)/$")
        ask = await demo.line(rf"python -m aqi_service\.client --port (\d+) {RECORDS[0]}$")
        assert demo.out[-1] == address.string
        folder = Path((await demo.line(r"^1\. .* into (\S+)$"))[1])
        rows = await stored(folder)
        at = demo.out.index(HEADER)
        assert demo.out[at + 1 : at + 4] == rows
        assert [row.rpartition(",")[2] for row in rows] == ["Low", "Medium", "Very High"]  # the default scale
        assert b"<title>Air map" in await asyncio.to_thread(asked, address[0])
        done = await ran("--no-save", "--port", ask[1], RECORDS[0], cwd=tmp_path, module="aqi_service.client")
        assert done.code == 0
        await cut_off(int(ask[1]))
        await demo.line("connection_cut peer=.* reason=malformed", CUT)  # passed on: nothing holds it up
        [server] = children(demo)
        demo.tell(signal.SIGINT)
        assert await demo.ended() == 0
        assert not is_alive(server)
    assert left(tmp_path) == []


async def cut_off(port: int) -> None:
    """Have the server complain of CUT peers."""
    for _ in range(CUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01")
        assert re.search(rb"Bad request: ", await reader.read())
        writer.close()


async def test_its_server_ends_also_when_it_is_killed_outright(tmp_path: Path) -> None:
    async with serving(tmp_path) as demo:
        assert len(children(demo)) == 1
        demo.tell(signal.SIGKILL)
        await demo.ended()
        assert await demo.closed()  # its server had the same stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("options", "code"), [((), 130), (("--serve",), 0)])
async def test_each_signal_ends_it_and_in_its_first_step_leaves_nothing_either(
    number: int, options: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    env = temporary(tmp_path)
    async with running(*options, cwd=tmp_path, env=env, module="aqi_service.demo") as demo:
        await demo.line(r"^1\. Load")
        demo.tell(number)
        assert await demo.ended() == code
    assert left(tmp_path) == []


def test_a_step_that_fails_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("aqi_service.demo.CAPTURE", "SOURCES.md")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert main([]) == 1


def test_no_temporary_folder_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert main([]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("demo: [Errno 2] No such file or directory: ")
