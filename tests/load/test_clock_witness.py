"""Where no second clock tells that ours is wrong: what a few records, or records ahead of it, can do.

One rule: the wall clock is one that the test sets; feeds are real servers that do not say what time it is.
"""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.app import load_only as once
from aqi_service.core.snapshot_names import latest_key
from aqi_service.core.times import DAY
from aqi_service.shutdown import Stop
from tests.doubles.config import config
from tests.doubles.documents import document_of
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import records, run, written
from tests.doubles.local_helpers import stored
from tests.doubles.storage_doubles import in_memory

NOW = 1_829_325_665.0
"""2027-12-20T18:01:05Z, by a clock that is right."""

HOUR = 3600.0
AHEAD = NOW + 60 * DAY


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The wall clock of everything in this process."""
    clock = HandClock(NOW)
    monkeypatch.setattr(time, "time", clock)
    return clock


def some(ids: range, measured: float) -> list[dict[str, Any]]:
    """Make records of that time."""
    return records(ids, timestamp=time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(measured)))


class Machine:
    """A folder that `--load-only` fills, and its clock."""

    def __init__(self, folder: Path, wall: HandClock) -> None:
        self.folder, self.wall = folder, wall

    async def load(self, body: bytes, at: float, **changes: Any) -> int:
        """Load by a clock that shows that; give the exit code."""
        self.wall.now = at
        usual: Any = {
            "load_only": True,
            "local": self.folder,
            "keep_days": 30,
            "ttl_days": 30,
            "table": "table",
        }
        async with feed_server((answer(body),)) as feed:
            return await once.run(config(**usual | {"feed_url": feed.url()} | changes), Stop())

    async def fill(self) -> None:
        """Load 80 records a day for six days, by a clock that is right."""
        for days in range(5, -1, -1):
            made = some(range(days * 100, days * 100 + 80), NOW - days * DAY - HOUR)
            assert await self.load(document_of(*made), NOW - days * DAY) == 0

    def there(self) -> tuple[int, int]:
        """Count snapshots and rows."""
        return len(list(self.folder.glob("snapshots/data_*.json.gz"))), stored(self.folder)

    @property
    def latest(self) -> Path:
        return self.folder / latest_key("table")


@pytest.fixture
async def machine(tmp_path: Path, wall: HandClock) -> Machine:
    """A machine with six snapshots and 480 rows."""
    made = Machine(tmp_path, wall)
    await made.fill()
    assert made.there() == (6, 480)
    return made


@pytest.mark.parametrize(("right", "wrong"), [(79, 1), (72, 8), (0, 1), (0, 9), (1, 38)])
@pytest.mark.parametrize("live", [True, False])
async def test_by_a_clock_60_days_ahead_some_records_that_are_dated_so_delete_nothing_however_often_they_come(
    right: int, wrong: int, live: bool, machine: Machine
) -> None:
    for number in range(3):
        ids = range(1000 * (number + 1), 1000 * (number + 1) + right)
        now = AHEAD + number * HOUR
        made = some(ids, NOW - HOUR) + some(range(ids.stop, ids.stop + wrong), now - HOUR)
        body = document_of(*made)
        file = () if live else (str(written(machine.folder, body, f"feed{number}.json")),)
        assert await machine.load(body, now, sources=file) == 0
    assert machine.there() == (9, 480 + 3 * (right + wrong))


async def test_what_is_old_beside_nearly_all_records_is_deleted_as_ever(machine: Machine) -> None:
    await machine.load(document_of(*some(range(1000, 1080), AHEAD - HOUR)), AHEAD)
    assert machine.there() == (1, 80)


async def test_as_long_as_a_version_without_witness_wrote_the_latest_nothing_is_deleted_and_then_as_ever(
    machine: Machine,
) -> None:
    told = orjson.loads(machine.latest.read_bytes())
    del told["witness"]
    told["newest"] = "2028-02-18T17:00:00"  # one record of many, by a clock that was wrong
    machine.latest.write_bytes(orjson.dumps(told))
    assert await machine.load(b"no feed", AHEAD) == 1
    assert machine.there() == (6, 480)
    assert await machine.load(document_of(*some(range(1000, 1001), AHEAD + 60 * DAY)), AHEAD + 60 * DAY) == 0
    assert machine.there() == (7, 481)
    assert await machine.load(document_of(*some(range(2000, 2080), AHEAD + 60 * DAY)), AHEAD + 61 * DAY) == 0
    assert machine.there() == (2, 81)


@pytest.mark.parametrize(("right", "ahead"), [(0, 1), (0, 80), (39, 41)])
async def test_a_clock_two_days_behind_finishes_no_load_of_records_ahead_of_it_and_once_it_is_right_it_does(
    right: int, ahead: int, tmp_path: Path, wall: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path, wall)
    made = some(range(right), NOW - 3 * DAY) + some(range(right, right + ahead), NOW - HOUR)
    body = document_of(*made)
    for late in range(2):
        assert await machine.load(body, NOW - 2 * DAY + late * HOUR) == 1
        report = orjson.loads(capsys.readouterr().out)
        assert (report["status"], report["snapshot"]) == ("failed", None)
        assert report["error"].startswith("clock_off: this machine's clock says 2027-12-18T1")
        assert f"{ahead} of {right + ahead} records are over a day ahead" in report["error"]
        assert report["records"] == right + ahead
    assert not machine.latest.exists()
    assert await machine.load(body, NOW) == 0
    assert machine.there() == (1, right + ahead)


@pytest.mark.parametrize("named", ["feed.json", "data_20_12_27_18_01.json"])
async def test_a_few_records_that_are_ahead_are_rejected_and_so_are_all_of_a_snapshot_that_has_its_own_name(
    named: str, tmp_path: Path
) -> None:
    few = some(range(2), NOW - HOUR) + some(range(2, 4), NOW + 2 * DAY)
    made = few if named == "feed.json" else few[2:]
    report = await run(written(tmp_path, document_of(*made), named), in_memory(), now=NOW)
    assert (report.status, dict(report.reasons)) == ("complete", {"bad_timestamp": 2})
