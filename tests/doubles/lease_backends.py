"""Every lease, for the tests of its contract: an entry gives contenders for one table, each under its name.

One rule: the contenders of an entry read one clock, which only a test moves, and wait for nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.local.lease import LocalLease
from aqi_service.storage.ports import Lease, Store
from tests.doubles.aws_backends import on_moto
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.clock import HandClock
from tests.doubles.stores import local_store


class Contest:
    """A table, the clock, and a way to make one more contender; names in `dead` are dead processes."""

    def __init__(self, store: Store, make: Callable[[str, Means], Lease], kind: str = "") -> None:
        self.store = store
        self.clock = HandClock(1000.0)
        self.dead: set[str] = set()
        self.kind = kind
        self._make = make

    def contender(self, name: str) -> Lease:
        """Make a lease of the table, in a process of this name."""
        return self._make(name, Means(self.dead.__contains__, self.clock, at_once))


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Contest]:
    """Contend for a folder."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(local_store(folder))

        def make(name: str, _: Means) -> Lease:
            lease = LocalLease(folder, name)
            stack.push_async_callback(lease.close)
            return lease

        yield Contest(store, make)


@asynccontextmanager
async def dynamodb(_folder: Path, kind: str = "S") -> AsyncIterator[Contest]:
    """Contend for a table whose key is of this type."""
    async with on_moto() as (clients, moto):
        await clients.writes.create_table(
            TableName=moto.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S" if kind == "S" else "N"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        store = DynamoStore(clients.writes, clients.lookups, moto.table, sleep=at_once)
        yield Contest(store, partial(DynamoLease, clients.writes, moto.table, store.keyed), kind)


LEASES: dict[str, Callable[[Path], AbstractAsyncContextManager[Contest]]] = {
    "local": local,
    "dynamodb": dynamodb,
    "dynamodb-number-key": partial(dynamodb, kind="N"),
}
