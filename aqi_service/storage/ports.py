"""The ports: where snapshots are archived, where items are stored; what each promises.

One rule: the program above this line knows these Protocols and the errors of `aqi_service.errors`, never the
library behind them. `storage.aws`, `storage.local` and `storage.dry` keep them.

Every method raises AccessDenied or MissingResource for what waiting cannot mend, Unavailable for what it may.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aqi_service.core.items import Item
from aqi_service.core.load_metrics import LoadMetric
from aqi_service.storage.lease import no_guard
from aqi_service.storage.sensor_reads import SensorReads

READ_LIMIT = 100
"""Most ids of one read (the limit of DynamoDB's BatchGetItem)."""

DOCUMENT_LIMIT = 1024 * 1024
"""Most bytes of a document that is read: a manifest has a few thousand."""

SNAPSHOT_PREFIX = "data_"
"""How the name of every snapshot begins."""


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """What is kept beside an archived snapshot.

    Attributes:
        source: URL or path that it was read from, without credentials or query: for people to read.
        load_id: random text that names the load; tells our object from another's.
        etag: the source's `ETag`, or empty.
        last_modified: the source's `Last-Modified`, or empty.
        source_id: a hash of the whole URL, which tells it from others with the same label; empty for what was
            no URL, or was archived by a version that kept none: then no source is known to be the same.
    """

    source: str
    load_id: str
    etag: str = ""
    last_modified: str = ""
    source_id: str = ""


class Upload(Protocol):
    """A snapshot on its way into the archive: complete or absent, never half."""

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; wait while the archive is more than a few parts behind."""

    async def complete(self) -> None:
        """Make the snapshot appear under its name, all at once.

        Raises NameInUse if another load has the name by now, ArchiveFailed for any other reason.
        """


class Archive(Protocol):
    """Snapshots by name, and small documents by key (manifests, rejects)."""

    async def check(self) -> None:
        """Return if the archive can be reached and is usable; raise what is wrong with it otherwise."""

    async def names(self) -> Sequence[str]:
        """Names of all whole snapshots (`data_dd_MM_yy_hh_mm.json`, `...-2.json`), in no order."""

    def upload(self, name: str, info: SnapshotInfo) -> AbstractAsyncContextManager[Upload]:
        """Begin a snapshot; leaving the block without `complete` takes every trace of it away.

        Raises NameInUse if another load is writing it, where that shows before `complete`.
        """

    async def sweep(self) -> int:
        """Take away what certainly dead loads left half done; return how many."""

    async def info(self, name: str) -> SnapshotInfo | None:
        """Tell what is kept beside the snapshot, or None if there is none of that name."""

    def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the snapshot's bytes from `offset` on, exactly as they were written."""

    async def put(self, key: str, body: bytes) -> None:
        """Write a document, over an older one of that key; whole or not at all."""

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        """Write over a document what `new` makes of it, for which it is called with what `get` gives.

        None leaves all as it is. When another changes it meanwhile, `new` is asked again; it may be called
        on another thread, and what it raises comes out.
        """

    async def get(self, key: str) -> bytes | None:
        """Read a document, or None if there is none; one byte over DOCUMENT_LIMIT stands for a longer one."""

    async def close(self) -> None:
        """Let go of connections and files."""


class ObjectEntry(NamedTuple):
    """An object: its key, its size in bytes as it is stored, its ETag and its time (epoch seconds).

    The ETag is empty, and the time 0, where it is not told.
    """

    key: str
    size: int
    etag: str = ""
    time: int = 0


class Objects(Protocol):
    """Objects of any bucket, to load from."""

    async def authenticate(self) -> None:
        """Return once there are credentials; NotReady while they are only expected."""

    def each(self, bucket: str, prefix: str) -> AsyncGenerator[ObjectEntry, None]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys; none is kept."""

    async def list(self, bucket: str, prefix: str) -> Sequence[ObjectEntry]:
        """Return all of them: some 300 bytes each."""

    async def look(self, bucket: str, key: str) -> ObjectEntry | None:
        """Return the object, None if it cannot be seen now, or is empty.

        Raises MissingResource if it is not there, AccessDenied if kept back; nothing that may pass.
        """

    def read(self, bucket: str, key: str) -> AsyncGenerator[bytes, None]:
        """Yield an object's bytes as they are stored. Raises FetchFailed if it is not to be had whole."""


class Judged(NamedTuple):
    """How items were found to be worth a write that asks for no condition.

    Attributes:
        asked_at: when the table was asked for what they were judged by, on the event loop's clock.
        again: judges some of them again, beside what the table has by now (id -> item; absent ones are left
            out), and returns those that are still to be written.
        old: what the table had of them when they were last judged, by id.
    """

    asked_at: float
    again: Callable[[Iterable[Item], Mapping[str, Item]], Sequence[Item]]
    old: Mapping[str, Item | None] = {}


class PutResult(NamedTuple):
    """What became of a write; every other item of it is in the table, or was judged again.

    Attributes:
        superseded: ids whose stored item is newer (where a write asked for that).
        refused: id -> why, for single items that the table will never take.
    """

    superseded: frozenset[str] = frozenset()
    refused: Mapping[str, str] = {}


class Store(SensorReads, Protocol):
    """Items by id, and by sensor. Reads and writes may run at the same time; a lookup waits for no load."""

    @property
    def items_per_second(self) -> float | None:
        """How many items a second it takes, as far as it said so by refusing some; None where it did not."""

    async def check(self) -> None:
        """Return if the table can be read and has the key this program uses; raise otherwise."""

    async def identity(self) -> str:
        """Name this creation of the table: another one once it was deleted and made anew."""

    async def get(self, record_id: str) -> Item | None:
        """Look one item up, for a reply; expired ones are the caller's to judge."""

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        """Look up to READ_LIMIT distinct ids up, as `get` does; None is one that is not there.

        An id is left out that the table did not get to in time. What is raised but Unavailable may concern
        one of the ids alone (ItemRefused, a damaged page): the others can be had without it.
        """

    async def read(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Read up to READ_LIMIT distinct ids consistently, on the write side; absent ones are left out."""

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        """Write up to READ_LIMIT items of distinct ids.

        `conditional` writes each only where the stored item is not newer (by `measured_at`, then
        `snapshot_at`), so that replays may run in any order beside each other. Where it is False, what has to
        be written again, or was read a while ago, is read and judged again first, if there is `judged`, or
        written under that condition as well. `guard` is called right before each request, repetitions
        included, maybe on another thread; what it raises (LeaseLost) comes out, and no further request goes
        out.
        """

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        """Delete those of up to READ_LIMIT items that are of this sensor; return how many there were.

        Given up or cancelled in between, some are deleted: doing it again is safe.
        """

    async def settle(self) -> None:
        """Return once all that was put survives a power cut."""

    async def receipt(self) -> str | None:
        """Note in the table that a load is complete: return a text that only this state and later ones know.

        None where a table that is put back to an earlier state gets another identity.
        """

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        """Tell which receipts this state of the table knows: None only where `receipt` gives none."""

    async def expire(self, now: int) -> int:
        """Delete what has expired, where the table does not do so itself; return how many."""

    async def close(self) -> None:
        """Let go of connections and files."""


class MetricSink(Protocol):
    """Takes the metrics of loads, where somebody is alarmed by them."""

    async def put(self, metrics: Sequence[LoadMetric]) -> None:
        """Send the metrics of one load; what is raised costs the load nothing."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Archive and store, as a load needs them."""

    archive: Archive
    store: Store
