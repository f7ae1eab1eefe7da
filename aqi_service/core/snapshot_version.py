"""Which load of which snapshot: what memory holds, and what `latest.json` names.

One rule: of two, the later one is the newer, unless a replay brings older data.
"""

from typing import NamedTuple

from aqi_service.core.times import is_old


class SnapshotVersion(NamedTuple):
    """Which load of which snapshot.

    Attributes:
        snapshot: the snapshot's name.
        snapshot_time: its time, epoch seconds.
        scale: what it was scored on.
        records: how many it has, particulate or not.
        newest: the newest record's time, at most the snapshot's: how fresh its data is.
        started: when that load began, as its manifest says.
        sha256: of its bytes, as its manifest says.
        program: the version of the program that loaded it, as its manifest says.
        not_24h_mean: its values are no 24-hour means, as its manifest warns.
    """

    snapshot: str
    snapshot_time: int
    scale: str
    records: int
    newest: int
    started: str
    sha256: str | None = None
    program: str | None = None
    not_24h_mean: bool = False

    @property
    def data_time(self) -> int:
        """Its time, or its newest record's if that is a day older: an old file that was named now."""
        return self.newest if self.newest and is_old(self.newest, self.snapshot_time) else self.snapshot_time


def is_behind(new: SnapshotVersion, old: SnapshotVersion, *, replay: bool) -> bool:
    """Tell whether a finished snapshot leaves another as the newest one.

    A later one does not, unless it is a replay's and its data is older; of one minute the newer data stays.
    """
    if not replay:
        return (new.snapshot_time, new.newest) < (old.data_time, old.newest)
    return new.data_time < old.data_time or new.newest < old.newest
