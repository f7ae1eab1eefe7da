"""Makes the table, or adds what an existing one lacks.

One rule: it only adds; it never changes or deletes anything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from aqi_service.errors import (
    AqiError,
    ConfigError,
    ItemRefused,
    MissingResource,
    RequestRefused,
    Unavailable,
)
from aqi_service.storage.aws.dynamodb_attributes import check_indexes, described_table, indexes, key_kind
from aqi_service.storage.aws.errors import refused_as
from aqi_service.storage.aws.refusals import error_code
from aqi_service.storage.aws.retry import Sleep, answering, call_with_retry

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

SENSOR_INDEX = "sensor_id-measured_at-index"
TTL_ATTRIBUTE = "expires_at"
_INDEX_LACKS, _TTL_LACKS = f"index {SENSOR_INDEX}", f"TTL on {TTL_ATTRIBUTE}"
POLL_SECONDS, POLLS = 2.0, 150
"""How often (seconds), and how many times, a table that is being made is checked."""

_INDEX_KEYS: Any = [
    {"AttributeName": "sensor_id", "AttributeType": "N"},
    {"AttributeName": "measured_at", "AttributeType": "N"},
]
_INDEX: Any = {
    "IndexName": SENSOR_INDEX,
    "KeySchema": [
        {"AttributeName": "sensor_id", "KeyType": "HASH"},
        {"AttributeName": "measured_at", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "ALL"},
}


_TTL_LATER = (RequestRefused, ItemRefused)
"""Refusals of TTL that stop no load: it is unknown, or was switched within the last hour."""

_TTL_ON = ("ENABLED", "ENABLING")
_TIMES = ("measured_at", "snapshot_at")
"""If TTL is on one of these attributes, DynamoDB takes it for the expiry time, which has already passed."""

Seen = TypeVar("Seen")


async def create_table(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> list[str]:
    """Make the table on demand with key `id` (text), index by sensor and TTL, or add what it lacks.

    Return what could not be made because the service does not know it, one sentence each.
    """
    maker = _Table(client, table, sleep)
    with refused_as(ConfigError):
        described = await maker.there()
        key_kind(f"table {table}", described)  # another program's table is left alone
        check_indexes(f"table {table}", described)
        if described["TableStatus"] == "CREATING":
            described = await maker.until_active()
        lacks = [
            await _lack(_TTL_LACKS, maker.ensure_ttl(), _TTL_LATER),
            await _lack(_INDEX_LACKS, maker.ensure_index(described)),
        ]
    return [lack for lack in lacks if lack]


async def check_writable(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> None:
    """Return if no index makes the table refuse every item; raises ConfigError otherwise."""
    check_indexes(f"table {table}", await _Table(client, table, sleep).describe())


async def missing(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> list[str]:
    """Name what the table lacks of what `--create` makes, as far as it may be read."""
    maker = _Table(client, table, sleep)
    lacks = []
    with suppress(MissingResource):
        if await _seen(maker.lacks_index(), no=False):
            lacks.append(_INDEX_LACKS)
        if await _seen(maker.lacks_ttl(), no=False):
            lacks.append(_TTL_LACKS)
    return lacks


async def wrong(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> list[str]:
    """Say what has another form than `--create` makes, and how to remove it; change nothing.

    What may not be read is not named.
    """
    maker = _Table(client, table, sleep)
    with suppress(MissingResource):
        sentences = [await _seen(maker.wrong_index(), no=""), await _seen(maker.wrong_ttl(), no="")]
        return [f"table {table}: {sentence}" for sentence in sentences if sentence]
    return []


class _Table:
    """The calls that describe and extend one table."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Sleep) -> None:
        self._client: Any = client
        self._table = table
        self._sleep = sleep

    async def describe(self) -> Any:
        return described_table(f"table {self._table}", await self._ask("describe_table"))

    async def there(self) -> Any:
        """Return the table's description; make the table first if there is none."""
        try:
            async with answering(f"table {self._table}"):
                return await self.describe()
        except MissingResource:
            await self.create()
            return await self.until_active()

    async def create(self) -> None:
        """Make the table; it is fine if another process makes it at the same time."""
        try:
            await self._ask(
                "create_table",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, *_INDEX_KEYS],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                GlobalSecondaryIndexes=[_INDEX],
            )
        except Unavailable as error:
            if error_code(error) != "ResourceInUseException":
                raise

    async def until_active(self) -> Any:
        """Wait until the table can be changed; a missing one will appear."""
        for _ in range(POLLS):
            with suppress(MissingResource):
                described = await self.describe()
                if described["TableStatus"] == "ACTIVE":
                    return described
            await self._sleep(POLL_SECONDS)
        raise Unavailable(f"table {self._table} did not become active within {POLL_SECONDS * POLLS:.0f} s")

    async def lacks_index(self) -> bool:
        return _lacks_index(await self.describe())

    async def lacks_ttl(self) -> bool:
        return (await self._ttl()).get("TimeToLiveStatus") not in _TTL_ON

    async def _ttl(self) -> Any:
        return (await self._ask("describe_time_to_live")).get("TimeToLiveDescription", {})

    async def wrong_index(self) -> str:
        """Say how an index of the right name differs; nothing if it is right, or if there is none."""
        for index in indexes(await self.describe()):
            if index["IndexName"] == SENSOR_INDEX and (found := _form(index)) != _form(_INDEX):
                return f"the index {SENSOR_INDEX} has {found}, expected is {_form(_INDEX)}: delete it"
        return ""

    async def wrong_ttl(self) -> str:
        """Say on which wrong attribute TTL is; nothing if it is right, or if there is none."""
        ttl = await self._ttl()
        name = ttl.get("AttributeName", TTL_ATTRIBUTE)
        if ttl.get("TimeToLiveStatus") not in _TTL_ON or name == TTL_ATTRIBUTE:
            return ""
        harm = f" and deletes items by their `{name}`" if name in _TIMES else ""
        return (
            f"TTL is on `{name}`{harm}, expected is `{TTL_ATTRIBUTE}`, and a table has only one: switch it "
            "off (aws dynamodb update-time-to-live), which takes an hour"
        )

    async def ensure_ttl(self) -> None:
        if await self.lacks_ttl():
            await _unless_there(self._add_ttl(), self.lacks_ttl)

    async def ensure_index(self, described: Any) -> None:
        if _lacks_index(described):
            await _unless_there(self._add_index(await self.until_active()), self.lacks_index)

    async def _add_ttl(self) -> None:
        ttl = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        await self._ask("update_time_to_live", TimeToLiveSpecification=ttl)

    async def _add_index(self, described: Any) -> None:
        """Add the index; with a provisioned table it gets the table's own capacity."""
        there = described["AttributeDefinitions"]
        names = {definition["AttributeName"] for definition in there}
        index = dict(_INDEX)
        throughput = described.get("ProvisionedThroughput", {})
        if throughput.get("WriteCapacityUnits"):
            units = ("ReadCapacityUnits", "WriteCapacityUnits")
            index["ProvisionedThroughput"] = {unit: throughput[unit] for unit in units}
        await self._ask(
            "update_table",
            AttributeDefinitions=[*there, *(key for key in _INDEX_KEYS if key["AttributeName"] not in names)],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )

    async def _ask(self, operation: str, **parameters: Any) -> Any:
        method = getattr(self._client, operation)
        return await call_with_retry(
            f"table {self._table}", lambda: method(TableName=self._table, **parameters), self._sleep
        )


