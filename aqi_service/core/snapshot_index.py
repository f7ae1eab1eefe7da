"""The latest snapshot in memory, by record id: what a reply needs, and the whole item.

One rule: an index never changes, and has a record only if the table had the same when the snapshot was
complete; for any other id the table is asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from aqi_service.core.csv_reply import HEADER
from aqi_service.core.exclusions import NO_SENSORS
from aqi_service.core.frames import encode_header
from aqi_service.core.idset import IdSet
from aqi_service.core.items import Item, Verdict, judge
from aqi_service.core.load_notes import NO_DOUBT
from aqi_service.core.packed_item import HEAD, START, pack, unpack
from aqi_service.core.sensors import Sensors
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import DAY

MOST_RECORDS = 50_000
"""Most records in memory: over twice as many as the feed has today; the table answers for the others. While
one snapshot replaces another, both are in memory, and also what the checks of the new one's sensors need: 2
kB a record in all. The whole process must stay within 256 MB meanwhile (trials/host measures it)."""

KEPT_SECONDS = DAY
"""How long an index answers after it was built or compared with the table: so an item that a person deletes
from the table is not answered for longer, even if the feed brings nothing new."""

OLD_SECONDS = DAY
"""Any snapshot that is not empty may replace data of this age."""

_HEAD = HEAD  # Python 3.11 calls a method of a name that was imported more slowly: a sixth of `reply`


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class SnapshotIndex:
    """The records of one snapshot, by the number that is their id.

    Attributes:
        version: the snapshot.
        packed: the packed records, by id.
        built: when the index was built (epoch seconds).
        left_out: how many of the snapshot's records had no room.
        sensors: which record is each sensor's newest; None if nobody asks by sensor.
        excluded: the sensors whose records are left out of the index.
        is_cut: whether records were removed later, so that the checks of other sensors have seen them.
    """

    version: SnapshotVersion
    packed: Mapping[int, bytes]
    built: float
    left_out: int = 0
    sensors: Sensors | None = None
    excluded: frozenset[int] = NO_SENSORS
    is_cut: bool = False

    def __len__(self) -> int:
        return len(self.packed)

    def reply(
        self, number: int, now: float, doubt: float = NO_DOUBT, ages: float | None = None
    ) -> bytes | None:
        """Return the CSV of a record; None if the table must be asked.

        The table must be asked for every record that was not measured after `doubt`. Expiry counts from
        `ages`, which is `now` unless given (all in epoch seconds).
        """
        packed = self.packed.get(number)  # as packed_record does, without a call: all lookups by id come here
        if packed is None or now - self.built >= KEPT_SECONDS:
            return None
        measured_at, expires_at, size = _HEAD.unpack_from(packed)
        if expires_at <= (now if ages is None else ages) or measured_at <= doubt:
            return None
        return HEADER + packed[START : START + size]

    def frames(
        self, numbers: Iterable[int], now: float, doubt: float = NO_DOUBT, ages: float | None = None
    ) -> bytes | None:
        """Return the joined frames of the replies to several ids; None if the table must be asked for one.

        Each reply is that of `reply`, with the same conditions.
        """
        if now - self.built >= KEPT_SECONDS:
            return None
        frames: list[bytes] = []
        ages = now if ages is None else ages
        add, read = frames.append, HEAD.unpack_from  # looked up once: a quarter of the time
        for packed in map(self.packed.get, numbers):
            if packed is None:
                return None
            measured_at, expires_at, size = read(packed)
            if expires_at <= ages or measured_at <= doubt:
                return None
            add(_start(size))
            add(packed[START : START + size])
        return b"".join(frames)

    def item(
        self, number: int, now: float, doubt: float = NO_DOUBT, ages: float | None = None
    ) -> Item | None:
        """Return a record's item; None if the table must be asked, as in `reply`."""
        packed = self.packed_record(number, now, doubt, ages)
        return None if packed is None else unpack(packed)

    def packed_record(
        self, number: int, now: float, doubt: float = NO_DOUBT, ages: float | None = None
    ) -> bytes | None:
        """Return a record in its packed form; None if the table must be asked, as in `reply`."""
        packed = self.packed.get(number)
        if packed is None or self.is_due(now):
            return None
        measured_at, expires_at, _ = _HEAD.unpack_from(packed)
        return None if expires_at <= (now if ages is None else ages) or measured_at <= doubt else packed

    def is_due(self, now: float) -> bool:
        """Tell whether it must be compared with the table: it was built (or last compared) a day ago."""
        return now - self.built >= KEPT_SECONDS

    def numbers(self, until: float) -> list[int]:
        """Return the ids of the records that were measured up to a time (epoch seconds)."""
        return [number for number, packed in self.packed.items() if _HEAD.unpack_from(packed)[0] <= until]

    def confirmed(self, there: Mapping[int, Item | None], built: float | None = None) -> "SnapshotIndex":
        """Return this index, keeping of these ids only the records that the table has as well.

        `built` is the time of the comparison, if these are all of its ids.
        """
        packed = dict(self.packed)
        for number, theirs in there.items():
            ours = unpack(packed.pop(number))
            same = theirs is not None and judge(ours, theirs) is Verdict.UNCHANGED
            kept = pack(ours._replace(expires_at=theirs.expires_at)) if theirs and same else None
            if kept is not None:
                packed[number] = kept
        return replace(self, packed=packed, built=self.built if built is None else built)

    def updated(self, newer: "SnapshotIndex") -> "SnapshotIndex":
        """Return this index with a newer index's records for the same ids."""
        return replace(self, packed={n: newer.packed.get(n, packed) for n, packed in self.packed.items()})


class IndexBuilder:
    """An index that grows while its snapshot is read; `room` is the most records that it takes.

    Attributes:
        repeated: how many records had the id of an earlier one.
        left_out: how many records had no room.
    """

    def __init__(self, room: int = MOST_RECORDS) -> None:
        self._room = room
        self._packed: dict[int, bytes] = {}
        self._too_large = IdSet()
        self.repeated = 0
        self.left_out = 0

    def add(self, items: Iterable[Item]) -> None:
        """Take the items of a document, in its order; of two with one id the newer stays, as in the table."""
        for item in items:
            number = int(item.id)
            if number in self._too_large:  # or an older record would stand for it
                continue
            earlier = self._packed.get(number)
            self.repeated += earlier is not None
            if earlier is None or judge(item, unpack(earlier)) is not Verdict.SUPERSEDED:
                self._put(number, item)

    def done(self, version: SnapshotVersion, now: float) -> SnapshotIndex:
        """Return the index; nothing may be added afterwards."""
        return SnapshotIndex(version, self._packed, now, self.left_out)

    def _put(self, number: int, item: Item) -> None:
        packed = pack(item)
        if packed is None:
            self._packed.pop(number, None)
            self._too_large.add(number)
        elif len(self._packed) < self._room or number in self._packed:
            self._packed[number] = packed
        else:
            self.left_out += 1


@cache
def _start(size: int) -> bytes:
    """Return what stands before a row of this size (at most MOST_BYTES) in a reply's frame."""
    return encode_header(len(HEADER) + size) + HEADER


def replaces(new: SnapshotVersion, old: SnapshotIndex | None, now: float) -> bool:
    """Tell whether a snapshot may replace what lookups see.

    An empty one never does; one with under half of the records does only if the data there is OLD_SECONDS
    old.
    """
    if new.records == 0:
        return False
    return old is None or new.records * 2 >= old.version.records or now - old.version.newest >= OLD_SECONDS
