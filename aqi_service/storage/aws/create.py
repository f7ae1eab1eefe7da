"""Make the bucket and the table, or add what an existing table lacks.

One rule: it adds; it never changes or deletes what is there.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from aqi_service.errors import AccessDenied, ConfigError, MissingResource, Unavailable
from aqi_service.storage.aws.dynamodb_attributes import check_indexes, indexes, key_kind
from aqi_service.storage.aws.errors import error_code, refused_as
from aqi_service.storage.aws.retry import Sleep, call_with_retry

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_s3.client import S3Client

SENSOR_INDEX = "sensor_id-measured_at-index"
TTL_ATTRIBUTE = "expires_at"
POLL_SECONDS, POLLS = 2.0, 150
"""How often, and how many times, a table that is being made is looked at."""

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


_TTL_ON = ("ENABLED", "ENABLING")
_TIMES = ("measured_at", "snapshot_at")
"""Attributes that DynamoDB takes for a time of expiry, where TTL is on them, and that is past at once."""

Seen = TypeVar("Seen")

_PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


async def create_bucket(
    client: "S3Client", bucket: str, owner: str | None, sleep: Sleep = asyncio.sleep
) -> None:
    """Make the bucket, private and encrypted, unless it is there; if it is another's, `check` says so."""
    s3: Any = client
    place = {"Bucket": bucket} | ({"ExpectedBucketOwner": owner} if owner else {})

    async def ask(operation: str, **parameters: Any) -> Any:
        return await call_with_retry(f"bucket {bucket}", lambda: getattr(s3, operation)(**parameters), sleep)

    try:
        await ask("list_objects_v2", **place, MaxKeys=1)
    except MissingResource:
        pass
    except AccessDenied as error:
        if error_code(error) != "AccessDenied":
            raise
        return
    else:
        return
    try:
        await ask("create_bucket", Bucket=bucket, **_region(client.meta.region_name))
    except Unavailable as error:
        if error_code(error) != "BucketAlreadyOwnedByYou":
            raise
    await ask("put_public_access_block", **place, PublicAccessBlockConfiguration=_PRIVATE)
    await ask("put_bucket_encryption", **place, ServerSideEncryptionConfiguration=_ENCRYPTED)


async def create_table(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> None:
    """Make the table on demand with key `id` (text), index by sensor and TTL, or add what it lacks."""
    maker = _Table(client, table, sleep)
    with refused_as(ConfigError):
        try:
            described = await maker.describe()
        except MissingResource:
            await maker.create()
            described = await maker.until_active()
        key_kind(f"table {table}", described)  # another program's table is left alone
        check_indexes(f"table {table}", described)
        if described["TableStatus"] == "CREATING":
            described = await maker.until_active()
        if await maker.lacks_ttl():
            await maker.add_ttl()
        if _lacks_index(described):
            await maker.add_index(await maker.until_active())


async def check_writable(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> None:
    """Return if no index would have the table refuse every item; raises ConfigError otherwise."""
    check_indexes(f"table {table}", await _Table(client, table, sleep).describe())


async def missing(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> list[str]:
    """Name what the table lacks of what `--create` makes; what may not be seen is not named."""
    maker = _Table(client, table, sleep)
    lacks = []
    with suppress(MissingResource):
        if await _seen(maker.lacks_index(), no=False):
            lacks.append(f"index {SENSOR_INDEX}")
        if await _seen(maker.lacks_ttl(), no=False):
            lacks.append(f"TTL on {TTL_ATTRIBUTE}")
    return lacks


async def wrong(client: "DynamoDBClient", table: str, sleep: Sleep = asyncio.sleep) -> list[str]:
    """Say what is there in another form than `--create` makes it, and what to do: it changes nothing itself.

    What may not be seen is not named.
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
        return (await self._ask("describe_table"))["Table"]

    async def create(self) -> None:
        """Make the table; that another process makes it at the same time is as good."""
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
        """Wait until the table can be changed; one that is not there yet is on its way."""
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
        return (await self._ask("describe_time_to_live"))["TimeToLiveDescription"]

    async def wrong_index(self) -> str:
        """Say what is other about an index of the right name; nothing if it is the right one, or none."""
        for index in indexes(await self.describe()):
            if index["IndexName"] == SENSOR_INDEX and (found := _form(index)) != _form(_INDEX):
                return (
                    f"the index {SENSOR_INDEX} has {found}, expected is {_form(_INDEX)}: delete it, "
                    "and --create makes the right one"
                )
        return ""

    async def wrong_ttl(self) -> str:
        """Say which other attribute TTL is on; nothing if it is the right one, or none."""
        ttl = await self._ttl()
        name = ttl.get("AttributeName", TTL_ATTRIBUTE)
        if ttl.get("TimeToLiveStatus") not in _TTL_ON or name == TTL_ATTRIBUTE:
            return ""
        harm = f" and deletes items by their `{name}`" if name in _TIMES else ""
        return (
            f"TTL is on `{name}`{harm}, expected is `{TTL_ATTRIBUTE}`, and a table has only one: switch it "
            "off (aws dynamodb update-time-to-live), and --create puts it on the right one, an hour later"
        )

    async def add_ttl(self) -> None:
        ttl = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        await self._ask("update_time_to_live", TimeToLiveSpecification=ttl)

    async def add_index(self, described: Any) -> None:
        """Add the index; of a provisioned table it takes the table's own figures."""
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


def _region(name: str) -> dict[str, Any]:
    """Return where to make a bucket; us-east-1 is S3's default, and it refuses to have it named."""
    return {} if name == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": name}}


async def _seen(look: Awaitable[Seen], *, no: Seen) -> Seen:
    """Return what is to be seen; `no` where these credentials, or this endpoint, cannot tell."""
    try:
        return await look
    except MissingResource:
        raise
    except ConfigError:
        return no


def _lacks_index(described: Any) -> bool:
    return SENSOR_INDEX not in {index["IndexName"] for index in indexes(described)}


def _form(index: Any) -> str:
    """Say what keys an index has and which attributes are in it."""
    keys = " and ".join(f"`{key['AttributeName']}` ({key['KeyType']})" for key in index["KeySchema"])
    projected = index.get("Projection", {}).get("ProjectionType", "ALL")
    return f"keys {keys} and the attributes {projected}"
