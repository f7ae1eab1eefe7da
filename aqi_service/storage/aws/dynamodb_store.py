"""The Store over DynamoDB: bounded concurrency, typed values, nothing lost on the way.

One rule: a request is repeated until each of its items is in the table or refused for good, or until an error
says that the table cannot be reached.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aqi_service.core.decimals import integer
from aqi_service.core.items import Item
from aqi_service.errors import ConfigError, ItemRefused, MissingResource, Unavailable
from aqi_service.storage.aws.dynamodb_attributes import described_table, from_attributes, key, key_kind
from aqi_service.storage.aws.dynamodb_batches import read_batch
from aqi_service.storage.aws.dynamodb_cap import WriteCap
from aqi_service.storage.aws.dynamodb_deletes import delete_of_sensor
from aqi_service.storage.aws.dynamodb_rate import Throttle
from aqi_service.storage.aws.dynamodb_sensors import query_page, usable_index
from aqi_service.storage.aws.dynamodb_writes import Put, Writer
from aqi_service.storage.aws.errors import refused_as, translated
from aqi_service.storage.aws.retry import RetryPolicy, Sleep, call_with_retry, retry_unprocessed
from aqi_service.storage.lease import no_guard
from aqi_service.storage.ports import READ_LIMIT, Judged, PutResult
from aqi_service.storage.sensor_reads import SensorPage, SensorRange

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

_KEY_GONE = "its KMS key is disabled, gone or not for DynamoDB: mend the key"
_FOR_GOOD = {
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": _KEY_GONE,
    "ARCHIVING": _KEY_GONE,
    "ARCHIVED": "AWS has put it into a backup, as its KMS key was gone for a week: restore that",
}
"""States of a table that only a person can end, and how."""

LOOKUP = RetryPolicy(attempts=3, base=0.05, seconds=5.0)
"""A lookup is tried only for a short time: a client is waiting."""


class DynamoStore:
    """Items in one table; `writes` and `lookups` are separate clients."""

    def __init__(
        self,
        writes: "DynamoDBClient",
        lookups: "DynamoDBClient",
        table: str,
        sleep: Sleep = asyncio.sleep,
        turn: Sleep | None = None,
    ) -> None:
        self._writes = writes
        self._lookups = lookups
        self._table = table
        self._what = f"table {table}"
        self._sleep = sleep
        turn = sleep if turn is None else turn
        self._writer = Writer(writes, table, sleep, turn)
        self._reads = Throttle(turn)
        self._key_kind: str | None = None

    def cap_writes(self, units: int) -> None:
        """Use at most this many write units a second from now on."""
        self._writer.throttle.cap = WriteCap(units)

    @property
    def items_per_second(self) -> float | None:
        """What the table takes, as far as refusals told."""
        return self._writer.throttle.items_per_second

    async def check(self) -> None:
        """Read the table's description: its state and the type of its key."""
        await self._look()

    async def identity(self) -> str:
        """Return the id that AWS gave this table when it was made, or what an emulator has in its place."""
        table = await self._describe()
        made: datetime | None = table.get("CreationDateTime")
        return str(table.get("TableId") or (made and made.astimezone(UTC).isoformat()) or self._table)

    async def get(self, record_id: str) -> Item | None:
        """Look one item up (eventually consistent: half the price, and at most about a second behind)."""
        if integer(record_id) != record_id:
            return None
        async with self.keyed() as kind:
            answer = await call_with_retry(
                self._what,
                lambda: self._lookups.get_item(TableName=self._table, Key=key(record_id, kind)),
                self._sleep,
                LOOKUP,
            )
        found = answer.get("Item")
        return None if found is None else from_attributes(found)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Item | None]:
        """Look several up in one request; ask again for unprocessed ones, as often as for a single one."""
        found: dict[str, Item] = {}
        left: Sequence[Any] = []

        async def request() -> None:
            nonlocal left
            there, left = await read_batch(self._lookups, self._table, left)
            found.update(there)
            if left:
                raise Unavailable(f"{self._what}: the table gives nothing more (throttled)")

        async with self._keyed() as kind:
            left = keys = [key(i, kind) for i in ids if integer(i) == i]
            try:
                if keys:
                    await call_with_retry(self._what, request, self._sleep, LOOKUP)
            except Unavailable:
                if len(left) == len(keys):
                    raise
        missed = {value for each in left for value in each["id"].values()}
        return {i: found.get(i) for i in ids if i not in missed}

    async def read(self, ids: Sequence[str]) -> dict[str, Item]:
        """Read up to READ_LIMIT ids consistently; unprocessed keys are asked for again."""
        if len(ids) > READ_LIMIT:
            raise ValueError(f"{len(ids)} ids in one read, the limit is {READ_LIMIT}")
        found: dict[str, Item] = {}

        async def request(keys: Sequence[Any]) -> Sequence[Any]:
            some = keys[: await self._reads.turn(len(keys))]
            with self._reads.noting_refusal(len(some)), translated(self._what):
                there, left = await read_batch(self._writes, self._table, some, ConsistentRead=True)
            self._reads.took(len(some) - len(left), len(left))
            found.update(there)
            return [*left, *keys[len(some) :]]

        async with self.keyed() as kind:
            keys: Sequence[Any] = [key(i, kind) for i in ids if integer(i) == i]
            await retry_unprocessed(keys, request, self._what, self._writer.slots, self._sleep)
        return found

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        """Query the index by sensor (eventually consistent, as an index always is)."""
        with usable_index(self._what):
            return await call_with_retry(
                self._what,
                lambda: query_page(self._lookups, self._table, asked, ages, position),
                self._sleep,
                LOOKUP,
            )

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        """Write items with distinct ids, in batches, or one by one under a condition."""
        put = Put(await self._key(), guard, conditional, judged)
        await self._writer.write(items, put)
        return put.result

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        """Delete items one by one, each only if it still belongs to that sensor."""
        async with self.keyed() as kind:
            keys = [key(i, kind) for i in ids if integer(i) == i]
            return await delete_of_sensor(self._writes, self._table, sensor_id, keys, self._sleep)

    async def settle(self) -> None:
        """Return immediately: what DynamoDB acknowledged is on three disks."""

    async def receipt(self) -> str | None:
        """Return None: a restored table has another id."""
        return None

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        """Return only None, if it is among them."""
        return frozenset({None}.intersection(receipts))

    async def expire(self, now: int) -> int:
        """Return 0: the table's own TTL on `expires_at` deletes."""
        del now
        return 0

    async def close(self) -> None:
        """Return immediately: the code that opened the clients closes them."""

    async def _describe(self) -> Any:
        with refused_as(ConfigError):
            answer = await call_with_retry(
                self._what, lambda: self._lookups.describe_table(TableName=self._table), self._sleep
            )
        return described_table(self._what, answer)

    async def _look(self) -> str:
        table = await self._describe()
        status = table["TableStatus"]
        if status in _FOR_GOOD:
            raise ConfigError(f"{self._what}: {_FOR_GOOD[status]} ({status})")
        if status not in ("ACTIVE", "UPDATING"):
            raise Unavailable(f"{self._what} is {status.lower()}")
        self._key_kind = kind = key_kind(self._what, table)
        return kind

    async def _key(self) -> str:
        return self._key_kind or await self._look()

    @asynccontextmanager
    async def keyed(self) -> AsyncIterator[str]:
        """Give the type of the key, `S` or `N`, to a request that writes no item."""
        with refused_as(Unavailable):
            async with self._keyed() as kind:
                yield kind

    @asynccontextmanager
    async def _keyed(self) -> AsyncIterator[str]:
        """Give the type of the key; forget it if the table is gone, or was made again with another."""
        try:
            yield await self._key()
        except (MissingResource, ItemRefused):
            self._key_kind = None
            raise
