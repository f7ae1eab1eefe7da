"""Requests whose JSON is made and read here: botocore only signs, and does not walk through it.

One rule: only botocore's events are used (`provide-client-params`, `before-call`, `before-parse`); requests
and answers are the same as without them, in a fraction of the time.

A prepared client takes a batch call's `RequestItems` as `{table: JSON}` with the JSON as bytes, and a PutItem
as usual, but without binary values. `answer_of` gives the answer of a batch call, and of a Query, as orjson
reads it. Errors come as usual. `read_batch` and `write_batch` make one request each, and return what it left.
"""

from collections.abc import Mapping, Sequence, Set
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from aqi_service.core.items import Item
from aqi_service.storage.aws.dynamodb_answers import read_answer
from aqi_service.storage.aws.dynamodb_attributes import AttributeValues, from_attributes
from aqi_service.storage.aws.dynamodb_calls import json_of

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

OPERATIONS = ("BatchGetItem", "BatchWriteItem")

_BODY = "aqi_service.body"
_ANSWER = "Answer"


def prepare(client: "DynamoDBClient") -> None:
    """Prepare a client: it takes and gives JSON in batch calls, gives it in queries, and sends it in puts."""
    for event, handler, operations in (
        ("provide-client-params", _take, OPERATIONS),
        ("provide-client-params", _take_put, ("PutItem",)),
        ("before-call", _put, (*OPERATIONS, "PutItem")),
        ("before-parse", _keep, (*OPERATIONS, "Query")),
    ):
        for operation in operations:
            client.meta.events.register(f"{event}.dynamodb.{operation}", handler)


def answer_of(answered: Any) -> dict[str, Any]:
    """Return the JSON of an answer. Raises Unavailable if it was none: then nobody knows what was done."""
    return json_of(answered.get(_ANSWER))


def tables_of(answer: Mapping[str, Any], part: str) -> list[Any]:
    """Return the tables of a part of an answer; only one was asked, whatever name the answer gives it."""
    return [said for said in (answer.get(part) or {}).values() if said]


async def read_batch(
    client: "DynamoDBClient", table: str, keys: Sequence[AttributeValues], **how: bool
) -> tuple[dict[str, Item], list[AttributeValues]]:
    """Ask once for these keys; return the existing items, by id, and the unprocessed keys."""
    asked: Any = {table: orjson.dumps({"Keys": keys, **how})}
    answered: Any = await client.batch_get_item(RequestItems=asked)
    body = answered.get(_ANSWER)
    if isinstance(body, bytes) and (read := read_answer(body)) is not None:
        return read
    answer = answer_of(answered)
    items = map(from_attributes, chain(*tables_of(answer, "Responses")))
    unread = [key for said in tables_of(answer, "UnprocessedKeys") for key in said.get("Keys", [])]
    return {item.id: item for item in items}, unread


async def write_batch(client: "DynamoDBClient", table: str, puts: Mapping[str, bytes]) -> Set[str]:
    """Ask once to write these puts, by id; return the ids that are not written yet.

    All ids are returned if an unprocessed one has a form that was not sent.
    """
    asked: Any = {table: b"[%s]" % b",".join(puts.values())}
    answer = answer_of(await client.batch_write_item(RequestItems=asked))
    left = chain(*tables_of(answer, "UnprocessedItems"))
    ids = {record_id for put in left for record_id in put["PutRequest"]["Item"]["id"].values()}
    return puts.keys() if ids - puts.keys() else ids


def _take(params: Any, context: dict[str, Any], **_: object) -> Any:
    """Put the body aside; leave the table's name, by which botocore chooses an endpoint."""
    [(table, body)] = params["RequestItems"].items()
    context[_BODY] = b'{"RequestItems":{%s:%s}}' % (orjson.dumps(table), body)
    return {"RequestItems": {table: {}}}


def _take_put(params: Any, context: dict[str, Any], **_: object) -> Any:
    """Put the body of a put aside in the same way."""
    context[_BODY] = orjson.dumps(params)
    return {"TableName": params["TableName"], "Item": {}}


def _put(params: Any, context: dict[str, Any], **_: object) -> None:
    """Let the body be signed and sent."""
    params["body"] = context.pop(_BODY)


def _keep(response_dict: Any, customized_response_dict: Any, **_: object) -> None:
    """Keep the answer, unless it is an error, and leave botocore an empty one."""
    if response_dict["status_code"] == HTTPStatus.OK:
        customized_response_dict[_ANSWER] = response_dict["body"]
        response_dict["body"] = b"{}"
