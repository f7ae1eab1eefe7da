"""The backend on AWS: an S3 bucket, a DynamoDB table and its lease, over one set of clients.

One rule: everything opened here is closed here; the bucket deletes by its own rules, so nothing is pruned.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from aqi_service.errors import ConfigError
from aqi_service.storage.aws import create_table
from aqi_service.storage.aws.clients import Clients, described, open_clients, open_s3
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.dynamodb_lease import DynamoLease
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_export import S3Target
from aqi_service.storage.aws.s3_lifecycle import end_incomplete_uploads
from aqi_service.storage.aws.s3_objects import S3Objects
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.ports import Storage
from aqi_service.storage.process_name import holder_name


class AwsBackend:
    """A bucket and a table as a `Backend`; `owner` is the account that must own the bucket.

    `max_write_units` is the limit a second for all items, or None.
    """

    def __init__(
        self,
        clients: Clients,
        table: str,
        bucket: str,
        owner: str | None,
        max_write_units: int | None = None,
    ) -> None:
        self._clients, self._table = clients, table
        self._named = (clients.s3, bucket, owner)
        self._maker = BucketMaker(*self._named)
        store = DynamoStore(clients.writes, clients.lookups, table)
        if max_write_units is not None:
            store.cap_writes(max_write_units)
        archive = S3Archive(clients.s3, bucket, owner)
        self.storage = Storage(archive, store)
        self.lease = DynamoLease(clients.writes, table, store.keyed, holder_name())
        self.snapshot_locations = SnapshotLocations(archive, bucket, S3Objects(clients.s3))
        self.location = f"{described(clients)}, bucket {bucket}, table {table}"

    async def authenticate(self) -> None:
        """Ask for credentials."""
        await self._clients.credentials.ready()

    async def create(self) -> Sequence[str]:
        """Make bucket and table, each even if the other fails; return what could not be made."""
        table = create_table.create_table(self._clients.writes, self._table)
        done = await asyncio.gather(self._create_bucket(), table, return_exceptions=True)
        _raise_worst([error for error in done if isinstance(error, BaseException)])
        return [lack for lacks in done if not isinstance(lacks, BaseException) for lack in lacks]

    async def _create_bucket(self) -> list[str]:
        lacks = await self._maker.make()
        lack = await end_incomplete_uploads(*self._named)
        return [*lacks, lack] if lack else lacks

    async def check_writable(self) -> None:
        """Return if no index stops the table from taking items."""
        await create_table.check_writable(self._clients.writes, self._table)

    async def missing(self) -> Sequence[str]:
        """Name what the table lacks."""
        return await create_table.missing(self._clients.writes, self._table)

    async def wrong(self) -> Sequence[str]:
        """Say what the table has in another form."""
        return await create_table.wrong(self._clients.writes, self._table)

    async def free_bytes(self) -> int | None:
        """Return None: S3 and DynamoDB never run full."""
        return None

    async def prune(self, names: Iterable[str]) -> int:
        """Delete nothing: the bucket's lifecycle rules do that."""
        del names
        return 0


def _raise_worst(errors: Sequence[BaseException]) -> None:
    """Raise an error that may pass, if there is one; else all errors that waiting cannot mend, as one."""
    for error in errors:
        if not isinstance(error, ConfigError):
            raise error
    if len(errors) > 1:
        raise ConfigError("; ".join(map(str, errors))) from errors[0]
    for error in errors:
        raise error


@asynccontextmanager
async def open_aws(
    table: str, bucket: str, owner: str | None, max_write_units: int | None = None
) -> AsyncIterator[AwsBackend]:
    """Open the backend; raises ConfigError if AWS's own settings cannot be used."""
    async with open_clients() as clients:
        backend = AwsBackend(clients, table, bucket, owner, max_write_units)
        try:
            yield backend
        finally:
            await backend.storage.archive.close()
            await backend.storage.store.close()


@asynccontextmanager
async def open_objects() -> AsyncIterator[S3Objects]:
    """Open the reader of `s3://` sources for a backend not on AWS; raises ConfigError as `open_aws`."""
    async with open_s3() as (client, credentials):
        yield S3Objects(client, credentials=credentials)


@asynccontextmanager
async def open_s3_target(bucket: str, prefix: str) -> AsyncIterator[S3Target]:
    """Open the place of `--export`; raises ConfigError as `open_aws`, NotReady without credentials."""
    async with open_s3() as (client, credentials):
        await credentials.ready()
        yield S3Target(client, bucket, prefix)
