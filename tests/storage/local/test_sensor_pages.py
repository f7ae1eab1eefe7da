"""A sensor's records out of SQLite: along the index alone, and beside a load that is under way."""

from dataclasses import replace
from pathlib import Path

import pytest

from aqi_service.storage.local.sensor_pages import of_sensor
from aqi_service.storage.sensor_reads import SensorRange
from tests.doubles.local_helpers import opened, other_program
from tests.doubles.storage_items import FULL
from tests.doubles.stores import local_store

ALL = SensorRange(141, 0, 2**40)
RECORD = FULL._replace(expires_at=None)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("position", [None, (1_703_091_600, 5)])
async def test_a_page_walks_the_index_and_sorts_nothing(
    tmp_path: Path, newest_first: bool, position: tuple[int, int] | None
) -> None:
    async with local_store(tmp_path):
        pass
    asked = replace(ALL, newest_first=newest_first)
    statement, values = of_sensor(asked, 0.0, position)
    with other_program(tmp_path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    [step] = [row[3] for row in plan]
    assert "USING INDEX items_by_sensor (sensor_id=? AND measured_at>? AND measured_at<?)" in step


async def test_a_page_does_not_wait_for_a_load_and_has_what_was_complete(tmp_path: Path) -> None:
    async with local_store(tmp_path) as store:
        await store.put([RECORD], conditional=False)
        with other_program(tmp_path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE items SET measured_at = 7")
            assert (await store.sensor_page(ALL, 0.0)).items == [RECORD]
            connection.rollback()


async def test_a_replica_reads_pages_of_a_file_that_it_may_not_write(tmp_path: Path) -> None:
    async with local_store(tmp_path) as store, opened(tmp_path, read_only=True) as replica:
        await store.put([RECORD], conditional=False)
        assert (await replica.sensor_page(ALL, 0.0)).items == [RECORD]
