"""The Store over DynamoDB: bounded concurrency, typed values, nothing lost on the way.

One rule: a request is repeated until each of its items is in the table, refused for good, or an error says
that the table cannot be reached.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import orjson

from aqi_service.core.decimals import integer
from aqi_service.core.items import Item
from aqi_service.errors import ConfigError, ItemOutdated, ItemRefused, MissingResource, Unavailable
from aqi_service.storage import READ_LIMIT, PutResult, free
from aqi_service.storage.attributes import from_attributes, key, key_kind, put_request, to_attributes
from aqi_service.storage.aws import WRITE_CONCURRENCY
from aqi_service.storage.aws_errors import is_throttled, refused_as, translated
from aqi_service.storage.bodies import answer_of, tables_of
from aqi_service.storage.pace import Pace
from aqi_service.storage.rate import Rate
from aqi_service.storage.retry import Sleep, Tries, call, together, until_done

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

WRITE_LIMIT = 25
"""Most items of one BatchWriteItem."""

WRITE_SECONDS = 4.0
"""Longest time of one try of a write, from before its guard is asked.

Shorter than the last part of a lease, which its holder does not use (`lease.SPARE_SECONDS`): what the guard
let go has been answered, or given up and its connection closed, before another may hold the lease.
"""

LOOKUP = Tries(attempts=3, base=0.05, seconds=5.0)
"""A lookup is tried quickly: a client is waiting."""

NOT_NEWER = (
    "attribute_not_exists(measured_at) OR measured_at < :measured OR "
    "(measured_at = :measured AND (attribute_not_exists(snapshot_at) OR snapshot_at <= :taken))"
)
"""The condition of a replay's write: what is there is not newer (an item without `measured_at` was judged
by its timestamp when it was read)."""


class DynamoStore:
    """Items in one table; `writes` and `lookups` are clients of their own."""

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
        self._turn = sleep if turn is None else turn
        self._pace = Pace(WRITE_CONCURRENCY)
        self._rate = Rate()
        self._key_kind: str | None = None

    @property
    def items_per_second(self) -> float | None:
        """What the table takes, as far as refusals told."""
        return self._rate.items_per_second

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
            answer = await call(
                self._what,
                lambda: self._lookups.get_item(TableName=self._table, Key=key(record_id, kind)),
                self._sleep,
                LOOKUP,
            )
        found = answer.get("Item")
        return None if found is None else from_attributes(found)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Item | None]:
        """Look several up in one request, and again what it left unprocessed, as often as a lone one."""
        found: dict[str, Item] = {}
        left: Sequence[Any] = []

        async def request() -> None:
            nonlocal left
            left = await self._batch(self._lookups, left, found)
            if left:
                raise Unavailable(f"{self._what}: the table gives nothing more (throttled)")

        async with self._keyed() as kind:
            left = keys = [key(i, kind) for i in ids if integer(i) == i]
            try:
                if keys:
                    await call(self._what, request, self._sleep, LOOKUP)
            except Unavailable:
                if len(left) == len(keys):
                    raise
        missed = {value for each in left for value in each["id"].values()}
        return {i: found.get(i) for i in ids if i not in missed}

    async def _batch(
        self, client: "DynamoDBClient", keys: Sequence[Any], found: dict[str, Item], **how: bool
    ) -> Sequence[Any]:
        """Ask once for these keys; put into `found` what is there, and return what was not processed."""
        asked: Any = {self._table: orjson.dumps({"Keys": keys, **how})}
        answer = answer_of(await client.batch_get_item(RequestItems=asked))
        for values in chain(*tables_of(answer, "Responses")):
            item = from_attributes(values)
            found[item.id] = item
        return [key for said in tables_of(answer, "UnprocessedKeys") for key in said.get("Keys", [])]

    async def read(self, ids: Sequence[str]) -> dict[str, Item]:
        """Read up to READ_LIMIT ids consistently; unprocessed keys are asked for again."""
        if len(ids) > READ_LIMIT:
            raise ValueError(f"{len(ids)} ids in one read, the limit is {READ_LIMIT}")
        found: dict[str, Item] = {}

        async def request(keys: Sequence[Any]) -> Sequence[Any]:
            with translated(self._what):
                return await self._batch(self._writes, keys, found, ConsistentRead=True)

        async with self.keyed() as kind:
            keys: Sequence[Any] = [key(i, kind) for i in ids if integer(i) == i]
            await until_done(keys, request, self._what, self._pace, self._sleep)
        return found

    async def put(
        self, items: Sequence[Item], *, conditional: bool, guard: Callable[[], None] = free
    ) -> PutResult:
        """Write items of distinct ids, in batches or one by one under the condition NOT_NEWER."""
        kind = await self._key()
        refused: dict[str, str] = {}
        superseded: set[str] = set()
        if conditional:
            await together(self._put_one(item, kind, superseded, refused, guard) for item in items)
        else:
            groups = (items[i : i + WRITE_LIMIT] for i in range(0, len(items), WRITE_LIMIT))
            await together(self._put_batch(group, kind, refused, guard) for group in groups)
        return PutResult(frozenset(superseded), refused)

    async def settle(self) -> None:
        """Return at once: what DynamoDB acknowledged is on three disks."""

    async def receipt(self) -> str | None:
        """Return None: a table is restored under another id."""
        return None

    async def known_receipts(self, receipts: Collection[str]) -> frozenset[str]:
        """Return none of them."""
        del receipts
        return frozenset()

    async def expire(self, now: int) -> int:
        """Return 0: the table's own TTL on `expires_at` deletes."""
        del now
        return 0

    async def close(self) -> None:
        """Return at once: whoever opened the clients closes them."""

    async def _describe(self) -> Any:
        with refused_as(ConfigError):
            answer = await call(
                self._what, lambda: self._lookups.describe_table(TableName=self._table), self._sleep
            )
        return answer["Table"]

    async def _look(self) -> str:
        table = await self._describe()
        if table["TableStatus"] not in ("ACTIVE", "UPDATING"):
            raise Unavailable(f"{self._what} is {table['TableStatus'].lower()}")
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
        """Give the type of the key; forget it when the table is gone, or was made anew with another."""
        try:
            yield await self._key()
        except (MissingResource, ItemRefused):
            self._key_kind = None
            raise

    @asynccontextmanager
    async def _try(self, items: int, guard: Callable[[], None]) -> AsyncIterator[None]:
        """Let a write of so many items go in its turn, if the guard does; give it up after WRITE_SECONDS."""
        clock = asyncio.get_running_loop().time
        if wait := self._rate.due(items, clock()):
            await self._turn(wait)
        try:
            with translated(self._what):
                async with asyncio.timeout(WRITE_SECONDS):
                    guard()
                    yield
        except Unavailable as error:
            if is_throttled(error):
                self._rate.took(0, items, clock())
            raise

    async def _put_batch(
        self, items: Sequence[Item], kind: str, refused: dict[str, str], guard: Callable[[], None]
    ) -> None:
        """Write one batch; if AWS calls it invalid, write its items one by one to find which is."""

        async def request(left: Mapping[str, bytes]) -> Mapping[str, bytes]:
            some = dict(islice(left.items(), self._rate.most(WRITE_LIMIT)))
            asked: Any = {self._table: b"[%s]" % b",".join(some.values())}
            async with self._try(len(some), guard):
                answer = answer_of(await self._writes.batch_write_item(RequestItems=asked))
            again = _unprocessed(answer, some.keys())
            self._rate.took(len(some) - len(again), len(again), asyncio.get_running_loop().time())
            return {i: put for i, put in left.items() if i in again or i not in some}

        puts: Mapping[str, bytes] = {item.id: put_request(item, kind) for item in items}
        try:
            await until_done(puts, request, self._what, self._pace, self._sleep)
        except ItemRefused:
            await together(self._put_one(item, kind, None, refused, guard) for item in items)

    async def _put_one(
        self,
        item: Item,
        kind: str,
        superseded: set[str] | None,
        refused: dict[str, str],
        guard: Callable[[], None],
    ) -> None:
        """Write one item; with a set `superseded` under the condition that what is there is not newer."""
        condition: Any = {} if superseded is None else _not_newer(item)

        async def request(left: Sequence[Item]) -> Sequence[Item]:
            values: Any = to_attributes(item, kind)
            async with self._try(1, guard):
                await self._writes.put_item(TableName=self._table, Item=values, **condition)
            self._rate.took(1, 0, asyncio.get_running_loop().time())
            return ()

        left: Sequence[Item] = [item]
        try:
            await until_done(left, request, self._what, self._pace, self._sleep)
        except ItemOutdated:
            if superseded is not None:
                superseded.add(item.id)
        except ItemRefused as error:
            refused[item.id] = str(error)


def _unprocessed(answer: Mapping[str, Any], sent: Set[str]) -> Set[str]:
    """Return the ids that are not written yet: all, if an id among them is in a form that was not sent."""
    puts = chain(*tables_of(answer, "UnprocessedItems"))
    ids = {record_id for put in puts for record_id in put["PutRequest"]["Item"]["id"].values()}
    return sent if ids - sent else ids


def _not_newer(item: Item) -> dict[str, Any]:
    return {
        "ConditionExpression": NOT_NEWER,
        "ExpressionAttributeValues": {
            ":measured": {"N": str(item.measured_at or 0)},
            ":taken": {"N": str(item.snapshot_at or 0)},
        },
    }
