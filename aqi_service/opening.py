"""Open what a Config names: archive, store and lease, on AWS, on this machine, or for a dry run.

One rule: whatever is opened here is closed here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aqi_service import __version__
from aqi_service.config import Config
from aqi_service.storage import Lease, Storage
from aqi_service.storage.dry import DryArchive, DryLease, DryStore

Prune = Callable[[Iterable[str]], Awaitable[int]]
Extras = Callable[[], Awaitable[list[str]]]


async def _nothing_missing() -> list[str]:
    return []


async def _nothing_to_create() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Opened:
    """What a Config names, open.

    Attributes:
        storage: archive and store.
        place: region, endpoint, bucket and table, or the folder, for a person.
        create: makes what is missing of bucket and table.
        missing: names what that would add to what is there.
        prune: deletes snapshots by name, where this program does that itself.
        lease: who may load the live feed; nobody has taken it yet.
    """

    storage: Storage
    place: str
    create: Callable[[], Awaitable[None]] = _nothing_to_create
    missing: Extras = _nothing_missing
    prune: Prune | None = None
    lease: Lease = field(default_factory=DryLease)


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Opened]:
    """Open archive, store and lease; raises ConfigError when the settings cannot be used."""
    if config.dry_run:
        yield Opened(Storage(DryArchive(), DryStore()), "dry run, nothing is written")
        return
    async with _local(config) if config.local else _aws(config) as found:
        try:
            yield found
        finally:
            await found.storage.archive.close()
            await found.storage.store.close()


@asynccontextmanager
async def _local(config: Config) -> AsyncIterator[Opened]:
    from aqi_service.storage.holder import holder_name  # noqa: PLC0415  # not for a dry run
    from aqi_service.storage.local_archive import LocalArchive  # noqa: PLC0415  # only with --local
    from aqi_service.storage.local_lease import LocalLease  # noqa: PLC0415  # only with --local
    from aqi_service.storage.local_store import LocalStore  # noqa: PLC0415  # only with --local

    if config.local is None:
        raise ValueError("not a local configuration")
    archive = LocalArchive(config.local, read_only=config.serve_only)
    store = LocalStore(config.local, read_only=config.serve_only)
    lease = LocalLease(config.local, holder_name())
    try:
        place = f"folder {config.local}"
        yield Opened(Storage(archive, store), place, prune=archive.delete, lease=lease)
    finally:
        await lease.close()


@asynccontextmanager
async def _aws(config: Config) -> AsyncIterator[Opened]:
    from aqi_service.storage import aws, provision  # noqa: PLC0415  # a second of imports, only for AWS
    from aqi_service.storage.dynamodb import DynamoStore  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.holder import holder_name  # noqa: PLC0415  # not for a dry run
    from aqi_service.storage.lease import DynamoLease  # noqa: PLC0415  # only for AWS
    from aqi_service.storage.s3 import S3Archive  # noqa: PLC0415  # only for AWS

    async with aws.open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, config.table)
        storage = Storage(S3Archive(clients.s3, config.bucket, config.bucket_owner), store)
        lease = DynamoLease(clients.writes, config.table, store.keyed, holder_name())

        async def create() -> None:
            await provision.create_bucket(clients.s3, config.bucket, config.bucket_owner)
            await provision.create_table(clients.writes, config.table)

        async def missing() -> list[str]:
            return await provision.missing(clients.writes, config.table)

        place = f"{aws.described(clients)}, bucket {config.bucket}, table {config.table}"
        yield Opened(storage, place, create, missing, lease=lease)


def first_line(config: Config, found: Opened) -> str:
    """Name version, place, scale and interval."""
    scale = "the table's" if config.serve_only else config.scale_name
    interval = "none" if config.load_only or config.serve_only else f"{config.interval} s"
    return f"aqi_service {__version__}, {found.place}, scale {scale}, interval {interval}"
