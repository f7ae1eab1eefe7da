"""The ports: where snapshots are archived and items are stored, and what each promises.

One rule: the rest of the program knows only these Protocols and the errors of `aqi_service.errors`, never the
library behind them. `storage.aws`, `storage.local` and `storage.dry` keep them.

Every method raises AccessDenied or MissingResource for faults that waiting cannot mend, Unavailable for
others.
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
"""The beginning of every snapshot's name."""


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """The metadata of an archived snapshot.

    Attributes:
        source: the URL or path from which it was read, without credentials or query: for people.
        load_id: random text that names the load, and so tells our object from another's.
        etag: the source's `ETag`, or empty.
        last_modified: the source's `Last-Modified`, or empty.
        source_id: a hash of the whole URL, which differs for others with the same label; empty if the source
            was no URL, or if the version that archived it kept none: then no source counts as the same.
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
        """Make the snapshot appear under its name in one step.

        Raises NameInUse if another load has got the name, ArchiveFailed for any other reason.
        """


class Archive(Protocol):
    """Snapshots by name, and small documents by key (manifests, rejects)."""

    async def check(self) -> None:
        """Return if the archive can be reached and used; otherwise raise what is wrong."""

    async def names(self) -> Sequence[str]:
        """Return the names of all whole snapshots (`data_dd_MM_yy_hh_mm.json`, `...-2.json`), in no order."""

    def upload(self, name: str, info: SnapshotInfo) -> AbstractAsyncContextManager[Upload]:
        """Begin a snapshot; if the block ends without `complete`, every trace of it is removed.

        Raises NameInUse if another load is writing it, if that can be seen before `complete`.
        """

    async def sweep(self) -> int:
        """Remove what certainly dead loads left half done; return how many."""

    async def info(self, name: str) -> SnapshotInfo | None:
        """Return the snapshot's metadata, or None if there is no snapshot of that name."""

    def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the snapshot's bytes from `offset` on, exactly as they were written."""

    async def put(self, key: str, body: bytes) -> None:
        """Write a document, replacing an older one of that key; whole or not at all."""

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        """Replace a document by what `new` makes of it; `new` is called with the result of `get`.

        If `new` returns None, nothing changes. If another changes the document meanwhile, `new` is called
        again. It may be called on another thread, and its errors are raised.
        """

    async def get(self, key: str) -> bytes | None:
        """Read a document, or None if there is none; one byte over DOCUMENT_LIMIT stands for a longer one."""

    async def close(self) -> None:
        """Release connections and files."""


class ObjectEntry(NamedTuple):
    """An object: its key, its stored size in bytes, its ETag and its time (epoch seconds).

    The ETag is empty, and the time 0, if not known.
    """

    key: str
    size: int
    etag: str = ""
    time: int = 0


class Objects(Protocol):
    """Objects of any bucket, to load from."""

    async def authenticate(self) -> None:
        """Return when there are credentials; raise NotReady while they are only expected."""

    def each(self, bucket: str, prefix: str) -> AsyncGenerator[ObjectEntry, None]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys, and keep none."""

    async def list(self, bucket: str, prefix: str) -> Sequence[ObjectEntry]:
        """Return all of them: some 300 bytes each."""

    async def look(self, bucket: str, key: str) -> ObjectEntry | None:
        """Return the object, None if it cannot be seen now, or is empty.

        Raises MissingResource if it does not exist, AccessDenied if it may not be read; no error that may
        pass.
        """

    def read(self, bucket: str, key: str) -> AsyncGenerator[bytes, None]:
        """Yield an object's bytes as they are stored. Raises FetchFailed if it cannot be read whole."""


class Judged(NamedTuple):
    """How items were chosen for a write without a condition.

    Attributes:
        asked_at: when the table was read for the judgement, on the event loop's clock.
        again: judges some of them again against what the table now has (id -> item; absent ones are left
            out), and returns those that must still be written.
        old: what the table had for them when they were last judged, by id.
    """

    asked_at: float
    again: Callable[[Iterable[Item], Mapping[str, Item]], Sequence[Item]]
    old: Mapping[str, Item | None] = {}


class PutResult(NamedTuple):
    """The result of a write; every other item of it is in the table, or was judged again.

    Attributes:
        superseded: ids whose stored item is newer (if the write asked for that).
        refused: id -> why, for single items that the table will never take.
    """

    superseded: frozenset[str] = frozenset()
    refused: Mapping[str, str] = {}


class Store(SensorReads, Protocol):
    """Items by id, and by sensor. Reads and writes may overlap; a lookup never waits for a load."""

    @property
    def items_per_second(self) -> float | None:
        """How many items a second it takes, as far as refusals have shown it; None if there were none."""

    async def check(self) -> None:
        """Return if the table can be read and has the key that this program uses; raise otherwise."""

    async def identity(self) -> str:
        """Return the id of this creation of the table; one that was deleted and made again has another."""

    async def get(self, record_id: str) -> Item | None:
        """Look one item up, for a reply; the caller must judge whether it has expired."""

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        """Look up to READ_LIMIT distinct ids up, as `get` does; None stands for a missing one.

        Ids that the table did not reach in time are left out. Errors other than Unavailable may concern only
        one of the ids (ItemRefused, a damaged page): the others can be read without it.
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
        """Write up to READ_LIMIT items with distinct ids.

        `conditional` writes each item only if the stored one is not newer (by `measured_at`, then
        `snapshot_at`), so replays may run in any order beside each other. If it is False, items that must be
        written again, or were read some time ago, are first read and judged again if there is `judged`, or
        else written under that condition too. `guard` is called right before each request, also before
        repetitions, maybe on another thread; its error (LeaseLost) is raised, and no further request goes
        out.
        """

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        """Delete, of up to READ_LIMIT items, those of this sensor; return how many there were.

        If it is given up or cancelled, some may be deleted: it can safely be repeated.
        """

    async def settle(self) -> None:
        """Return when everything that was put survives a power cut."""

    async def receipt(self) -> str | None:
        """Note in the table that a load is complete; return a text that only this state and later ones know.

        None if a table that is put back to an earlier state gets another identity.
        """

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        """Return which receipts this state of the table knows; it knows None only if `receipt` gives none."""

    async def expire(self, now: int) -> int:
        """Delete expired items, if the table does not do so itself; return how many."""

    async def close(self) -> None:
        """Release connections and files."""


class MetricSink(Protocol):
    """Takes the metrics of loads, for a service that raises alarms."""

    async def put(self, metrics: Sequence[LoadMetric]) -> None:
        """Send the metrics of one load; its errors cost the load nothing."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Archive and store, as a load needs them."""

    archive: Archive
    store: Store
