"""Who is told by a load which records move on, and keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aqi_service.core.moved_ids import LoadIds
from aqi_service.core.snapshot_version import SnapshotVersion


@dataclass
class Told(LoadIds):
    """What was told: ids in order, and how each load ended."""

    written: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    ends_with: list[SnapshotVersion | None] = field(default_factory=list)

    def writes(self, ids: Iterable[str]) -> None:
        self.written += ids

    def differs(self, ids: Iterable[str]) -> None:
        self.differing += ids

    def ends(self, finished: SnapshotVersion | None) -> None:
        self.ends_with.append(finished)
