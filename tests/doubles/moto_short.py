"""Short ways through moto with the items of a table, which take it most of a test's time.

One rule: only an attribute that is one text or number goes the short way, and nothing is answered otherwise:
moto looks there, for each attribute of each item, for names that attributes do not have, sums an item up anew
with each attribute, and looks for a service's methods and cuts a condition into words with each request.
"""

from functools import cache, lru_cache
from typing import Any

from moto.core import responses
from moto.core.parse import BaseJSONParser
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

MOST_BYTES = 405_000
"""What moto lets an item have, as LimitedSizeDict says."""

PLAIN = {"S", "N"}
LONG_LEX: Any = ConditionExpressionParser._lex_one_node
LONG_READ: Any = BaseJSONParser._parse_structure
LONG_WRITE: Any = BaseJSONSerializer._serialize_type_structure
LONG_BEGIN: Any = Item.__init__


@cache
def shorten() -> None:
    """Take the short ways in this process from now on."""
    names_of: Any = vars(responses)["method_names_from_class"]
    for owner, name, short in (
        (BaseJSONParser, "_parse_structure", read_structure),
        (BaseJSONSerializer, "_serialize_type_structure", write_structure),
        (ConditionExpressionParser, "_lex_one_node", lex_one_node),
        (Item, "__init__", begin_item),
        (responses, "method_names_from_class", cache(names_of)),
    ):
        setattr(owner, name, short)


def lex_one_node(parser: Any, rest: str) -> Any:
    """Cut the next word off a condition."""
    return _next_word(rest)


@lru_cache(10_000)
def _next_word(rest: str) -> Any:
    return LONG_LEX(ConditionExpressionParser(None, None, None), rest)


def read_structure(parser: Any, shape: Any, value: Any) -> Any:
    """Read an attribute that is one text as it is; all else goes the long way."""
    if shape.name == "AttributeValue" and type(value) is dict and len(value) == 1:
        [(kind, text)] = value.items()
        if kind in PLAIN and type(text) is str:
            read = parser.MAP_TYPE()
            read[kind] = text
            return read
    return LONG_READ(parser, shape, value)


def write_structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Write an attribute that is one text as it is; all else goes the long way."""
    if shape.name == "AttributeValue" and key and type(value) is dict and len(value) == 1:
        [(kind, text)] = value.items()
        if kind in PLAIN and type(text) is str:
            serializer._default_serialize(serialized, {kind: text}, shape, key)
            return
    LONG_WRITE(serializer, serialized, value, shape, key)


def begin_item(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
    """Make an item, and sum it up once."""
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    for name, value in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    if item.size() > MOST_BYTES:
        raise ItemSizeTooLarge
