"""Make the bucket and the table, or add what an existing table lacks.

One rule: it adds; it never changes or deletes what is there.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aqi_service.errors import MissingResource, Unavailable
from aqi_service.storage.aws import translated

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_s3.client import S3Client

SENSOR_INDEX = "sensor_id-measured_at-index"
TTL_ATTRIBUTE = "expires_at"
ACTIVE_SECONDS = 300.0

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


async def create_bucket(client: "S3Client", bucket: str, owner: str | None) -> None:
    """Make the bucket, private and encrypted, unless these credentials already have it."""
    s3: Any = client
    place = {"Bucket": bucket} | ({"ExpectedBucketOwner": owner} if owner else {})
    region = client.meta.region_name
    elsewhere: Any = (
        {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    )
    with translated(f"bucket {bucket}"):
        try:
            await s3.head_bucket(**place)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                return  # it is there, or hidden: the archive's own check says so in a sentence
        else:
            return
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            await s3.create_bucket(Bucket=bucket, **elsewhere)
        await s3.put_public_access_block(
            **place,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        await s3.put_bucket_encryption(**place, ServerSideEncryptionConfiguration={"Rules": [rule]})


async def create_table(client: "DynamoDBClient", table: str) -> None:
    """Make the table on demand with key `id` (text), index by sensor and TTL, or add what it lacks."""
    with translated(f"table {table}"):
        try:
            described = await client.describe_table(TableName=table)
        except client.exceptions.ResourceNotFoundException:
            await client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, *_INDEX_KEYS],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                GlobalSecondaryIndexes=[_INDEX],
            )
            await _until_active(client, table)
        else:
            await _until_active(client, table)
            indexes = described["Table"].get("GlobalSecondaryIndexes", [])
            if SENSOR_INDEX not in {index.get("IndexName") for index in indexes}:
                await _add_index(client, table)
        if await _lacks_ttl(client, table):
            ttl: Any = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
            await client.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)


async def missing(client: "DynamoDBClient", table: str) -> list[str]:
    """Name what the table lacks of what `--create` makes; empty when nothing, or nothing can be seen."""
    with suppress(MissingResource), translated(f"table {table}"):
        described = await client.describe_table(TableName=table)
        indexes = described["Table"].get("GlobalSecondaryIndexes", [])
        lacks = [] if SENSOR_INDEX in {i.get("IndexName") for i in indexes} else [f"index {SENSOR_INDEX}"]
        if await _lacks_ttl(client, table):
            lacks.append(f"TTL on {TTL_ATTRIBUTE}")
        return lacks
    return []


async def _lacks_ttl(client: "DynamoDBClient", table: str) -> bool:
    answer = await client.describe_time_to_live(TableName=table)
    return answer["TimeToLiveDescription"].get("TimeToLiveStatus") not in ("ENABLED", "ENABLING")


async def _add_index(client: "DynamoDBClient", table: str) -> None:
    provisioned = await client.describe_table(TableName=table)
    throughput = provisioned["Table"].get("ProvisionedThroughput", {})
    index = dict(_INDEX)
    if throughput.get("WriteCapacityUnits"):  # a provisioned table: the index takes the table's own figures
        index["ProvisionedThroughput"] = {
            k: throughput[k] for k in ("ReadCapacityUnits", "WriteCapacityUnits")
        }
    change: Any = [{"Create": index}]
    await client.update_table(
        TableName=table, AttributeDefinitions=_INDEX_KEYS, GlobalSecondaryIndexUpdates=change
    )


async def _until_active(client: "DynamoDBClient", table: str) -> None:
    try:
        async with asyncio.timeout(ACTIVE_SECONDS):
            waiter = client.get_waiter("table_exists")
            await waiter.wait(TableName=table, WaiterConfig={"Delay": 2, "MaxAttempts": 150})
    except TimeoutError as error:
        raise Unavailable(f"table {table} did not become active within {ACTIVE_SECONDS:.0f} s") from error
