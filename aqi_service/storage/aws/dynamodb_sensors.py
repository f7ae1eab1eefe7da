"""A sensor's records over time from DynamoDB: one Query of the index by sensor is one page.

One rule: the cost of a page is the one that the table reports.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aqi_service.core.decimals import integer
from aqi_service.core.items import ATTRIBUTES, Item, is_expired
from aqi_service.errors import ItemRefused, MissingIndex, MissingResource, Unavailable
from aqi_service.storage.aws.create_table import SENSOR_INDEX
from aqi_service.storage.aws.dynamodb_attributes import from_attributes
from aqi_service.storage.aws.dynamodb_batches import answer_of
from aqi_service.storage.aws.refusals import said
from aqi_service.storage.sensor_reads import SensorPage, SensorRange

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

SLICE = 100
"""Items that are read in one turn of the event loop: about 2 ms."""

_ABSENT = ("does not have the specified index", "Invalid index")
"""Parts of AWS's sentence for a missing index, and of moto's (a ResourceNotFound)."""

_BEING_MADE = "backfilling global secondary index"
"""A part of the sentence for an index that is not filled yet."""


async def query_page(
    client: "DynamoDBClient", table: str, asked: SensorRange, ages: float, position: Any
) -> SensorPage:
    """Ask once for a page; items that cannot be records (other programs may write them) are left out."""
    if asked.is_empty:
        return SensorPage(())
    answer = answer_of(await client.query(TableName=table, **_request(asked, position)))
    return SensorPage(
        await _read(
            answer.get("Items") or (), lambda item: _is_in(item, asked) and not is_expired(item, ages)
        ),
        answer.get("LastEvaluatedKey") or None,
        float((answer.get("ConsumedCapacity") or {}).get("CapacityUnits") or 0),
    )


@contextmanager
def usable_index(what: str) -> Iterator[None]:
    """Say what is wrong with the index if AWS calls a request invalid: our own requests are valid."""
    try:
        yield
    except (ItemRefused, MissingResource) as error:
        sentence = said(error)
        if any(words in sentence for words in _ABSENT):
            raise MissingIndex(f"{what} has no index {SENSOR_INDEX}: --create adds it") from error
        if isinstance(error, MissingResource):
            raise
        if _BEING_MADE in sentence:
            raise Unavailable(f"{what}: its index {SENSOR_INDEX} is being made") from error
        raise MissingIndex(
            f"{what}: its index {SENSOR_INDEX} has another form: delete it, and --create makes the right one "
            f"({error})"
        ) from error


async def _read(found: Sequence[Any], counts: Callable[[Item], bool]) -> list[Item]:
    """Return the items that count; after each SLICE others get their turn."""
    items: list[Item] = []
    for start in range(0, len(found), SLICE):
        items += filter(counts, map(from_attributes, found[start : start + SLICE]))
        await asyncio.sleep(0)
    return items


def _request(asked: SensorRange, position: Any) -> dict[str, Any]:
    values = {":sensor": asked.sensor_id, ":first": asked.since, ":last": asked.until - 1}
    request: dict[str, Any] = {
        "IndexName": SENSOR_INDEX,
        "KeyConditionExpression": "sensor_id = :sensor AND measured_at BETWEEN :first AND :last",
        "ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()},
        "ScanIndexForward": not asked.newest_first,
        "Limit": asked.limit,
        "ReturnConsumedCapacity": "TOTAL",
    }
    if len(asked.wanted) < len(Item._fields):
        # By aliases: `timestamp` and `date` are reserved words, and `P2.5` would be a path.
        names = {f"#{field}": name for field, name, _ in ATTRIBUTES if field in asked.wanted}
        request |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    return request | ({} if position is None else {"ExclusiveStartKey": position})


def _is_in(item: Item, asked: SensorRange) -> bool:
    measured_at = item.measured_at
    return (
        measured_at is not None
        and asked.since <= measured_at < asked.until
        and integer(item.id or "") == item.id
    )
