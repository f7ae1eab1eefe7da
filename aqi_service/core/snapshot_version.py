"""One load of one snapshot: what memory holds, and what `latest.json` names.

One rule: the later of two is the newer one, unless a replay brings older data.
"""

from typing import NamedTuple

from aqi_service.core.times import is_old


class SnapshotVersion(NamedTuple):
    """One load of one snapshot.

    Attributes:
        snapshot: the snapshot's name.
        snapshot_time: its time, epoch seconds.
        scale: the scale on which it was scored.
        records: how many records it has, particulate or not.
        newest: the time of the newest record, at most the snapshot's: how fresh the data is.
        started: when that load began, as its manifest says.
        sha256: the digest of its bytes, as its manifest says.
        program: the version of the program that loaded it, as its manifest says.
        not_24h_mean: True if its values are no 24-hour means, as its manifest warns.
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
        """Its time, or its newest record's if that is a day older: then it is an old file with a new name."""
        return self.newest if self.newest and is_old(self.newest, self.snapshot_time) else self.snapshot_time


def is_behind(new: SnapshotVersion, old: SnapshotVersion, *, replay: bool) -> bool:
    """Tell whether a finished snapshot does not replace another as the newest one.

    A later one replaces it, unless it comes from a replay and its data is older; in the same minute the newer
    data stays.
    """
    if not replay:
        return (new.snapshot_time, new.newest) < (old.data_time, old.newest)
    return new.data_time < old.data_time or new.newest < old.newest
