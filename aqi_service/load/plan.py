"""The settings of one load.

One rule: nothing here changes while the load is under way.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from aqi_service.core.exclusions import NO_SENSORS
from aqi_service.core.moved_ids import LoadIds
from aqi_service.core.parse.document import MAX_RECORDS
from aqi_service.core.scoring import Scale
from aqi_service.storage.exports import NO_EXPORT, Export
from aqi_service.storage.lease import no_guard

Progress = Callable[[int, int, int | None], None]
"""Called now and then with the bytes and records that a load has read, and the size in bytes if known."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The settings of a load.

    Attributes:
        table: the table's name, for reports and manifests.
        scale: the index to score on.
        agent: the User-Agent of requests.
        max_bytes, max_records: largest decoded size of the snapshot, and number of records.
        live: True for the live feed: conditional request, batch writes. False for a replay: each item is
            written under the condition that the table's is not newer.
        ttl: seconds from a record's time to its expiry, or None.
        excluded: sensors whose records are rejected.
        snapshot_time: epoch seconds that name the snapshot, or None for the time of reading.
        deadline: seconds for the whole load, or None.
        guard: raises LeaseLost if the load may no longer ask source or table, or archive anything.
        watch: called when the load begins, and when it begins again; returns the object that is told which
            records change in the table.
        process: names the memory behind `watch` in the load's note; empty if there is none.
        released: epoch seconds; a clock that says an earlier time is wrong, and nothing is loaded.
        rescore: True if the report must say how indices change.
        export: where scored records go, beside the table.
        dry_run: marks the report; the caller passes storage that keeps nothing.
    """

    table: str
    scale: Scale
    agent: str
    max_bytes: int
    live: bool
    max_records: int = MAX_RECORDS
    ttl: int | None = None
    excluded: frozenset[int] = NO_SENSORS
    snapshot_time: int | None = None
    deadline: float | None = None
    guard: Callable[[], None] = no_guard
    watch: Callable[[], LoadIds] = LoadIds
    process: str = ""
    released: float = -math.inf
    rescore: bool = False
    export: Export = NO_EXPORT
    dry_run: bool = False

    @property
    def asks_for_news(self) -> bool:
        """Whether the source need not send archived content: true for the live feed, unless exported."""
        return self.live and self.export is NO_EXPORT
