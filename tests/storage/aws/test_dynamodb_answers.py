"""What BatchGetItem answers: items of our own form are read straight away, as `from_attributes` reads any."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.storage.aws.dynamodb_answers import read_answer
from aqi_service.storage.aws.dynamodb_attributes import from_attributes, to_attributes
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL

KINDS = {name: kind for _, name, kind in ATTRIBUTES}


def answer(*stored: Any, unread: Any = None, table: str = "t", **more: Any) -> bytes:
    said = {"Responses": {table: stored}, "UnprocessedKeys": {table: unread} if unread else {}}
    return orjson.dumps(said | more)


@pytest.mark.parametrize("kind", ["S", "N"])
def test_items_of_our_own_are_read_without_the_general_way(kind: str) -> None:
    items = [FULL, Item("2"), FULL._replace(id="3", expires_at=None, indoor=None, latitude="-0.5")]
    read = read_answer(answer(*(to_attributes(item, kind) for item in items)))
    assert read == ({item.id: item for item in items}, [])


def test_an_answer_without_items_has_none_and_names_the_keys_that_are_left() -> None:
    assert read_answer(answer()) == ({}, [])
    keys = [{"id": {"S": "1"}}, {"id": {"S": "2"}}]
    assert read_answer(answer(unread={"Keys": keys, "ConsistentRead": True})) == ({}, keys)


TEXTS = st.sampled_from(
    ["48.8", "48.80", "0", "-0", "-0.5", "007", "1E+2", ".5", "5.", "1\n2", "17", "17.5",
     "9" * 19, "9" * 20, "1" * 40]
) | st.sampled_from(["", "x", "DE", "2023-12-20 17:00:00", "2023-12-20T17:00:00Z"])  # fmt: skip
VALUES = st.one_of(
    st.tuples(st.none(), TEXTS),
    st.tuples(st.sampled_from(["S", "N", "NULL", "L"]), TEXTS | st.booleans()),
)


@QUICK
@given(
    st.lists(st.dictionaries(st.sampled_from([*KINDS, "other"]), VALUES, max_size=4), min_size=1, max_size=3),
    st.booleans(),
)
def test_whatever_is_read_is_what_the_general_way_reads(changes: list[dict[str, Any]], odd: bool) -> None:
    stored: list[dict[str, Any]] = []
    for number, some in enumerate(changes):
        own: dict[str, Any] = dict(to_attributes(FULL._replace(id=str(number)), "S"))
        for name, (kind, text) in some.items():
            own[name] = {(kind if odd and kind else KINDS.get(name, "S")): text}
        stored.append(own)
    read = read_answer(answer(*stored))
    if read is not None:
        general = {item.id: item for item in map(from_attributes, stored)}
        assert read == (general, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"P10": {"S": "48.8"}},
        {"P10": {"N": "48.80"}},
        {"P10": {"N": "-0"}},
        {"P10": {"N": "1E+2"}},
        {"P10": {"N": "1\n2"}},
        {"P10": {"N": ""}},
        {"P10": {"N": "1", "S": "1"}},
        {"P10": {"NULL": True}},
        {"P10": {}},
        {"country": {"S": ""}},
        {"country": {"N": "1"}},
        {"measured_at": {"N": "17.5"}},
        {"holder": {"S": "another program's"}},
        {"id": {}},
        {"id": {"S": ""}},
        {"id": {"B": "MQ=="}},
    ],
    ids=repr,
)
def test_an_item_of_another_form_leaves_all_to_the_general_way(changes: dict[str, Any]) -> None:
    own: dict[str, Any] = dict(to_attributes(FULL, "S"))
    assert read_answer(answer(to_attributes(FULL._replace(id="2"), "S"), own | changes)) is None


NO_UTF_8 = b'{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":[{"id":{"S":"1"}}],"Consistent\xc0":true}}}'


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b"<html>", b'{"Responses":{"t":[{}]}}', b"[" * 100_000, NO_UTF_8]
)
def test_what_is_no_answer_is_left_to_the_general_way(body: bytes) -> None:
    assert read_answer(body) is None


def test_capacity_that_nobody_asked_for_is_passed_over() -> None:
    body = answer(to_attributes(FULL, "S"), ConsumedCapacity=[{"TableName": "t", "CapacityUnits": 1.5}])
    assert read_answer(body) == ({FULL.id: FULL}, [])
