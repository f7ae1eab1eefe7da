"""Requests whose JSON is made, and of many items read, here: botocore signs, and does not walk it.

One rule: botocore's events alone are used (`provide-client-params`, `before-call`, `before-parse`); what is
sent and what came back is the same as without them, at a fraction of the time.

A client that was prepared takes a batch call's `RequestItems` as `{table: JSON}`, the JSON as bytes, and a
PutItem as ever, without binary values; `answer_of` gives what came back of a batch call, and of a Query, as
orjson reads it. Errors come as ever. `read_batch` and `write_batch` are one request each, and tell what it
left.
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
    """Make a client take and give JSON in batch calls, give it in queries, and send it in puts."""
    for event, handler, operations in (
        ("provide-client-params", _take, OPERATIONS),
        ("provide-client-params", _take_put, ("PutItem",)),
        ("before-call", _put, (*OPERATIONS, "PutItem")),
        ("before-parse", _keep, (*OPERATIONS, "Query")),
    ):
        for operation in operations:
            client.meta.events.register(f"{event}.dynamodb.{operation}", handler)


def answer_of(answered: Any) -> dict[str, Any]:
    """Return the JSON that came back. Raises Unavailable if it was none: then nobody knows what was done."""
    return json_of(answered.get(_ANSWER))


def tables_of(answer: Mapping[str, Any], part: str) -> list[Any]:
    """Return what a part of an answer says of each table; one was asked, by whatever name it calls that."""
    return [said for said in (answer.get(part) or {}).values() if said]


async def read_batch(
    client: "DynamoDBClient", table: str, keys: Sequence[AttributeValues], **how: bool
) -> tuple[dict[str, Item], list[AttributeValues]]:
    """Ask once for these keys; return the items that are there, by id, and the unprocessed keys."""
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

    Those are all of them, if an id among what was left is in a form that was not sent.
    """
    asked: Any = {table: b"[%s]" % b",".join(puts.values())}
    answer = answer_of(await client.batch_write_item(RequestItems=asked))
    left = chain(*tables_of(answer, "UnprocessedItems"))
    ids = {record_id for put in left for record_id in put["PutRequest"]["Item"]["id"].values()}
    return puts.keys() if ids - puts.keys() else ids


def _take(params: Any, context: dict[str, Any], **_: object) -> Any:
    """Put the body aside; leave the table's name, which botocore chooses an endpoint by."""
    [(table, body)] = params["RequestItems"].items()
    context[_BODY] = b'{"RequestItems":{%s:%s}}' % (orjson.dumps(table), body)
    return {"RequestItems": {table: {}}}


def _take_put(params: Any, context: dict[str, Any], **_: object) -> Any:
    """Put the body of a put aside, likewise."""
    context[_BODY] = orjson.dumps(params)
    return {"TableName": params["TableName"], "Item": {}}


def _put(params: Any, context: dict[str, Any], **_: object) -> None:
    """Have the body signed and sent."""
    params["body"] = context.pop(_BODY)


def _keep(response_dict: Any, customized_response_dict: Any, **_: object) -> None:
    """Keep the answer, unless it is an error; leave botocore nothing to walk through."""
    if response_dict["status_code"] == HTTPStatus.OK:
        customized_response_dict[_ANSWER] = response_dict["body"]
        response_dict["body"] = b"{}"
