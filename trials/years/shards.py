"""Workers on one folder of daily files, one table and one export, killed and started again; then once more.

One rule: whoever is killed is started again with the same command, as an array job does it.
"""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.doubles.delivery_reference import Row
from tests.doubles.program import Running, running
from trials.years import questions, reference
from trials.years.archive import Written, write_year
from trials.years.plan import Plan
from trials.years.questions import Answer

LONG = 3600.0
"""Seconds after which a worker is taken for hanging."""

TRIES = 20
"""How often a worker is started that is to be killed: it may be through before the signal comes."""

LOAD = ("--load-only", "--local", "table", "days")
EXPORT = ("--export", "air/")


@dataclass
class Outcome:
    """What a trial came to.

    Attributes:
        wanted: the rows that the table is to have, by id, as the reference has them.
        table: those of SQLite; `export` the newest of each id in the Parquet files, as DuckDB reads them.
        files: of the export, without the hidden ones, with the snapshot that each says it has.
        hidden: files that were begun.
        reports: of each shard's last life; `again` of the second run, which exports nothing.
        changed: files that the second run wrote.
        codes: how each shard ended at last.
        kills: how many were killed before they ended.
        answers: to the question, of DuckDB, of SQLite and of the reference.
        seconds: how long each part took.
    """

    plan: Plan
    written: Written
    wanted: dict[str, Row] = field(default_factory=dict)
    table: dict[str, Row] = field(default_factory=dict)
    export: dict[str, Row] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    reports: list[list[dict[str, Any]]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    kills: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part takes."""
        begun = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - begun


async def years(plan: Plan, folder: Path) -> Outcome:
    """Carry a plan out."""
    begun = time.monotonic()
    outcome = Outcome(plan, await asyncio.to_thread(write_year, folder / "days", plan))
    outcome.seconds["files"] = time.monotonic() - begun
    with outcome.timed("shards"):
        await asyncio.gather(*(_shard(outcome, number, folder) for number in range(plan.size.shards)))
    with outcome.timed("again"):
        await _again(outcome, folder)
    _look(outcome, folder)
    return outcome


async def _shard(outcome: Outcome, number: int, folder: Path) -> None:
    """Load a share and export it; be killed, and begin anew, as often as the plan says."""
    options = (*LOAD, *EXPORT, "--shard", f"{number}/{outcome.plan.size.shards}")
    for behind in outcome.plan.kills[number]:
        for _ in range(TRIES):
            async with running(*options, cwd=folder) as worker:
                await worker.report(behind, LONG)
                worker.tell(signal.SIGKILL)
                was_killed = await worker.ended() < 0
            if was_killed:
                outcome.kills += 1
                break
    async with running(*options, cwd=folder) as worker:
        outcome.codes[number] = await _ended(worker)
    outcome.reports.append(_reports(worker))


async def _again(outcome: Outcome, folder: Path) -> None:
    """Load all of it once more, by one worker and without an export."""
    before = _times(folder)
    async with running(*LOAD, cwd=folder) as worker:
        outcome.codes[outcome.plan.size.shards] = await _ended(worker)
    outcome.again = _reports(worker)
    after = _times(folder)
    outcome.changed = [name for name in after if before.get(name) != after[name]]


def _reports(worker: Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in worker.out if line.endswith("}")]


async def _ended(worker: Running) -> int:
    """Wait for the end of a worker, and of all that it wrote; give its exit code."""
    async with asyncio.timeout(LONG):
        code: int = await worker.process.wait()
        await worker.closed()
    return code


def _times(folder: Path) -> dict[str, int]:
    """Give all files but SQLite's own, which a reader may touch, with the times of their last change."""
    found = (path for path in folder.rglob("*") if path.is_file() and "air_quality.db" not in path.name)
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


def _look(outcome: Outcome, folder: Path) -> None:
    """Take down what there is, and ask the question."""
    written, export = outcome.written, folder / "air"
    with outcome.timed("reference"):
        outcome.wanted = reference.rows_of(folder / "days", written.taken, written.snapshot)
    outcome.answers["reference"] = questions.of_rows(outcome.wanted.values())
    with outcome.timed("SQLite"):
        outcome.answers["SQLite"] = questions.of_sqlite(folder / "table")
    with outcome.timed("DuckDB"):
        outcome.answers["DuckDB"] = questions.of_duckdb(folder)
    outcome.table = questions.rows_of_sqlite(folder / "table")
    outcome.export = questions.rows_of_duckdb(folder)
    names = [path for path in export.rglob("*") if path.is_file()]
    outcome.hidden = [path.name for path in names if path.name.startswith(".")]
    shown = [path for path in names if not path.name.startswith(".")]
    outcome.files = {str(path.relative_to(export)): questions.snapshot_of(path) for path in shown}
