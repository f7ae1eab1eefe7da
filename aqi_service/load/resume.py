"""Reads again, from the archive, what the table did not take while a snapshot came in.

One rule: no record is counted here a second time; only items without a fate are delivered.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from random import random

from aqi_service.core.parse.document import DocumentReader, Position
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.schedule import full_jitter
from aqi_service.errors import LeaseLost, TableRefused
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.turns import let_lookups_pass

log = logging.getLogger("aqi_service")

WAIT_BASE, WAIT_CAP = 2.0, 60.0
"""Seconds: the upper edges of the first wait after the table failed, and of the longest wait."""


ReadFrom = Callable[[int], AsyncGenerator[bytes, None]]
"""Gives the archived snapshot's bytes from an offset on."""


async def write_pending(
    writer: TableWriter, reread: ReadFrom, rules: ScoringRules, ends: float | None
) -> None:
    """Deliver the pending items of the archived snapshot; return when none is left, or the table failed.

    After an error of the table it keeps trying if the load has an end (`ends`, on the loop's clock), at which
    the caller stops it. Without an end, or if the lease is lost or the table refuses every item, it returns,
    and the writer has the error. Raises ArchiveFailed or Unavailable if the archive cannot be read.
    """
    tries = 0
    while writer.first_pending:
        if writer.error:
            if ends is None or isinstance(writer.error, LeaseLost | TableRefused):
                return
            tries += 1
            await asyncio.sleep(full_jitter(tries, random(), WAIT_BASE, WAIT_CAP))  # noqa: S311  # spreads load
        pending = writer.counts.pending
        if position := writer.resume():
            log.info("pending_resumed", extra={"offset": position.offset, "pending": pending})
            await _read(writer, reread, rules, position)
        await writer.flush()
        if writer.counts.pending < pending:
            tries = 0


async def _read(writer: TableWriter, reread: ReadFrom, rules: ScoringRules, position: Position) -> None:
    reader = DocumentReader(rules, position)
    async with aclosing(reread(position.offset)) as chunks:
        async for chunk in chunks:
            for batch in reader.feed(chunk):
                await writer.add(batch.items, batch.position)
                await let_lookups_pass()
            if writer.detached:
                return
    for batch in reader.close():
        await writer.add(batch.items, batch.position)
