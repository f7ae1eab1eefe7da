"""How a load ends: by itself, with an error, at its deadline, or cancelled.

One rule: a load ends in order: items that are not in the table by then are pending, and the report says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from aqi_service.core.report import Status
from aqi_service.errors import ClockOff, SnapshotFailed, SnapshotRejected, Unavailable
from aqi_service.load.report_builder import LoadEnd, ReportBuilder, end_of
from aqi_service.load.table_writer import TableWriter
from aqi_service.load.upload_claim import UploadClaim
from aqi_service.storage.cleanup import undo_cancel

LAST_WORDS_SECONDS = 4.0
"""How long (seconds) a load whose document turned out bad may still deliver parsed items."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The parts of a load that must be ended, or asked, when it is over.

    Attributes:
        writer: brings parsed items into the table.
        builder: knows whether the snapshot is in the archive.
        claim: the claim on a name in the archive.
        archived: the snapshot's name, if the source is in the archive; None for any other source.
        seconds: how many seconds the load may take, or None.
        deadline: when it must end, on the loop's clock; None is never.
    """

    writer: TableWriter
    builder: ReportBuilder
    claim: UploadClaim
    archived: str | None
    seconds: float | None
    deadline: float | None

    async def outcome(self, run: Callable[[], Awaitable[LoadEnd]]) -> LoadEnd:
        """Run the load and return how it ended; a cancellation ends it, and goes no further."""
        try:
            return await self._run_to_deadline(run)
        except asyncio.CancelledError:
            undo_cancel()
        with suppress(asyncio.CancelledError):
            return await self._abort("interrupted")
        undo_cancel()  # cancelled a second time: what is known now has to do
        return self._cut_off("interrupted")

    async def _run_to_deadline(self, run: Callable[[], Awaitable[LoadEnd]]) -> LoadEnd:
        try:
            async with asyncio.timeout_at(self.deadline):
                return await run()
        except ClockOff as error:
            return end_of(error)
        except (SnapshotRejected, SnapshotFailed, Unavailable) as error:
            return await self._flush_parsed(end_of(error))
        except TimeoutError:
            return await self._abort(f"not finished within {self.seconds:g} s (--load-deadline)")

    async def _flush_parsed(self, outcome: LoadEnd) -> LoadEnd:
        """End a load whose document turned out bad: parsed items are valid, so they are delivered.

        Half a measurement is not valid: it stays pending. If the snapshot is archived, only its rereading
        failed.
        """
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self.writer.flush()
        except TimeoutError:
            await self.writer.stop()
        return replace(outcome, status=Status.INCOMPLETE) if self.builder.archived else outcome

    async def _abort(self, error: str) -> LoadEnd:
        """End a load early: stop writing immediately; all items that are not in the table stay pending."""
        await self.writer.stop()
        if self.archived is not None:
            self.builder.archived = self.archived
        elif self.builder.archived is None:
            self.builder.archived = await self.claim.name_if_archived()
        return self._cut_off(error)

    def _cut_off(self, error: str) -> LoadEnd:
        return LoadEnd(Status.INCOMPLETE if self.builder.archived else Status.FAILED, error)
