"""One load's note in `latest.json`: made before its first write to the table, ended after its last.

One rule: a load that is not noted writes nothing; and nobody waits for the end of a note, since the next load
can make up for it.
"""

import asyncio
import math
import uuid
from collections.abc import Sequence
from dataclasses import replace

from aqi_service.core.items import Item
from aqi_service.core.load_notes import Note, Noted
from aqi_service.core.times import DAY
from aqi_service.load.group import Put
from aqi_service.load.log_lines import LOAD_ID
from aqi_service.load.plan import LoadPlan
from aqi_service.snapshots.latest_json import LatestJson
from aqi_service.snapshots.sources import Source
from aqi_service.storage.lease import no_guard
from aqi_service.storage.ports import Judged, PutResult

END_SECONDS = 3.0
"""How many seconds it may take to note the end of a load that was not complete."""

LOOK_SECONDS = 2.0
"""How often (seconds) a writing load looks for a first finished snapshot, beside which it can note itself."""


class LoadNote:
    """The note of one load; `replay` tells whether the load is one. `put` writes items as `Store.put` does.

    From here on the log's lines carry the load's id, until `names_log_lines` ends it.
    """

    def __init__(self, latest: LatestJson, note: Note, put: Put, *, replay: bool) -> None:
        self._latest, self._put = latest, put
        self._one_at_a_time = asyncio.Lock()
        self._is_noted = self._has_ended = False
        self._next_look = -math.inf
        self.noted = Noted(uuid.uuid4().hex, note, replay)
        LOAD_ID.set(self.noted.load_id)

    async def look(self) -> None:
        """Read which loads ended before this one reads the table for the first time."""
        noted = self.noted
        self.noted = await self._latest.noted(noted.load_id, noted.note, replay=noted.replay)

    async def put(self, items: Sequence[Item], *, judged: Judged) -> PutResult:
        """Write items after the load was noted; if no note is possible yet, look again now and then."""
        if not self._is_noted:
            async with self._one_at_a_time:
                self.noted = replace(self.noted, wrote=True)
                await self._note()
        return await self._put(items, judged=judged)

    async def _note(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._is_noted and now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._is_noted = await self._latest.note(self.noted)

    def settled(self) -> None:
        """Take the note as ended: something else has ended it."""
        self._has_ended = True

    async def end(self) -> None:
        """Note that this load writes no more, if it ever did."""
        if self.noted.wrote and not self._has_ended:
            await self._latest.end(self.noted)


def note_of(plan: LoadPlan, source: Source, started: float, snapshot_time: int) -> Note:
    """Return a load's note; it writes no record that was measured over a day after its snapshot."""
    return Note(
        until=snapshot_time + DAY,
        began=int(started),
        leased=plan.guard is not no_guard,
        what=f"{source.identity or source.label} {snapshot_time} {plan.scale.name}" if source.named else "",
        process=plan.process,
    )
