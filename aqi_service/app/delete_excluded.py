"""`--delete-excluded`: deletes the table's records of sensors that are left out, then ends.

One rule: it can always be run again; with --dry-run it only counts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import random
from typing import Any

from aqi_service.app.advice import fitting_advice
from aqi_service.app.config import Config
from aqi_service.app.excluded import excluded_sensors, read_list_in_s3
from aqi_service.app.logs import say
from aqi_service.app.open import open_backend
from aqi_service.app.reports import print_facts
from aqi_service.app.startup_checks import check_table, tell_start
from aqi_service.core.schedule import full_jitter
from aqi_service.errors import MissingIndex, NotReady, Unavailable
from aqi_service.shutdown import Stop
from aqi_service.storage.ports import READ_LIMIT, Store
from aqi_service.storage.sensor_reads import PAGE_LIMIT, SensorPage, SensorRange

ALL_TIME = (0, 2**53)
BEFORE_ALL = -1.0
"""No item has expired at this time, so expired items that are still in the table are deleted too."""

TRIES, FIRST_WAIT = 7, 0.5
"""How often a page is asked for, and the upper edge of the first wait in seconds, which doubles each time."""


async def run(config: Config, stop: Stop) -> int:
    """Print for each sensor how many items it has and how many are deleted; return 0, or 1 if interrupted.

    Raises Unavailable if the table does not answer: the next run deletes the rest.
    """
    code = await stop.guard(_run(config))
    if code is None:
        say("interrupted", "aqi-service: interrupted", level=logging.WARNING)
    return 1 if code is None else code


async def _run(config: Config) -> int:
    excluded = excluded_sensors(config)
    async with open_backend(config) as backend:
        tell_start(config, backend)
        await check_table(config, backend)
        await read_list_in_s3(config, backend.snapshot_locations.objects, excluded)
        with fitting_advice(config), _naming_the_command(config):
            return await _delete_all(config, backend.storage.store, sorted(excluded.ids))


@contextmanager
def _naming_the_command(config: Config) -> Iterator[None]:
    """Name the command that adds a missing index: this one makes nothing, even with --create."""
    try:
        yield
    except MissingIndex as error:
        raise MissingIndex(str(error).replace("--create", config.create_command)) from error


async def _delete_all(config: Config, store: Store, excluded: list[int]) -> int:
    items, is_printed = 0, True
    for sensor_id in excluded:
        found, deleted = await items_of_sensor(store, sensor_id, counts_only=config.dry_run)
        items += found
        facts = {"sensor_id": str(sensor_id), "items": found, "deleted": deleted}
        is_printed &= await print_facts(facts)
    what = "to delete" if config.dry_run else "deleted"
    told = f"{items} items of {len(excluded)} sensors {what}"
    say("excluded_items", told, {"items": items, "sensors": len(excluded), "dry_run": config.dry_run})
    return 0 if is_printed else 1


async def items_of_sensor(
    store: Store,
    sensor_id: int,
    *,
    counts_only: bool,
    page_limit: int = PAGE_LIMIT,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[int, int]:
    """Return how many items of a sensor the index has, and how many of them were deleted.

    `page_limit` is how many are read together (tests use a smaller one).
    """
    found = deleted = 0
    asked, position = SensorRange(sensor_id, *ALL_TIME, fields=(), limit=page_limit), None
    while True:
        page = await _page(store, asked, position, sleep)
        ids = [item.id for item in page.items]
        found, position = found + len(ids), page.position
        for start in range(0, 0 if counts_only else len(ids), READ_LIMIT):
            deleted += await store.delete_of_sensor(sensor_id, ids[start : start + READ_LIMIT])
        if position is None:
            break
    if deleted:
        await store.settle()
    return found, deleted


async def _page(
    store: Store, asked: SensorRange, position: Any, sleep: Callable[[float], Awaitable[None]]
) -> SensorPage:
    """Read a page, with many tries while errors may pass, since nobody waits: deletes keep the index busy."""
    for attempt in range(1, TRIES):
        try:
            return await store.sensor_page(asked, BEFORE_ALL, position)
        except NotReady:
            raise
        except Unavailable:
            await sleep(full_jitter(attempt, random(), FIRST_WAIT))  # noqa: S311  # spreads load
    return await store.sensor_page(asked, BEFORE_ALL, position)
