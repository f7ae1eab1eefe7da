"""What is printed while nobody reads it: lookups, loads and the end go on; what is lost is counted."""

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aqi_service.app import output
from aqi_service.app.output import OutputQueue, QueuedStream
from aqi_service.core.frames import HEADER
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.patience import patience
from tests.doubles.program import CAPTURE, RECORD, Running, environment, ran, running
from tests.doubles.unread import full_pipe

SERVING = ("--serve-only", "--local", "d", "--port", "0", "--http-port", "0")
MALFORMED = b"+5".ljust(HEADER)


@asynccontextmanager
async def unread(folder: Path) -> AsyncIterator[Running]:
    """Run a daemon of which nobody reads stderr once it listens, and whose pipe is full."""
    done = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=folder)
    assert done.code == 0, done.err
    async with running(*SERVING, cwd=folder, unread=True, fresh=True) as program:
        await program.port("tcp")
        await program.port("http")
        program.stop_reading()
        yield program


async def malformed(port: int, number: int) -> None:
    """Have so many clients break the protocol, each of which the daemon may log."""
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(MALFORMED)
        assert b"Bad request" in await reader.read()
        writer.close()


async def lines_dropped(program: Running) -> int:
    _, page = await program.page("/metrics")
    [line] = [line for line in page.splitlines() if line.startswith("aqi_log_lines_dropped_total ")]
    return int(float(line.split()[1]))


async def test_a_daemon_whose_stderr_nobody_reads_answers_and_ends_in_order(tmp_path: Path) -> None:
    async with unread(tmp_path) as program:
        await malformed(await program.port("tcp"), 100)
        assert (await program.ask(RECORD.encode()))[0].startswith(b"id,")
        assert (await program.page("/healthz"))[0] == 200
        program.tell()
        assert await program.ended() == 0  # the last resort, after 9.5 s, would make it 1


async def test_a_second_signal_ends_a_daemon_whose_stderr_nobody_reads_at_once(tmp_path: Path) -> None:
    async with unread(tmp_path) as program:
        _, writer = await asyncio.open_connection("127.0.0.1", await program.port("tcp"))
        writer.write(b"3")  # half a frame, for which the first signal waits
        assert (await program.page("/healthz"))[0] == 200
        program.tell()
        program.tell(signal.SIGINT)
        assert await program.ended() == 1
        writer.close()


async def test_what_nobody_reads_is_dropped_counted_and_told_of_once_somebody_does(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(Path.cwd())}
    (tmp_path / "tight.py").write_text(
        "import sys\nfrom aqi_service.app import output\noutput.OutputQueue.__init__.__defaults__ = (2000,)\n"
        "from aqi_service.cli import main\nsys.exit(main())\n"
    )
    done = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=tmp_path)
    assert done.code == 0, done.err
    async with running(*SERVING, cwd=tmp_path, unread=True, module="tight", env=env) as program:
        port = await program.port("tcp")
        await program.port("http")
        program.stop_reading()
        async with patience():
            while not await lines_dropped(program):
                await malformed(port, 1)
                program.tell(signal.SIGHUP)  # a line each
        program.read_on()
        async with patience():
            while not any("log_lines_dropped count=" in line for line in program.err):
                program.tell(signal.SIGHUP)
                await program.page("/healthz")
        program.tell()
        assert await program.ended() == 0


async def test_a_load_waits_for_a_slow_reader_of_its_reports_and_loses_none(tmp_path: Path) -> None:
    number = 60
    for each in range(number):
        (tmp_path / f"data_20_12_23_18_{each:02}.json").write_bytes(document(each))
    names = [f"--from=data_20_12_23_18_{each:02}.json" for each in range(number)]
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service", "--load-only", "--local", "d", *names,
        cwd=tmp_path, env=environment(), stdout=theirs, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    with os.fdopen(ours, "rb") as stdout:
        shown = await asyncio.to_thread(_slowly, stdout)
    async with patience():
        assert await process.wait() == 0
    assert shown.count(b'{"status":"complete"') == number


