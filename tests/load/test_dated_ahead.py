"""What a clock ahead dated counts for nothing in a comparison: in every store, by every way of writing.

One rule: the stores go by the machine's clock, so what is ahead lies days ahead of that.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.core.times import DAY, HOUR
from aqi_service.storage.ports import Judged
from tests.doubles.documents import document_of
from tests.doubles.faults.clients import through
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.shim import Shim
from tests.doubles.load_helpers import records, run, written
from tests.doubles.load_places import Place, place
from tests.doubles.storage_items import FULL

__all__ = ["place"]  # a fixture


def document(value: str, measured: int) -> bytes:
    """Write a document of one measurement."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(measured))
    [one] = records([1], timestamp=stamp)
    return document_of(one | {"sensordatavalues": [{"value_type": "P2", "value": value}]})


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("ahead", "older", "wins"),
    [(60 * DAY, 0, True), (HOUR // 2, 0, False), (60 * DAY, HOUR, False)],
)
async def test_a_load_corrects_what_a_clock_over_an_hour_ahead_dated_and_no_newer_measurement(
    ahead: int, older: int, wins: bool, place: Place, tmp_path: Path, *, live: bool
) -> None:
    now = int(time.time())
    how: dict[str, Any] = {"table": place.table, "live": live}
    await run(written(tmp_path, document("5", now - HOUR)), place.storage, now=now + ahead, **how)
    report = await run(written(tmp_path, document("17", now - HOUR - older)), place.storage, now=now, **how)
    assert (report.fates.stored, report.fates.superseded) == (int(wins), int(not wins))
    item = (await place.items())["1"]
    assert (item["P2.5"], item["snapshot_at"] <= now) == (("17", True) if wins else ("5", False))


async def test_so_does_a_single_write_behind_a_batch_that_dynamodb_refuses(moto_endpoint: str) -> None:
    now = int(time.time())
    there, right = FULL._replace(snapshot_at=now + 60 * DAY), FULL._replace(pm25="16", snapshot_at=now)
    within = FULL._replace(id="7", snapshot_at=now + HOUR // 2)

    def again(items: Any, found: Any) -> list[Item]:
        del found
        return list(items)

    async with Shim(moto_endpoint) as shim, through(shim) as shared:
        world = shared.fresh()
        await world.make_table()
        await world.store.put([there, within], conditional=False)
        world.fail("BatchWriteItem", Refuse("ValidationException"))
        result = await world.store.put(
            [right, right._replace(id="7")],
            conditional=False,
            judged=Judged(asyncio.get_running_loop().time(), again),
        )
        assert result == (frozenset({"7"}), {})
        assert await world.store.read([FULL.id, "7"]) == {FULL.id: right, "7": within}
