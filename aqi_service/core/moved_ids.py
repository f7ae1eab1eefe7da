"""Which records the loads of this process have changed in the table, so that memory is behind.

One rule: lookups of an id go to the table until there is an index that knows better: the index of the load
itself, or of a load that began after it had ended (that one compared each of its records with what was
written).
"""

from collections.abc import Callable, Iterable

from aqi_service.core.idset import IdSet
from aqi_service.core.snapshot_version import SnapshotVersion

MOST_LOADS = 8
"""The ids of this many loads are kept apart; those of earlier loads are one set."""


class LoadIds:
    """The ids of one load, which reports them as it goes; used on its own, it tells nobody.

    Attributes:
        began: when it began, as a number in the order of all beginnings and ends here.
        ended: when it had written its last item; None while it may still write.
        finished: the snapshot that it has brought into the table completely.
    """

    def __init__(
        self,
        began: int = 0,
        at_end: Callable[["LoadIds", SnapshotVersion | None], None] = lambda _load, _finished: None,
    ) -> None:
        self.began, self._at_end = began, at_end
        self.ended: int | None = None
        self.finished: SnapshotVersion | None = None
        self._written = IdSet()  # its own snapshot says of them what the table has
        self._otherwise = IdSet()  # not even that does

    def __contains__(self, number: int) -> bool:
        return number in self._written or number in self._otherwise

    def __bool__(self) -> bool:
        return bool(self._written or self._otherwise)

    @property
    def mark(self) -> tuple[int, int]:
        """A value that changes whenever the ids change."""
        return len(self._written), len(self._otherwise)

    def writes(self, ids: Iterable[str]) -> None:
        """Take the ids of items, before anybody can see a write of them."""
        self._written.add_all(map(int, ids))

    def differs(self, ids: Iterable[str]) -> None:
        """Take the ids for which the table differs from the load's own snapshot."""
        self._otherwise.add_all(map(int, ids))

    def ends(self, finished: SnapshotVersion | None) -> None:
        """Note that the load writes no more, and which snapshot the table has completely (None: none)."""
        self._at_end(self, finished)

    def settle(self) -> None:
        """Drop the ids that the load's own snapshot settles."""
        self._written = IdSet()

    def move_into(self, later: "LoadIds") -> None:
        """Move these ids into another ended load, which cannot settle them."""
        later.ended = max(later.ended or 0, self.ended or 0)
        for ids in (self._written, self._otherwise):
            later._otherwise.update(ids)  # noqa: SLF001  # its own kind


class MovedIds:
    """The unsettled ids of all loads of one process; `at_end` is told the snapshot that each finished.

    Attributes:
        loads: the loads with ids; without a load there are none.
    """

    def __init__(self, at_end: Callable[[SnapshotVersion | None], None] = lambda _finished: None) -> None:
        self._at_end = at_end
        self.loads: list[LoadIds] = []
        self._moment = 0

    def __contains__(self, number: int) -> bool:
        return any(number in load for load in self.loads)

    def mark(self) -> tuple[object, ...]:
        """Return a value that changes whenever the ids change."""
        return self._moment, tuple(load.mark for load in self.loads)

    def begin(self) -> LoadIds:
        """Begin a load; return the object that takes its ids."""
        load = LoadIds(self._next(), self._end)
        self.loads.append(load)
        self._merge()
        return load

    def has(self, version: SnapshotVersion) -> bool:
        """Tell whether a load of this process has finished this snapshot, and its ids are kept."""
        return any(load.finished == version for load in self.loads)

    def settle(self, version: SnapshotVersion) -> None:
        """Drop the ids that the index of this version settles; it is in use from now on."""
        load = next((each for each in self.loads if each.finished == version), None)
        if load is not None:
            load.settle()
            self.loads = [each for each in self.loads if _is_kept(each, load)]

    def _end(self, load: LoadIds, finished: SnapshotVersion | None) -> None:
        load.ended, load.finished = self._next(), finished
        self.loads = [each for each in self.loads if each or not each.ended or each.finished]
        self._at_end(finished)

    def _next(self) -> int:
        self._moment += 1
        return self._moment

    def _merge(self) -> None:
        ended = [load for load in self.loads if load.ended]
        if len(self.loads) > MOST_LOADS and len(ended) > 1:
            first, second = ended[:2]
            first.move_into(second)
            self.loads.remove(first)


def _is_kept(each: LoadIds, settled: LoadIds) -> bool:
    """Tell whether the ids of a load are kept when another is settled."""
    return bool(each) if each is settled else each.ended is None or each.ended > settled.began
