"""What lookups see of the latest snapshot: one index at a time, replaced as a whole.

One rule: memory never answers with less than the table had when that snapshot was complete. It never answers
with a record that a load of this process has replaced since, or that another's may have replaced (`doubt`).
If it is not certain, it does not answer.
"""

import asyncio
import logging
import math
import uuid
from collections.abc import Callable, Sequence
from weakref import ref

from aqi_service.core.clocks import ages_from, is_ahead
from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.items import Item, is_expired
from aqi_service.core.load_notes import NO_DOUBT
from aqi_service.core.moved_ids import LoadIds, MovedIds
from aqi_service.core.sensors import Sensors
from aqi_service.core.snapshot_index import SnapshotIndex, replaces
from aqi_service.core.snapshot_version import SnapshotVersion, is_behind
from aqi_service.errors import Unavailable

log = logging.getLogger("aqi_service")


class MemoryIndex:
    """The latest snapshot in memory; `now` gives epoch seconds.

    It is read from the archive (`offer`). A load of this process only says which records it changes in the
    table (`watch`): these are left to the table until there is an index that knows them.

    Attributes:
        excluded: the sensors that are left out now; their records count as absent everywhere.
        renewable: set when a load of this process has finished a snapshot, which can now be read, or when the
            sensors to leave out change.
        process: names this memory in notes, so that it recognises its own loads there.
        index: the index in use.
        known: the loads of other processes for which the whole index has been compared with the table.
        mixed: True if it has parts of several snapshots, and was not compared as a whole since then.
    """

    def __init__(self, now: Callable[[], float], excluded: ExcludedSensors | None = None) -> None:
        self.now = now
        self.excluded = excluded or ExcludedSensors()
        self._moved = MovedIds(self._ended)
        self.renewable = asyncio.Event()
        self._passed_over: SnapshotVersion | None = None
        self._doubt = NO_DOUBT
        self.process = uuid.uuid4().hex
        self._data_time: int | None = None
        self.index: SnapshotIndex | None = None
        self.known: frozenset[str] = frozenset()
        self.mixed = False

    def ages(self) -> float:
        """Return the time from which expiry counts: now, or the time of the table's data if that is older."""
        return ages_from(self.now(), self._data_time)

    def heard(self, data_time: int | None) -> None:
        """Note the time (epoch seconds) of the table's data; None keeps the last one."""
        if data_time is not None:
            self._data_time = data_time

    def there(self, item: Item | None) -> Item | None:
        """Return an item that the table gave; None if it counts as absent: expired, or left out."""
        if item is None or is_expired(item, self.ages()) or self.excluded.has(item.sensor_id):
            return None
        return item

    def reply(self, number: int) -> bytes | None:
        """Return the CSV of the record with this id; None if the table must be asked."""
        index = self.index
        if index is None or (self._moved.loads and number in self._moved):
            return None
        if index.excluded is not self.excluded.ids:  # other sensors are left out by now: is it one of theirs?
            item = self.item(number)
            return None if item is None else csv_reply(item)
        now = self.now()
        return index.reply(number, now, self._doubt, ages_from(now, self._data_time))

    def frames(self, numbers: Sequence[int]) -> bytes | None:
        """Return the joined frames of `reply` for each; None if the table must be asked for one."""
        index = self.index
        if index is None or index.excluded is not self.excluded.ids:
            return None
        if self._moved.loads and any(map(self._moved.__contains__, numbers)):
            return None
        now = self.now()
        return index.frames(numbers, now, self._doubt, ages_from(now, self._data_time))

    def item(self, number: int) -> Item | None:
        """Return the record with this id; None if the table must be asked, as in `reply`."""
        if self.index is None or (self._moved.loads and number in self._moved):
            return None
        return self.there(self.index.item(number, self.now(), self._doubt, self.ages()))

    def packed(self, number: int) -> bytes | None:
        """Return the record in its packed form; None if the table must be asked, as in `reply`.

        The caller knows whose record it is, and asks for no sensor that is left out.
        """
        if self.index is None or (self._moved.loads and number in self._moved):
            return None
        return self.index.packed_record(number, self.now(), self._doubt, self.ages())

    def mark(self) -> tuple[object, ...]:
        """Return a value that changes whenever the answers may change (but not because time passes)."""
        due = self.index is not None and self.index.is_due(self.now())
        index = None if self.index is None else ref(self.index)  # a kept mark keeps no index alive
        return index, self.excluded.ids, self._doubt, due, self._moved.mark()

    @property
    def sensors(self) -> Sensors | None:
        """The sensors of the latest snapshot; None without one."""
        return None if self.index is None else self.index.sensors

    @property
    def scale_name(self) -> str:
        """The scale of the latest snapshot; raises Unavailable without one."""
        if self.index is None:
            raise Unavailable("no snapshot yet")
        return self.index.version.scale

    def watch(self) -> LoadIds:
        """Return the object that must be told the records of a new load."""
        return self._moved.begin()

    def has_loaded(self, version: SnapshotVersion) -> bool:
        """Tell whether a load of this process finished it, so that its records are left to the table."""
        return self._moved.has(version)

    def has(self, version: SnapshotVersion) -> bool:
        """Tell whether this is the snapshot in memory."""
        return self.index is not None and version == self.index.version

    def wants(self, version: SnapshotVersion) -> bool:
        """Tell whether a finished snapshot should be read from the archive and offered."""
        if self.has(version):
            return self.index is not None and self.index.is_cut
        if self._has_later(version):
            return False
        return version != self._passed_over or replaces(version, self.index, self.now())

    def offer(self, index: SnapshotIndex) -> bool:
        """Replace the index by a newer one, if allowed; tell whether that was done."""
        version = index.version
        if self._has_later(version):
            return False
        if replaces(version, self.index, self.now()):
            self.index, self.known, self.mixed = index, frozenset(), False
            self._moved.settle(version)
            log.info(
                "memory_replaced",
                extra={"snapshot": version.snapshot, "records": len(index), "left_out": index.left_out},
            )
            return True
        self._passed_over = version
        if self.index is not None:
            self.index, self.known, self.mixed = self.index.updated(index), frozenset(), True
            there = self.index.version
            log.warning(
                "memory_not_replaced",
                extra={
                    "snapshot": there.snapshot,
                    "records": there.records,
                    "refused_snapshot": version.snapshot,
                    "refused_records": version.records,
                },
            )
        return False

    def doubt(self, until: float) -> None:
        """Leave records measured up to then (epoch seconds) to the table, until the next call."""
        self._doubt = math.inf if self.mixed else until

    def doubt_more(self, until: float) -> None:
        """Leave these records to the table as well."""
        self.doubt(max(until, self._doubt))

    def confirmed(self, before: SnapshotIndex, after: SnapshotIndex, loads: frozenset[str]) -> None:
        """Take the rest of an index that was compared with the table for all of these loads."""
        if self.index is before:  # no other has come meanwhile
            self.index, self.known, self.mixed = after, loads, False

    def left_out(self, before: SnapshotIndex, after: SnapshotIndex) -> None:
        """Take an index without the sensors that are left out now."""
        if self.index is before:
            self.index = after

    def drop(self, why: str = "the table is another one") -> None:
        """Forget the snapshot: the table that it speaks of is gone, or has moved on."""
        if self.index is not None:
            log.warning("memory_dropped", extra={"snapshot": self.index.version.snapshot, "reason": why})
        self.index = None

    def _ended(self, finished: SnapshotVersion | None) -> None:
        if finished is not None:
            if self.index is not None and self.index.version == finished:  # it was read very soon
                self._moved.settle(finished)
            self.renewable.set()

    def _has_later(self, version: SnapshotVersion) -> bool:
        """Tell whether the snapshot in memory is newer; for replays, their load has decided that.

        One that is named ahead of the clock is not.
        """
        there = None if self.index is None else self.index.version
        return (
            there is not None
            and is_behind(version, there, replay=False)
            and not is_ahead(there.snapshot_time, self.now())
        )