async def _lack(what: str, work: Awaitable[None], why: tuple[type[AqiError], ...] = (RequestRefused,)) -> str:
    """Do the work; return that `what` is missing if the service refuses for one of these reasons."""
    try:
        await work
    except why as error:
        return f"{what}: {error}"
    return ""


async def _unless_there(work: Awaitable[None], lacks: Callable[[], Awaitable[bool]]) -> None:
    """Add something; it is fine if AWS calls it invalid because another has added it meanwhile."""
    try:
        await work
    except ItemRefused:
        if await lacks():
            raise


async def _seen(look: Awaitable[Seen], *, no: Seen) -> Seen:
    """Return what a request shows; `no` if these credentials, or this endpoint, cannot tell."""
    try:
        return await look
    except MissingResource:
        raise
    except ConfigError:
        return no


def _lacks_index(described: Any) -> bool:
    return SENSOR_INDEX not in {index["IndexName"] for index in indexes(described)}


def _form(index: Any) -> str:
    """Say which keys an index has and which attributes are in it."""
    keys = " and ".join(f"`{key['AttributeName']}` ({key['KeyType']})" for key in index["KeySchema"])
    projected = index.get("Projection", {}).get("ProjectionType", "ALL")
    return f"keys {keys} and the attributes {projected}"