def _slowly(stdout: io.BufferedReader) -> bytes:
    """Read so little at a time that a pipe of any size is full now and then."""
    taken = bytearray()
    while data := os.read(stdout.fileno(), 500):
        taken += data
        time.sleep(0.002)
    return bytes(taken)


async def test_a_load_whose_report_nobody_reads_waits_until_it_is_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "data_20_12_23_18_00.json").write_bytes(document(1))
    ours, theirs = full_pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service", "--load-only", "--local", "d", "--from",
        "data_20_12_23_18_00.json", cwd=tmp_path, env=environment(), stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    async with patience():
        manifests = tmp_path / "d" / "manifests"
        while not list(manifests.rglob("data_*.json")):  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    os.close(ours)
    assert process.returncode == 1
    assert b"interrupted" in err


async def test_a_daemon_whose_reports_nobody_reads_goes_on_loading(tmp_path: Path) -> None:
    ours, theirs = full_pipe(blocking=False)
    async with feed_server(*((answer(document(number)),) for number in range(4))) as feed:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "aqi_service", "--local", "d", "--port", "0", "--no-http",
            "--interval", "1", "--feed-url", feed.url(), cwd=tmp_path, env=environment(), stdout=theirs,
            stderr=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        os.close(theirs)
        assert process.stderr
        async with patience():
            loaded = 0
            while loaded < 3:
                loaded += b" loaded status=complete" in await process.stderr.readline()
            process.terminate()
            await process.stderr.read()
            assert await process.wait() == 0
    os.close(ours)


class Held(io.StringIO):
    """A stream of which nobody reads until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.read_fd, self.write_fd = os.pipe()

    def write(self, text: str) -> int:
        os.read(self.read_fd, 1)
        return super().write(text)

    def let_go(self, texts: int) -> None:
        os.write(self.write_fd, b"x" * texts)

    def close(self) -> None:
        super().close()
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def held() -> Iterator[Held]:
    stream = Held()
    yield stream
    stream.let_go(100)
    stream.close()


def queued(stream: io.StringIO, most: int) -> QueuedStream:
    queue = OutputQueue(most)
    queue.start()
    return QueuedStream(stream, queue)


def test_lines_come_out_in_their_order_and_those_without_room_are_counted(held: Held) -> None:
    stream = queued(held, 40)
    for number in range(10):
        stream.write(f"line {number}\n")
    assert stream.queue.dropped == 5
    held.let_go(5)
    assert stream.queue.stop(time.monotonic() + 60)
    assert held.getvalue() == "".join(f"line {number}\n" for number in range(5))


def test_a_text_longer_than_the_queue_is_taken_where_nothing_else_waits() -> None:
    taken = io.StringIO()
    stream = queued(taken, 10)
    stream.write("x" * 100 + "\n")
    assert stream.queue.stop(time.monotonic() + 60)
    assert (taken.getvalue(), stream.queue.dropped) == ("x" * 100 + "\n", 0)


def test_what_is_no_whole_line_waits_for_its_end_or_for_a_flush() -> None:
    taken = io.StringIO()
    stream = queued(taken, 100)
    print("a", "b", file=stream)
    stream.write("begun")
    stream.write(" text")
    stream.flush()
    stream.write("lost")
    assert stream.queue.stop(time.monotonic() + 60)
    assert taken.getvalue() == "a b\nbegun text"


@pytest.mark.parametrize("one_file", [True, False])
def test_stdout_and_stderr_keep_their_order_where_they_are_one_file(
    one_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", out if one_file else err)
        output.begin()
        for number in range(1000):
            print(number, file=(sys.stdout, sys.stderr)[number % 2])
        output.end(60)
        assert (sys.stdout, sys.stderr) == (out, out if one_file else err)
    shown = [int(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert shown == (list(range(1000)) if one_file else list(range(0, 1000, 2)))
