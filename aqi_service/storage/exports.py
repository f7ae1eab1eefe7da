"""What `--export` promises: scored records go to the user's place, as whole snapshots or not at all.

One rule: a load gives each scored record once, in the document's order, and then says that the snapshot was
whole.
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
        """Keep the records, since the snapshot was whole; return how many numbers are kept as text."""


class Export(Protocol):
    """The place of the records of one run.

    Attributes:
        takes_back: False if records cannot be taken back, so that no load may begin again.
        error: the error that ended the export; nothing more can be exported then.
        records, snapshots: how many were kept so far.
    """

    takes_back: bool
    error: str | None
    records: int
    snapshots: int

    def snapshot(self) -> AbstractAsyncContextManager[SnapshotExport]:
        """Begin a snapshot; if the block ends without `complete`, it is removed, if that is possible."""

    async def finish(self) -> None:
        """Make the run's file appear, if there is one for the whole run. Raises ExportFailed."""


class RunOnThread(Protocol):
    """Does work that may block."""

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Return the work's result."""


class ParquetTarget(Protocol):
    """The place of Parquet files, which `what` names for a person."""

    what: str

    def begin(self) -> None:
        """Check that the place can be used, as far as possible beforehand; on a thread."""

    def draft(self, held: ExitStack) -> BinaryIO:
        """Make a hidden file for writing, on a thread; `held` ends it."""

    async def publish(self, file: BinaryIO, name: str, run: RunOnThread) -> None:
        """Make the file appear under its name in one step, replacing an older one."""


class ExportCounts:
    """The part that all Exports have."""

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
        """Note the error that ends the export."""
        try:
            yield
        except ExportFailed as error:
            self.error = self.error or str(error)
            raise

    async def finish(self) -> None:
        """Return immediately: each snapshot has already appeared."""


class NoExport(ExportCounts):
    """The export if nobody asked for records."""

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
