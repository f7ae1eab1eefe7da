"""The stand-in's DynamoDB: one table that keeps what it got, counts it, and throttles if told to.

One rule: it takes what AWS would take and counts what AWS would charge; the table's index is not counted.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

Values = Mapping[str, Mapping[str, Any]]

WRITE_UNIT, READ_UNIT = 1024, 4096
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
    "GlobalSecondaryIndexes": [{"IndexName": "sensor_id-measured_at-index", "IndexStatus": "ACTIVE"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ItemCount": 0,
}
TTL = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}}
_ERROR = "com.amazonaws.dynamodb.v20120810#"
_PUT = re.compile(rb'"PutRequest": ?\{"Item": ?(\{(?:"[^"\\]*+": ?\{"[SN]": ?"[^"\\]*+"\},? ?)*+\})\}')
"""A put of texts and numbers, as it stands in a request: to decode it would take longer than all the rest."""

_ID = re.compile(rb'"id": ?\{"[SN]": ?"([^"]*)"')
_TABLE = re.compile(rb'\{"RequestItems": ?\{("[^"]*")')


class Refusal(Exception):  # noqa: N818  # it is an answer of AWS's, no fault
    """An error that AWS answers with: its code."""


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class Tokens:
    """Write units to take: `rate` a second, of which those of one second are kept; None is no limit."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._left = rate or 0.0
        self._seen = clock()

    def take(self, units: int) -> bool:
        """Take so many if there are that many (an item larger than a second's units: if all are there)."""
        if self.rate is None:
            return True
        now = self._clock()
        self._left = min(self.rate, self._left + (now - self._seen) * self.rate)
        self._seen = now
        if self._left < min(units, self.rate):
            return False
        self._left -= units
        return True


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
        self.counts["read_half_units"] += (2 if consistent else 1) * _units(text or b"", READ_UNIT)
        self.counts["items_read"] += 1
        return text

    def _batch_write(self, body: bytes) -> bytes:
        table, texts = _puts(body)
        keys = [match[1].decode() for text in texts if (match := _ID.search(text))]
        if not 1 <= len(texts) <= 25 or len(set(keys)) != len(texts):
            raise Refusal("ValidationException")
        second, taken = self._second(), 0
        while taken < len(texts) and self._store(keys[taken], texts[taken], second):
            taken += 1
        if taken == len(texts):
            return b'{"UnprocessedItems":{}}'
        self._refused(second, len(texts) - taken)
        if not taken:
            raise Refusal("ProvisionedThroughputExceededException")
        left = b",".join(b'{"PutRequest":{"Item":%b}}' % text for text in texts[taken:])
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
        units = 1 if len(text) <= WRITE_UNIT else _units_of(orjson.loads(text))
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


def digest(items: Any, without: Sequence[str]) -> dict[str, Any]:
    """Sum up items given as attribute values, in any order; `without` are attributes that do not count."""
    total, number = 0, 0
    for item in items:
        kept = {name: value for name, value in item.items() if name not in without}
        text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
        total += int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
        number += 1
    return {"items": number, "sum": f"{total % 2**64:016x}"}


def _unknown(_: Any) -> Any:
    raise Refusal("UnknownOperationException")


def _puts(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the table's name, in quotes, and the items' texts; other types than those are decoded."""
    texts, table = _PUT.findall(body), _TABLE.match(body)
    if table and len(texts) == body.count(b'"PutRequest"'):
        return table[1], texts
    ((name, requests),) = orjson.loads(body)["RequestItems"].items()
    return orjson.dumps(name), [orjson.dumps(each["PutRequest"]["Item"]) for each in requests]


def _key(values: Values) -> str:
    (text,) = values["id"].values()
    return str(text)


def _units(text: bytes, unit: int) -> int:
    return max(1, -(-len(text) // unit))


def _units_of(item: Values) -> int:
    """Count an item as AWS does: names, texts as UTF-8, numbers by two digits a byte and one more."""
    size = 0
    for name, value in item.items():
        for kind, text in value.items():
            size += len(name.encode()) + (len(str(text)) // 2 + 2 if kind == "N" else len(str(text).encode()))
    return max(1, -(-size // WRITE_UNIT))


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
