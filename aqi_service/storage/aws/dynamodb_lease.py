"""The lease of a DynamoDB table: one item that names its holder, changed only by conditional writes.

One rule: no two clocks are compared. Each write gives the item a new random `term`. A holder counts from the
moment before it sent its last successful write; a contender counts from the moment after it first read the
present term. The contender waits LEASE_SECONDS, the holder stops SPARE_SECONDS earlier.

A term begins with its lease's own nonce, so a write of ours with a lost answer, or a late one, is recognised
as ours. If a person deletes the item by hand, a second holder can come in until the first one renews.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aqi_service.core.items import LEASE_IDS
from aqi_service.errors import ItemOutdated, LeaseLost, Unavailable
from aqi_service.storage.aws.dynamodb_attributes import AttributeValues, key
from aqi_service.storage.aws.retry import RetryPolicy, Sleep, call_with_retry
from aqi_service.storage.lease import LEASE_SECONDS
from aqi_service.storage.process_name import described, is_dead

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

SPARE_SECONDS = 5.0
"""The last part of a lease, which its holder does not use: for requests on their way, and clocks that
drift."""

ANSWER_SECONDS = 9.0
"""Most seconds for one `take`, `renew` or `release`: far under LEASE_SECONDS."""

QUICK = RetryPolicy(attempts=3, base=0.1, seconds=2.5)
"""How often a single request is tried."""

CHANGES = 5
"""Most writes in a row that may come too late, after another's or an earlier one of ours."""

Keyed = Callable[[], AbstractAsyncContextManager[str]]


def awake_or_not() -> float:
    """Return seconds of a monotonic clock; on Linux it goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Means(NamedTuple):
    """What a lease needs from the machine: who is dead, what time it is, and how to wait."""

    dead: Callable[[str], bool] = is_dead
    clock: Callable[[], float] = awake_or_not
    sleep: Sleep = asyncio.sleep


class _Seen(NamedTuple):
    """The result of a read: the holder's name, and the term as the table has it (None: there is no lease)."""

    holder: str = ""
    term: Mapping[str, Any] | None = None


_OWN = Means()
_NOTHING = _Seen()
_NEVER = float("-inf")


