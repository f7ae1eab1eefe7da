"""The stand-in's DynamoDB: one table that keeps what it got, counts it, and throttles if told to.

One rule: it takes what AWS would take and counts what AWS would charge; the table's index is not counted.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from bench.lib.standin.batches import id_of, puts
from bench.lib.standin.capacity import READ_UNIT, WRITE_UNIT, Tokens, Values, units, write_units
from bench.lib.standin.digest import digest

SHAPE: dict[str, Any] = {
    "TableStatus": "ACTIVE",
    "TableId": "00000000-0000-0000-0000-000000000001",
    "CreationDateTime": 1.7e9,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "sensor_id", "AttributeType": "N"},
        {"AttributeName": "measured_at", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "sensor_id-measured_at-index",
            "IndexStatus": "ACTIVE",
            "KeySchema": [
                {"AttributeName": "sensor_id", "KeyType": "HASH"},
                {"AttributeName": "measured_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ItemCount": 0,
}
TTL = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}}
_ERROR = "com.amazonaws.dynamodb.v20120810#"


class Refusal(Exception):  # noqa: N818  # it is an answer of AWS's, no fault
    """An error that AWS answers with: its code."""


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class Table:
    """The table, and what it counted: `counts` in all, `seconds` for each second with a write."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.tokens = Tokens(None, clock)
        self.items: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.seconds: dict[int, list[int]] = {}
        self._operations: dict[str, Callable[[Any], Any]] = {
            "BatchGetItem": self._batch_get,
            "DeleteItem": self._delete,
            "DescribeTable": lambda asked: {"Table": SHAPE | {"TableName": asked["TableName"]}},
            "DescribeTimeToLive": lambda _: TTL,
            "GetItem": self._get,
            "PutItem": self._put,
            "UpdateItem": self._update,
        }

    def limit(self, rate: float | None) -> None:
        """Take at most so many write units a second from now on."""
        self.tokens = Tokens(rate, self._clock)

    def forget(self) -> None:
        """Begin the counts anew; the items stay."""
        self.counts.clear()
        self.seconds.clear()

    def answer(self, operation: str, body: bytes) -> Answer:
        """Answer one request."""
        self.counts["requests"] += 1
        self.counts[operation] += 1
        try:
            if operation == "BatchWriteItem":
                made = self._batch_write(body)
            else:
                made = self._operations.get(operation, _unknown)(orjson.loads(body))
        except Refusal as refusal:
            self.counts["errors"] += 1
            return Answer(400, orjson.dumps({"__type": f"{_ERROR}{refusal}", "message": str(refusal)}))
        return Answer(200, made if type(made) is bytes else orjson.dumps(made))

    def digest(self, without: Sequence[str] = ("snapshot_at", "expires_at")) -> dict[str, Any]:
        """Sum up the items, but for the lease and these attributes, whatever their order."""
        return digest((orjson.loads(text) for key, text in self.items.items() if key != "lease"), without)

    def _batch_get(self, asked: Any) -> bytes:
        ((table, wanted),) = asked["RequestItems"].items()
        found = []
        for each in wanted["Keys"]:
            text = self._read(each, consistent=wanted.get("ConsistentRead", False))
            if text is not None:
                found.append(text)
        listed = b",".join(found)
        return b'{"Responses":{%b:[%b]},"UnprocessedKeys":{}}' % (orjson.dumps(table), listed)

    def _get(self, asked: Any) -> bytes:
        text = self._read(asked["Key"], consistent=asked.get("ConsistentRead", False))
        return b"{}" if text is None else b'{"Item":%b}' % text

    def _read(self, key: Values, *, consistent: bool) -> bytes | None:
        text = self.items.get(_key(key))
        self.counts["read_half_units"] += (2 if consistent else 1) * units(text or b"", READ_UNIT)
        self.counts["items_read"] += 1
        return text

    def _batch_write(self, body: bytes) -> bytes:
        table, texts = puts(body)
        keys = [key for text in texts if (key := id_of(text)) is not None]
        if not 1 <= len(texts) <= 25 or len(set(keys)) != len(texts):
            raise Refusal("ValidationException")
        second, accepted = self._second(), 0
        while accepted < len(texts) and self._store(keys[accepted], texts[accepted], second):
            accepted += 1
        if accepted == len(texts):
            return b'{"UnprocessedItems":{}}'
        self._refused(second, len(texts) - accepted)
        if not accepted:
            raise Refusal("ProvisionedThroughputExceededException")
        left = b",".join(b'{"PutRequest":{"Item":%b}}' % text for text in texts[accepted:])
        return b'{"UnprocessedItems":{%b:[%b]}}' % (table, left)

    def _put(self, asked: Any) -> bytes:
        item, second = asked["Item"], self._second()
        self._check(asked, item)
        if not self._store(_key(item), orjson.dumps(item), second):
            self._refused(second, 1)
            raise Refusal("ProvisionedThroughputExceededException")
        return b"{}"

    def _update(self, asked: Any) -> bytes:
        """Take an update `SET name = :value, ...`, the form that has no other word in it."""
        key = _key(asked["Key"])
        item = orjson.loads(self.items.get(key, b"{}")) | asked["Key"]
        names, values = asked.get("ExpressionAttributeNames", {}), asked["ExpressionAttributeValues"]
        for part in asked["UpdateExpression"].removeprefix("SET ").split(","):
            name, _, value = (word.strip() for word in part.partition("="))
            item[names.get(name, name)] = values[value]
        return self._put({**asked, "Item": item})

    def _delete(self, asked: Any) -> bytes:
        self._check(asked, asked["Key"])
        self.counts["write_units"] += 1
        self.items.pop(_key(asked["Key"]), None)
        return b"{}"

    def _check(self, asked: Any, item: Values) -> None:
        """Refuse what a condition forbids. Conditions are known by their text: those of this program."""
        condition = asked.get("ConditionExpression")
        if condition is None:
            return
        there = orjson.loads(self.items.get(_key(item), b"{}"))
        holds = next((holds for start, holds in _CONDITIONS.items() if condition.startswith(start)), None)
        if holds is None:
            raise Refusal("ValidationException")
        if not holds(there, asked.get("ExpressionAttributeValues", {})):
            raise Refusal("ConditionalCheckFailedException")

    def _store(self, key: str, text: bytes, second: list[int]) -> bool:
        units = 1 if len(text) <= WRITE_UNIT else write_units(orjson.loads(text))
        if not self.tokens.take(units):
            return False
        self.items[key] = text
        self.counts["items_written"] += 1
        self.counts["write_units"] += units
        second[1] += units
        return True

    def _second(self) -> list[int]:
        """Return what is counted in this second: requests, units, requests that were refused something."""
        counted = self.seconds.setdefault(int(self._clock()), [0, 0, 0])
        counted[0] += 1
        return counted

    def _refused(self, second: list[int], items: int) -> None:
        second[2] += 1
        self.counts["requests_refused"] += 1
        self.counts["items_refused"] += items


def _unknown(_: Any) -> Any:
    raise Refusal("UnknownOperationException")


def _key(values: Values) -> str:
    (text,) = values["id"].values()
    return str(text)


def _not_newer(there: Values, values: Values) -> bool:
    if "measured_at" not in there:
        return True
    ours = int(values[":measured"]["N"]), int(values[":taken"]["N"])
    return ours >= (int(there["measured_at"]["N"]), int(there.get("snapshot_at", {"N": "-1"})["N"]))


_CONDITIONS: dict[str, Callable[[Values, Values], bool]] = {
    "attribute_not_exists(#term)": lambda there, _: "term" not in there,
    "#term = :seen": lambda there, values: there.get("term") == values[":seen"],
    "attribute_not_exists(measured_at) OR measured_at < :measured": _not_newer,
}
