"""Writes to a DynamoDB table: a batch, or one item under a condition; each is repeated until it is settled.

One rule: an item that must be written again, or was read some time ago, is read and judged again first.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from aqi_service.core.clocks import counts_until
from aqi_service.core.costs import write_units
from aqi_service.core.items import Item
from aqi_service.errors import ItemOutdated, ItemRefused, Unavailable
from aqi_service.storage.aws.clients import WRITE_CONCURRENCY
from aqi_service.storage.aws.dynamodb_attributes import key, put_request, to_attributes
from aqi_service.storage.aws.dynamodb_batches import read_batch, write_batch
from aqi_service.storage.aws.dynamodb_rate import Throttle
from aqi_service.storage.aws.errors import refused_as, translated
from aqi_service.storage.aws.retry import Sleep, Slots, retry_unprocessed
from aqi_service.storage.cleanup import gather_or_cancel
from aqi_service.storage.ports import Judged, PutResult

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

WRITE_LIMIT = 25
"""Most items of one BatchWriteItem."""

WRITE_SECONDS = 4.0
"""Most seconds for one try of a write, counted from before its guard is asked. This is shorter than the last
part of a lease, which its holder does not use (`lease.SPARE_SECONDS`): so each request that the guard let go
is answered, or given up with its connection closed, before another can hold the lease.
"""

FRESH_SECONDS = 2.0
"""For this many seconds after a read of the table, a write may still go out based on it, unless it is a
repetition."""

NOT_NEWER = (
    "attribute_not_exists(measured_at) OR measured_at < :measured OR "
    "(measured_at = :measured AND "
    "(attribute_not_exists(snapshot_at) OR snapshot_at <= :taken OR snapshot_at > :until))"
)
"""The condition of a write that the table itself must judge: its item is not newer (an item without
`measured_at` was judged by its timestamp when it was read), in the sense of `core.items.judge` and
`dated`."""


@dataclass(frozen=True, slots=True)
class Put:
    """One `Store.put` under way.

    Attributes:
        key_type: of the table's key, `S` or `N`.
        guard: is called right before each request.
        conditional: each item is written alone, under NOT_NEWER.
        judged: how the items were judged, if they are not conditional.
        superseded: ids that turned out to be outdated.
        refused: id -> why.
    """

    key_type: str
    guard: Callable[[], None]
    conditional: bool
    judged: Judged | None
    superseded: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def units(self, item: Item) -> int:
        """Return the write units of one item."""
        return write_units(item, self.judged.old.get(item.id) if self.judged else None)

    @property
    def result(self) -> PutResult:
        """The result so far."""
        return PutResult(frozenset(self.superseded), self.refused)


class Writer:
    """Writes to one table: `slots` limit its requests under way, `throttle` knows how much it takes."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Sleep, turn: Sleep) -> None:
        self._client = client
        self._table = table
        self._what = f"table {table}"
        self._sleep = sleep
        self.slots = Slots(WRITE_CONCURRENCY)
        self.throttle = Throttle(turn)

    async def write(self, items: Sequence[Item], put: Put) -> None:
        """Write items with distinct ids."""
        if put.conditional:
            await gather_or_cancel(self._put_one(item, put) for item in items)
        else:
            groups = (items[i : i + WRITE_LIMIT] for i in range(0, len(items), WRITE_LIMIT))
            await gather_or_cancel(self._put_batch(group, put) for group in groups)

    async def _put_batch(self, items: Sequence[Item], put: Put) -> None:
        """Write one batch; if AWS calls it invalid, write its items one by one to find the bad one."""
        rest: Mapping[str, Item] = {item.id: item for item in items}
        is_repeated = False

        async def request(left: Mapping[str, Item]) -> Mapping[str, Item]:
            nonlocal rest, is_repeated
            some = dict(islice(left.items(), await self._turn(left.values(), put)))
            if put.judged and (is_repeated or self._is_stale(put.judged)):
                settled, some = await self._judge_again(some, put.judged, put.key_type)
                left = rest = {i: item for i, item in left.items() if i not in settled}
            is_repeated = True
            again = await self._send(some, put)
            rest = {i: item for i, item in left.items() if i in again or i not in some}
            return rest

        try:
            await retry_unprocessed(rest, request, self._what, self.slots, self._sleep)
        except ItemRefused:
            await gather_or_cancel(self._put_one(item, put) for item in rest.values())

    async def _turn(self, items: Collection[Item], put: Put) -> int:
        """Wait for a turn; return for how many of the items it is, from the first on."""
        units = [put.units(item) for item in items] if self.throttle.cap else ()
        return await self.throttle.turn(len(items), units)

    async def _send(self, some: Mapping[str, Item], put: Put) -> Set[str]:
        """Write some items in one request; return the ids that are not written yet."""
        if not some:
            return frozenset()
        puts = {i: put_request(item, put.key_type) for i, item in some.items()}
        async with self._try(len(puts), put.guard):
            again = await write_batch(self._client, self._table, puts)
        self.throttle.took(len(puts) - len(again), len(again))
        return again

    def _is_stale(self, judged: Judged) -> bool:
        """Tell whether the items were judged by a read that is too old."""
        return asyncio.get_running_loop().time() - judged.asked_at > FRESH_SECONDS

    async def _judge_again(
        self, some: Mapping[str, Item], judged: Judged, key_type: str
    ) -> tuple[Set[str], dict[str, Item]]:
        """Read what the table now has for these; return the settled ids, and the items to write.

        An item that the table did not give is in neither: it is read with the next try. The read has no turn
        of its own, since it belongs to a request that has one.
        """
        keys = [key(i, key_type) for i in some]
        with refused_as(Unavailable), translated(self._what):
            async with asyncio.timeout(WRITE_SECONDS):
                there, unread = await read_batch(self._client, self._table, keys, ConsistentRead=True)
        if len(unread) >= len(some):
            raise Unavailable(f"{self._what}: the table gives nothing more (throttled)")
        left = {value for each in unread for value in each["id"].values()}
        read = {i: item for i, item in some.items() if i not in left}
        wanted = {item.id: item for item in judged.again(read.values(), there)}
        return read.keys() - wanted.keys(), wanted

    async def _put_one(self, item: Item, put: Put) -> None:
        """Write one item, under the condition that the table's is not newer, unless nobody judges."""
        unjudged = put.judged is None and not put.conditional
        values: Any = to_attributes(item, put.key_type)

        async def request(left: Sequence[Item]) -> Sequence[Item]:
            await self._turn((item,), put)
            if put.judged and not put.conditional:  # then it is one of a batch that was refused
                _, wanted = await self._judge_again({item.id: item}, put.judged, put.key_type)
                if not wanted:
                    return ()
            condition: Any = {} if unjudged else _not_newer(item, time.time())
            async with self._try(1, put.guard):
                await self._client.put_item(TableName=self._table, Item=values, **condition)
            self.throttle.took(1, 0)
            return ()

        left: Sequence[Item] = [item]
        try:
            await retry_unprocessed(left, request, self._what, self.slots, self._sleep)
        except ItemOutdated:
            put.superseded.add(item.id)
        except ItemRefused as error:
            put.refused[item.id] = str(error)

    @asynccontextmanager
    async def _try(self, items: int, guard: Callable[[], None]) -> AsyncIterator[None]:
        """Let a write of this many items go if the guard allows it; give it up after WRITE_SECONDS."""
        with self.throttle.noting_refusal(items), translated(self._what):
            async with asyncio.timeout(WRITE_SECONDS):
                guard()
                yield


def _not_newer(item: Item, now: float) -> dict[str, Any]:
    """Return the condition and its values; `now` in epoch seconds."""
    return {
        "ConditionExpression": NOT_NEWER,
        "ExpressionAttributeValues": {
            ":measured": {"N": str(item.measured_at or 0)},
            ":taken": {"N": str(item.snapshot_at or 0)},
            ":until": {"N": str(counts_until(now))},
        },
    }