class DynamoLease:
    """The lease of one table; keeps the port `storage.Lease`.

    One process may have several. `client` is a client for writes, `keyed` gives the type of the table's key
    (DynamoStore.keyed), `name` is this process's name.
    """

    def __init__(
        self, client: "DynamoDBClient", table: str, keyed: Keyed, name: str, means: Means = _OWN
    ) -> None:
        self._client = client
        self._table = table
        self._what = f"the lease of table {table}"
        self._keyed = keyed
        self._name = name
        self._dead, self._clock, self._sleep = means
        self._nonce = secrets.token_hex(8)
        self._seen = _NOTHING  # what the table had when we last knew
        self._since = self._clock()  # when we first saw that
        self._until = _NEVER  # when our own lease ends
        self._tried = False  # to write; something of ours may be there even after an error

    async def take(self) -> str | None:
        """Take the lease if there is none, or it is ours, or its holder is dead or silent for too long.

        Returns None if it is ours now, else its holder's name. Raises Unavailable if the table does not
        answer; the lease may still be ours, which the next call finds out.
        """
        async with self._request() as kind:
            await self._read(kind)
            taken = await self._change(kind, self._write, self._may_take)
            return None if taken else self._seen.holder

    async def renew(self) -> None:
        """Renew the lease. Raises LeaseLost if another holds it or it vanished.

        A lease that ran out, and that nobody has taken meanwhile, is ours again.
        """
        async with self._request() as kind:
            if not await self._change(kind, self._write, self._is_ours):
                whose = "nobody" if self._seen.term is None else described(self._seen.holder)
                raise LeaseLost(f"{self._what} is held by {whose} now")

    async def release(self) -> None:
        """Delete the item if it is ours, also one that a lost or late request left."""
        self._until = _NEVER
        if not self._tried:
            return
        async with self._request() as kind:
            if not self._is_ours():
                await self._read(kind)
            await self._change(kind, self._delete, self._is_ours)
            self._tried = False

    def check(self) -> None:
        """Raise LeaseLost unless the lease is certainly ours now."""
        if self._clock() >= self._until:
            raise LeaseLost(f"{self._what} is not ours, or ran out")

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[str]:
        """Give the type of the key; limit the work inside to ANSWER_SECONDS."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._keyed() as kind:
                yield kind
        except TimeoutError as error:
            raise Unavailable(f"{self._what}: no answer in time") from error

    async def _change(
        self, kind: str, write: Callable[[str], Awaitable[bool]], may: Callable[[], bool]
    ) -> bool:
        """Replace the item that was last read, as long as we may; tell whether that was done."""
        for _ in range(CHANGES):
            if not may():
                return False
            if await write(kind):
                return True
            await self._read(kind)
        raise Unavailable(f"{self._what}: others change it all the time")

    def _may_take(self) -> bool:
        seen = self._seen
        return (
            seen.term is None
            or self._is_ours()
            or self._clock() - self._since >= LEASE_SECONDS
            or self._dead(seen.holder)
        )

    def _is_ours(self) -> bool:
        # Only we write terms with our nonce, so nobody else can rely on one.
        return self._seen.term is not None and self._seen.term.get("S", "").startswith(self._nonce)

    async def _read(self, kind: str) -> None:
        """Read who holds it, and note since when that is unchanged."""
        answer = await call_with_retry(
            self._what,
            lambda: self._client.get_item(TableName=self._table, Key=_key(kind), ConsistentRead=True),
            self._sleep,
            QUICK,
        )
        values: Any = answer.get("Item", {})
        seen = _Seen(str(values.get("holder", {}).get("S", "")), values.get("term"))
        if seen.term != self._seen.term:
            self._since = self._clock()  # after the answer: the term may have been written just before
        self._seen = seen
        if not self._is_ours():
            self._until = _NEVER

    async def _write(self, kind: str) -> bool:
        """Write our name and a new term if the item is as last read; tell whether it was."""
        term = {"S": f"{self._nonce}.{secrets.token_hex(8)}"}
        values: Any = _key(kind) | {"holder": {"S": self._name}, "term": term}
        still = self._still()
        self._tried = True
        sent = self._clock()
        done = await self._call(lambda: self._client.put_item(TableName=self._table, Item=values, **still))
        if done:
            self._seen = _Seen(self._name, term)
            self._until = sent + LEASE_SECONDS - SPARE_SECONDS
        return done

    async def _delete(self, kind: str) -> bool:
        """Delete the item if it is as last read; tell whether it was."""
        still = self._still()
        done = await self._call(
            lambda: self._client.delete_item(TableName=self._table, Key=_key(kind), **still)
        )
        if done:
            self._seen = _NOTHING
        return done

    def _still(self) -> Any:
        """Return the condition that the item is as last read, by its exact term.

        So a request that was given up, and arrives late, changes nothing that came after it.
        """
        condition: dict[str, Any] = {"ExpressionAttributeNames": {"#term": "term"}}
        if self._seen.term is None:
            return condition | {"ConditionExpression": "attribute_not_exists(#term)"}
        values = {":seen": self._seen.term}
        return condition | {"ConditionExpression": "#term = :seen", "ExpressionAttributeValues": values}

    async def _call(self, request: Callable[[], Awaitable[object]]) -> bool:
        """Make a conditional request; tell whether its condition held."""
        try:
            await call_with_retry(self._what, request, self._sleep, QUICK)
        except ItemOutdated:
            return False
        return True


def _key(kind: str) -> AttributeValues:
    text, number = LEASE_IDS
    return key(text if kind == "S" else number, kind)
