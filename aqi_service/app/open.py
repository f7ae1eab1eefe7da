"""Open what a Config names: archive, store and lease, on AWS, on this machine, or for a dry run.

One rule: whatever is opened here is closed here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aqi_service import __version__
from aqi_service.app.config import Config
from aqi_service.core.s3_urls import parse_s3
from aqi_service.snapshots.select import SnapshotLocations
from aqi_service.storage.dry import DryArchive, DryLease, DryStore
from aqi_service.storage.ports import Archive, Lease, Objects, Storage

Prune = Callable[[Iterable[str]], Awaitable[int]]
Extras = Callable[[], Awaitable[list[str]]]


async def _nothing_missing() -> list[str]:
    return []


async def _nothing_to_do() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Backend:
    """What a Config names, open.

    Attributes:
        storage: archive and store.
        place: region, endpoint, bucket and table, or the folder, for a person.
        create: makes what is missing of bucket and table; names what it could do without.
        writable: returns if the table takes what a load writes; raises ConfigError for what keeps it from it.
        missing: names what that would add to what is there.
        wrong: says what is there in another form than it makes, one sentence each.
        prune: deletes snapshots by name, where this program does that itself.
        lease: who may load the live feed; nobody has taken it yet.
        places: where `--from` looks for snapshots.
    """

    storage: Storage
    location: str
    create: Extras = _nothing_missing
    writable: Callable[[], Awaitable[None]] = _nothing_to_do
    missing: Extras = _nothing_missing
    wrong: Extras = _nothing_missing
    prune: Prune | None = None
    lease: Lease = field(default_factory=DryLease)
    snapshot_locations: SnapshotLocations = field(default_factory=lambda: SnapshotLocations(DryArchive()))


@asynccontextmanager
async def open_backend(config: Config) -> AsyncIterator[Backend]:
    """Open archive, store and lease; raises ConfigError when the settings cannot be used."""
    if config.dry_run:
        async with _dry(config) as found:
            yield found
        return
    async with _local(config) if config.local else _aws(config) as found:
        try:
            yield found
        finally:
            await found.storage.archive.close()
            await found.storage.store.close()


@asynccontextmanager
async def _dry(config: Config) -> AsyncIterator[Backend]:
    archive: Archive = DryArchive()
    if config.local:
        from aqi_service.storage.local.archive import LocalArchive  # noqa: PLC0415  # only with --local

        archive = LocalArchive(config.local, read_only=True)
    try:
        dry = Storage(DryArchive(), DryStore())
        yield Backend(dry, "dry run, nothing is written", snapshot_locations=SnapshotLocations(archive))
    finally:
        await archive.close()


@asynccontextmanager
async def _local(config: Config) -> AsyncIterator[Backend]:
    from aqi_service.storage.local.archive import LocalArchive  # noqa: PLC0415  # only with --local
    from aqi_service.storage.local.lease import LocalLease  # noqa: PLC0415  # only with --local
    from aqi_service.storage.local.store import LocalStore  # noqa: PLC0415  # only with --local
    from aqi_service.storage.process_name import holder_name  # noqa: PLC0415  # not for a dry run

    if config.local is None:
        raise ValueError("not a local configuration")
    archive = LocalArchive(config.local, read_only=config.serve_only)
    store = LocalStore(config.local, read_only=config.serve_only)
    lease = LocalLease(config.local, holder_name())
    try:
        async with _objects(config) as objects:
            places = SnapshotLocations(archive, objects=objects)
            storage, place = Storage(archive, store), f"folder {config.local}"
            yield Backend(storage, place, prune=archive.delete, lease=lease, snapshot_locations=places)
    finally:
        await lease.close()


@asynccontextmanager
async def _objects(config: Config) -> AsyncIterator[Objects | None]:
    """Open what reads `s3://` sources, if one was named."""
    if not any(map(parse_s3, config.sources)):
        yield None
        return
    from aqi_service.storage.aws.clients import open_s3  # noqa: PLC0415  # a second of imports
    from aqi_service.storage.aws.s3_objects import S3Objects  # noqa: PLC0415  # only for s3://

    async with open_s3() as client:
        yield S3Objects(client)


@asynccontextmanager
async def _aws(config: Config) -> AsyncIterator[Backend]:
    from aqi_service.storage.aws import clients as aws  # noqa: PLC0415  # a second of imports, only for AWS
    from aqi_service.storage.aws import create as provision  # noqa: PLC0415  # a second of imports, only for AWS
    from aqi_service.storage.aws import s3_lifecycle  # noqa: PLC0415  # a second of imports, only for AWS
    from aqi_service.storage.aws.dynamodb_lease import DynamoLease  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.aws.dynamodb_store import DynamoStore  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.aws.s3_archive import S3Archive  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.aws.s3_objects import S3Objects  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.process_name import holder_name  # noqa: PLC0415  # not for a dry run

    async with aws.open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, config.table)
        storage = Storage(S3Archive(clients.s3, config.bucket, config.bucket_owner), store)
        lease = DynamoLease(clients.writes, config.table, store.keyed, holder_name())

        async def create() -> list[str]:
            bucket = (clients.s3, config.bucket, config.bucket_owner)
            await provision.create_bucket(*bucket)
            lack = await s3_lifecycle.end_incomplete_uploads(*bucket)
            await provision.create_table(clients.writes, config.table)
            return [lack] if lack else []

        async def writable() -> None:
            await provision.check_writable(clients.writes, config.table)

        async def missing() -> list[str]:
            return await provision.missing(clients.writes, config.table)

        async def wrong() -> list[str]:
            return await provision.wrong(clients.writes, config.table)

        place = f"{aws.described(clients)}, bucket {config.bucket}, table {config.table}"
        places = SnapshotLocations(storage.archive, config.bucket, S3Objects(clients.s3))
        yield Backend(
            storage, place, create, writable, missing, wrong, lease=lease, snapshot_locations=places
        )


def first_line(config: Config, found: Backend) -> str:
    """Name version, place, scale and interval."""
    scale = "the table's" if config.serve_only else config.scale_name
    interval = "none" if config.load_only or config.serve_only else f"{config.interval} s"
    return f"aqi_service {__version__}, {found.location}, scale {scale}, interval {interval}"
