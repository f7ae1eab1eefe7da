"""The progress line: on a terminal only, rewritten in place, gone at the end."""

import asyncio
import errno
import io
import os
import pty
import re
import sys
from contextlib import suppress
from pathlib import Path

from aqi_service.app.console import EVERY_SECONDS, ProgressLine
from aqi_service.core.run_progress import RunProgress
from tests.doubles.program import CAPTURE, environment


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(text: str) -> str:
    """Give what a terminal shows of one line that is rewritten."""
    line: list[str] = []
    column = 0
    for character in text:
        if character == "\r":
            column = 0
            continue
        line[column : column + 1] = [character]
        column += 1
    return "".join(line).rstrip()


def test_a_pipe_or_file_gets_nothing() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream, lambda: 5.0)
    line(1_000_000, 1000)
    line.done()
    assert stream.getvalue() == ""


def test_a_terminal_shows_bytes_records_and_rate() -> None:
    times = iter([100.0, 102.0])
    stream = Terminal()
    line = ProgressLine(stream, lambda: next(times))
    line(12_340_000, 30_000)
    assert shown(stream.getvalue()) == "12.3 MB, 30,000 records, 15,000 records/s"


def test_before_the_load_s_own_stands_how_far_a_run_of_several_has_come() -> None:
    now, stream, run = 100.0, Terminal(), RunProgress(3)
    run.load(60.0)
    line = ProgressLine(stream, lambda: now, run)
    now += 30
    line(5_000_000, 15_000, 10_000_000)
    told = "2 of 3, 1 min left  [##########          ]  50 %  5.0 MB, 15,000 records, 500 records/s"
    assert shown(stream.getvalue()) == told


def test_where_the_total_is_known_a_bar_shows_how_much_is_there() -> None:
    now, stream = 100.0, Terminal()
    line = ProgressLine(stream, lambda: now)
    for size, bar in ((0, "[                    ]   0 %"), (5, "[##########          ]  50 %"),
                      (10, "[####################] 100 %"), (11, "0.0 MB")):  # fmt: skip
        now += 1
        line(size, 1, 10)
        assert shown(stream.getvalue()).startswith(bar)


def test_the_line_is_written_over_also_by_a_shorter_one() -> None:
    now = 100.0
    stream = Terminal()
    line = ProgressLine(stream, lambda: now)
    now += 1
    line(12_340_000, 30_000_000)
    now += 1
    line(1, 1)
    assert shown(stream.getvalue()) == "0.0 MB, 1 records, 0 records/s"
    assert "\n" not in stream.getvalue()


def test_it_is_not_written_more_often_than_an_eye_can_follow() -> None:
    now = 100.0
    stream = Terminal()
    line = ProgressLine(stream, lambda: now)
    line(1, 1)
    now += EVERY_SECONDS / 2
    line(2, 2)
    now += EVERY_SECONDS
    line(3, 3)
    assert stream.getvalue().count("\r") == 2


def test_at_the_end_the_line_is_gone_and_the_cursor_at_its_start() -> None:
    stream = Terminal()
    line = ProgressLine(stream, lambda: 100.0)
    line(1_000_000, 1000)
    line.done()
    assert shown(stream.getvalue()) == ""
    assert stream.getvalue().endswith("\r")
    line.done()
    assert stream.getvalue().endswith(" \r")


def test_a_terminal_that_is_gone_costs_no_load() -> None:
    class Gone(Terminal):
        def write(self, _: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    closed = Terminal()
    closed.close()
    for stream in (Gone(), closed):
        stream.isatty = lambda: True  # type: ignore[method-assign] # a closed one would raise
        line = ProgressLine(stream, lambda: 100.0)
        line(1_000_000, 1000)
        line.done()


def all_of(terminal: int) -> str:
    """Read a terminal until nobody can write to it any more."""
    seen = bytearray()
    with open(terminal, "rb", buffering=0) as stream, suppress(OSError):  # EIO: the other end is closed
        while data := stream.read(1 << 16):
            seen += data
    return seen.decode()


async def test_the_program_shows_it_where_stderr_is_a_terminal_while_stdout_is_a_pipe(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    later = [f"data_11_08_17_{hour:02}_00.json" for hour in range(8)]
    for name in later:
        (tmp_path / name).write_bytes(b"[]")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service", "--load-only", "--local", "d", str(CAPTURE), *later,
        cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    (out, _), seen = await asyncio.gather(process.communicate(), asyncio.to_thread(all_of, ours))
    assert (process.returncode, out.count(b"\n")) == (0, 9)
    assert "\r1 of 9" in seen
    assert re.search(r"\r[2-9] of 9, \d+ s left", seen)  # none is drawn while the one before is not out yet
    assert " MB, " in seen
    assert " records/s" in seen
    *_, example, last = (shown(line) for line in seen.rstrip().split("\n"))
    assert example.startswith("3565 records, for instance: ")
    assert last.startswith("9 of 9 snapshots in ")
