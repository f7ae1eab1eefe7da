"""Days of daily files loaded by four workers that are killed: the table of another way of reading."""

import asyncio
import re
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.doubles.day_files import reference, write_days
from tests.doubles.program import ran, running

DAYS = [f"2023-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 11)]
SENSORS = 6
WORKERS = 4
USABLE = re.compile(r"[0-9]+(\.[0-9]+)?")

Row = tuple[str, str | None, str | None, str | None, str | None]
"""An id, PM2.5 and PM10, and in how many hours there is one."""


def expected(written: dict[str, list[bytes]]) -> set[Row]:
    """Say what is in the table, by a way of reading that shares no code with the program."""

    def usable(text: str) -> bool:
        return USABLE.fullmatch(text) is not None

    rows = set[Row]()
    for record_id, files in written.items():
        pm25, hours25 = reference(files, "P2", usable)
        pm10, hours10 = reference(files, "P1", usable)
        if pm25 or pm10:
            rows.add((record_id, pm25, pm10, str(hours25), str(hours10)))
    return rows


def stored(folder: Path) -> set[Row]:
    with closing(sqlite3.connect(folder / "air_quality.db")) as table:
        found = table.execute("SELECT CAST(id AS TEXT), pm25, pm10, hours_p25, hours_p10 FROM items")
        return set(found.fetchall())


async def worker(number: int, cwd: Path) -> Sequence[str]:
    """Load a share; be killed behind the first report, and again behind the second; then go on to the end."""
    options = ("--load-only", "--local", "d", "days", "--shard", f"{number}/{WORKERS}")
    for killed_behind in (1, 2):
        async with running(*options, cwd=cwd) as program:
            await program.report(killed_behind)
            program.tell(signal.SIGKILL)
            await program.ended()
    done = await ran(*options, cwd=cwd)
    assert done.code == 0, done.err
    return [report["status"] for report in done.reports]


async def test_four_workers_that_are_killed_make_the_table_of_another_way_of_reading(tmp_path: Path) -> None:
    written = write_days(tmp_path / "days", DAYS, SENSORS)
    wanted = expected(written)
    assert 60 < len(wanted) < len(written)
    shares = await asyncio.gather(*(worker(number, tmp_path) for number in range(WORKERS)))
    assert [len(share) for share in shares] == [len(DAYS) // WORKERS] * WORKERS
    assert {status for share in shares for status in share} == {"complete", "unchanged"}
    assert stored(tmp_path / "d") == wanted
    again = await ran("--load-only", "--local", "d", "days", cwd=tmp_path)
    assert {report["status"] for report in again.reports} == {"unchanged"}
