"""What `--export` promises: scored records go to a place of somebody's, whole snapshots or nothing.

One rule: a load gives each scored record once, in the document's order, and then says that it was whole.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from typing import BinaryIO, Protocol, TypeVar

from aqi_service.core.export_paths import ExportedSnapshot
from aqi_service.core.items import Item
from aqi_service.errors import ExportFailed

Result = TypeVar("Result")


class SnapshotExport(Protocol):
    """One snapshot's records on their way. Methods raise ExportFailed."""

    async def add(self, items: Sequence[Item]) -> None:
        """Take the next records; wait while the place takes no more."""

    async def complete(self, snapshot: ExportedSnapshot) -> int:
        """Keep what was given, since all of the snapshot was; return how many numbers are kept as text."""


class Export(Protocol):
    """Where records go in one run.

    Attributes:
        takes_back: False where what was given cannot be taken away again, so that no load may begin anew.
        error: what ended it; nothing further can be exported then.
        records, snapshots: how many were kept so far.
    """

    takes_back: bool
    error: str | None
    records: int
    snapshots: int

    def snapshot(self) -> AbstractAsyncContextManager[SnapshotExport]:
        """Begin a snapshot; leaving the block without `complete` takes it away, where that can be done."""

    async def finish(self) -> None:
        """Make the whole of the run appear, where that is one thing. Raises ExportFailed."""


class RunOnThread(Protocol):
    """Does what may block."""

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Return what the work returns."""


class ParquetTarget(Protocol):
    """Where Parquet files come to be, which `what` names to a person."""

    what: str

    def begin(self) -> None:
        """See that it can be used, as far as that shows beforehand; on a thread."""

    def draft(self, held: ExitStack) -> BinaryIO:
        """Make a file that nobody sees, to be written, on a thread; `held` ends it."""

    async def publish(self, file: BinaryIO, name: str, run: RunOnThread) -> None:
        """Make what was written appear under its name, all at once, in the place of an older one."""


class ExportCounts:
    """The part of an Export that all have."""

    takes_back = True

    def __init__(self) -> None:
        self.error: str | None = None
        self.records = self.snapshots = 0

    def count(self, records: int) -> None:
        """Count a snapshot that was kept."""
        self.records += records
        self.snapshots += 1

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Note what ends the export."""
        try:
            yield
        except ExportFailed as error:
            self.error = self.error or str(error)
            raise

    async def finish(self) -> None:
        """Return at once: each snapshot has appeared by itself."""


class NoExport(ExportCounts):
    """Where nobody asked for records."""

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SnapshotExport]:
        """Take a snapshot's records and drop them."""
        yield self

    async def add(self, items: Sequence[Item]) -> None:
        """Drop records."""

    async def complete(self, snapshot: ExportedSnapshot) -> int:
        """Return 0."""
        del snapshot
        return 0


NO_EXPORT = NoExport()
