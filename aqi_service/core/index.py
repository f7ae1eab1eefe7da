"""The latest snapshot in memory, by record id: what a reply needs, and the whole item beside it.

One rule: an Index never changes, and has a record only as the table had it when the snapshot was complete; of
any other id it says nothing, and the table is asked.

A record is kept as bytes: a third of the memory of an Item, and the garbage collector never looks at it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from struct import Struct
from typing import NamedTuple

import orjson

from aqi_service.core.items import Item, Verdict, judge
from aqi_service.core.render import csv_reply
from aqi_service.core.times import DAY

MOST_RECORDS = 100_000
"""Records that memory has room for: over twice what the feed has today; the table answers the others."""

MOST_BYTES = 1024
"""Largest packed record (the feed's have 320 to 370 bytes)."""

KEPT_SECONDS = DAY
"""How long an index answers, from when it was built: an item that a person deletes from the table is not
answered for longer, though the feed may bring nothing new."""

OLD_SECONDS = DAY
"""Data of this age may be replaced by any snapshot that is not empty."""

Seen = Callable[[Mapping[str, Item | None]], None]
"""Told of records, by id, as both the snapshot and the table have them now; None where they differ."""

_HEAD = Struct("<qH")
"""When the record expires (epoch seconds) and how long its reply is; reply and item (as JSON) follow."""
_START = _HEAD.size
_NEVER = 2**63 - 1


class Edition(NamedTuple):
    """Which load of which snapshot.

    Attributes:
        snapshot: the snapshot's name.
        taken: its time, epoch seconds.
        scale: what it was scored on.
        records: how many it has, particulate or not.
        newest: the newest record's time, at most the snapshot's: how fresh its data is.
        started: when that load began, as its manifest says.
    """

    snapshot: str
    taken: int
    scale: str
    records: int
    newest: int
    started: str


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The records of one snapshot, by the number that is their id.

    Attributes:
        edition: which snapshot.
        packed: its records.
        built: when that was (epoch seconds).
        left_out: how many of its records there was no room for.
    """

    edition: Edition
    packed: Mapping[int, bytes]
    built: float
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.packed)

    def reply(self, number: int, now: float) -> bytes | None:
        """Return the CSV of a record; None if the table has to be asked."""
        packed = self.packed.get(number)
        if packed is None or now - self.built >= KEPT_SECONDS:
            return None
        expires_at, size = _HEAD.unpack_from(packed)
        return None if expires_at <= now else packed[_START : _START + size]

    def says(self, number: int, packed: bytes | None) -> bool:
        """Tell whether it answers with just this record."""
        ours = self.packed.get(number)
        return ours is not None and packed is not None and _answer(ours) == _answer(packed)

    def updated(self, newer: "Index") -> "Index":
        """Return this index with what a newer one says of the same ids."""
        return replace(self, packed={n: newer.packed.get(n, packed) for n, packed in self.packed.items()})


class Growing:
    """An index that grows while its snapshot is read; `room` is how many records it takes.

    Attributes:
        repeated: records that had the id of an earlier one.
        left_out: records that there was no room for.
    """

    def __init__(self, room: int = MOST_RECORDS) -> None:
        self._room = room
        self._packed: dict[int, bytes] = {}
        self.repeated = 0
        self.left_out = 0

    def put(self, number: int, item: Item | None) -> bytes | None:
        """Have this, and nothing else, under the id from now on; return it packed, None if it is nothing."""
        packed = None if item is None else pack(item)
        if packed is None:
            self._packed.pop(number, None)
        elif len(self._packed) < self._room or number in self._packed:
            self._packed[number] = packed
        else:
            self.left_out += 1
        return packed

    def add(self, items: Iterable[Item]) -> None:
        """Take the items of a document, in its order; of two with one id the newer stays, as in the table."""
        for item in items:
            number = int(item.id)
            earlier = self._packed.get(number)
            self.repeated += earlier is not None
            if earlier is None or judge(item, unpack(earlier)) is not Verdict.SUPERSEDED:
                self.put(number, item)

    def numbers(self) -> list[int]:
        """Return the ids that it has."""
        return list(self._packed)

    def confirm(self, number: int, there: Item | None) -> None:
        """Keep a record only if the table, which has `there`, has the same."""
        ours = unpack(self._packed[number])
        same = there is not None and judge(ours, there) is Verdict.UNCHANGED
        self.put(number, ours._replace(expires_at=there.expires_at) if there and same else None)

    def done(self, edition: Edition, now: float) -> Index:
        """Return the index; nothing may be put into this one any more."""
        return Index(edition, self._packed, now, self.left_out)


def pack(item: Item) -> bytes | None:
    """Return an item as bytes; None if it is larger than any of the feed's."""
    reply = csv_reply(item)
    expires_at = _NEVER if item.expires_at is None else item.expires_at
    if len(reply) > MOST_BYTES or not 0 <= expires_at <= _NEVER:
        return None
    packed = _HEAD.pack(expires_at, len(reply)) + reply + orjson.dumps(tuple(item))
    return packed if len(packed) <= MOST_BYTES else None


def unpack(packed: bytes) -> Item:
    """Return the item that was packed."""
    return Item(*orjson.loads(packed[len(_answer(packed)) :]))


def _answer(packed: bytes) -> bytes:
    """Return the part that a reply depends on."""
    return packed[: _START + _HEAD.unpack_from(packed)[1]]


def replaces(new: Edition, old: Index | None, now: float) -> bool:
    """Tell whether a snapshot may replace what lookups see.

    An empty one never does; one with under half of the records only when the data there is OLD_SECONDS old.
    """
    if new.records == 0:
        return False
    return old is None or new.records * 2 >= old.edition.records or now - old.edition.newest >= OLD_SECONDS
