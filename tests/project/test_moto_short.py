"""The short ways through moto give what its own ways give."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from moto.core.parse import BaseJSONParser, JSONParser
from moto.core.serialize import BaseJSONSerializer, JSONSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from tests.doubles.moto_short import (
    LONG_BEGIN,
    LONG_LEX,
    LONG_READ,
    LONG_WRITE,
    MOST_BYTES,
    begin_item,
    lex_one_node,
    read_structure,
    write_structure,
)

VALUES: dict[str, Any] = {
    "text": {"S": "a \u20ac"},
    "empty": {"S": ""},
    "number": {"N": "-1.50"},
    "zero": {"N": "0"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\0x"},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "list": {"L": [{"S": "a"}, {"N": "1"}, {"L": []}, {"M": {"S": {"S": "b"}}}]},
    "map": {"M": {"N": {"N": "1"}, "empty": {"M": {}}}},
    "small": {"s": "of no type"},
    "none": {},
    "a number that is none": {"N": 5},
}
ANSWERS: dict[str, Any] = {
    "GetItem": {"Item": VALUES},
    "BatchGetItem": {"Responses": {"t": [VALUES, {}]}, "UnprocessedKeys": {"t": {"Keys": [VALUES]}}},
    "Query": {"Items": [VALUES], "Count": 1, "LastEvaluatedKey": {"id": {"S": "1"}}},
    "PutItem": {"Attributes": VALUES},
    "BatchWriteItem": {"UnprocessedItems": {"t": [{"PutRequest": {"Item": VALUES}}]}},
}
SENT = VALUES | {"bytes": {"B": "AHg="}}
ASKED: dict[str, Any] = {
    "PutItem": {"TableName": "t", "Item": SENT, "ExpressionAttributeValues": SENT},
    "GetItem": {"TableName": "t", "Key": SENT},
    "BatchGetItem": {"RequestItems": {"t": {"Keys": [SENT, {}], "ConsistentRead": True}}},
    "BatchWriteItem": {
        "RequestItems": {"t": [{"PutRequest": {"Item": SENT}}, {"DeleteRequest": {"Key": SENT}}]}
    },
}


def written(operation: str, way: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give moto's answer."""
    monkeypatch.setattr(BaseJSONSerializer, "_serialize_type_structure", way)
    model = get_service_model("dynamodb").operation_model(operation)
    return JSONSerializer(model, value_picker=XFormedAttributePicker()).serialize(ANSWERS[operation])


@pytest.mark.parametrize("operation", ANSWERS)
def test_an_answer_is_the_same(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [written(operation, way, monkeypatch) for way in (LONG_WRITE, write_structure)]
    assert ways[0] == ways[1]
    assert '"text": {"S": "a \\u20ac"}' in ways[0]["body"]


@pytest.mark.parametrize("operation", ASKED)
def test_a_request_is_read_the_same(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = get_service_model("dynamodb").operation_model(operation)
    read = []
    for way in (LONG_READ, read_structure):
        monkeypatch.setattr(BaseJSONParser, "_parse_structure", way)
        parser: Any = JSONParser(model)
        read.append(parser._parse_shape(model.input_shape, ASKED[operation]))
    assert repr(read[0]) == repr(read[1])
    assert "{'N': '-1.50'}" in repr(read[0])


@pytest.mark.parametrize(
    "rest", ["attribute_not_exists(#m) OR #m < :m", "(a.b[1] >= :x AND NOT b IN (:y, :z))", "a !", " ", ")"]
)
def test_a_condition_has_the_same_words(rest: str) -> None:
    parser: Any = ConditionExpressionParser(None, None, None)
    while rest:
        try:
            word, rest = LONG_LEX(parser, rest_of := rest)
        except ValueError as error:
            with pytest.raises(ValueError, match=re.escape(str(error))):
                lex_one_node(parser, rest)
            break
        assert lex_one_node(parser, rest_of) == lex_one_node(parser, rest_of) == (word, rest)


@pytest.mark.parametrize("begin", [LONG_BEGIN, begin_item], ids=["long", "short"])
def test_an_item_may_be_as_large_and_no_larger(begin: Callable[..., None]) -> None:
    text = "\u20ac" + "x" * (MOST_BYTES - len("idbody") - len("1") - 3)
    for body, fits in ((text, True), (text + "x", False)):
        item: Any = Item.__new__(Item)
        attrs = {"id": {"N": "1"}, "body": {"S": body}}
        if fits:
            begin(item, DynamoType({"N": "1"}), None, attrs)
            assert item.size() == MOST_BYTES
            assert item.to_json() == {"Attributes": attrs}
        else:
            with pytest.raises(ItemSizeTooLarge):
                begin(item, DynamoType({"N": "1"}), None, attrs)
