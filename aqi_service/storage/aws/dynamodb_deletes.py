"""Deletes a sensor's items one by one, since BatchWriteItem takes no condition.

One rule: an item is deleted only if it belongs to that sensor at that moment; a missing one is no error.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aqi_service.errors import ItemOutdated
from aqi_service.storage.aws.clients import WRITE_CONCURRENCY
from aqi_service.storage.aws.dynamodb_attributes import AttributeValues
from aqi_service.storage.aws.retry import ATTEMPTS, RetryPolicy, Sleep, call_with_retry
from aqi_service.storage.cleanup import gather_or_cancel

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


PATIENT = RetryPolicy(attempts=ATTEMPTS)
"""All of a sensor's items are in one part of the index, which takes at most 1,000 deletes a second."""


async def delete_of_sensor(
    client: "DynamoDBClient", table: str, sensor_id: int, keys: Sequence[AttributeValues], sleep: Sleep
) -> int:
    """Delete the items with these keys; return how many there were."""
    deleted, slots = 0, asyncio.Semaphore(WRITE_CONCURRENCY)

    async def delete(key: AttributeValues) -> None:
        nonlocal deleted
        async with slots:
            try:
                await call_with_retry(
                    f"table {table}",
                    lambda: client.delete_item(
                        TableName=table,
                        Key=key,
                        ConditionExpression="sensor_id = :sensor",
                        ExpressionAttributeValues={":sensor": {"N": str(sensor_id)}},
                    ),
                    sleep,
                    PATIENT,
                )
            except ItemOutdated:
                return
        deleted += 1

    await gather_or_cancel(delete(key) for key in keys)
    return deleted
