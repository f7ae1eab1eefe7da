"""What a delivery tells of each id: the item as both snapshot and table have it, or that they differ."""

from collections.abc import Iterable
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.errors import Unavailable
from tests.doubles.storage_doubles import Before, MemoryStore, failing
from tests.load.test_table_writer import add, delivery_to, item


async def held(store: Any, items: Iterable[Item], **how: Any) -> dict[str, Item | None]:
    """Deliver items; give what was told of each id last."""
    told: dict[str, Item | None] = {}
    delivery = delivery_to(store, **how)
    delivery.on_table_state = told.update
    await add(delivery, items)
    await delivery.flush()
    return told


@pytest.mark.parametrize("conditional", [False, True])
async def test_what_the_table_has_of_each_id_is_told_and_nothing_where_it_differs(conditional: bool) -> None:
    same, older, newer = item(2, snapshot_at=1, expires_at=5000), item(3), item(4, measured_at=900)
    store = MemoryStore(same, older, newer, refuses={"5": "never"})
    items = [item(1), item(2), item(3, value="9"), item(4), item(5), item(6, expires_at=1)]
    assert await held(store, items, conditional=conditional) == {
        "1": item(1),
        "2": item(2, expires_at=5000),
        "3": item(3, value="9"),
        "4": None,
        "5": None,
    }


async def test_what_a_replay_finds_newer_when_it_writes_is_told_as_nothing() -> None:
    store = MemoryStore()

    async def meanwhile() -> None:
        store.items["1"] = item(1, measured_at=900)

    assert await held(Before(store, put=meanwhile), [item(1), item(2)], conditional=True) == {
        "1": None,
        "2": item(2),
    }


async def test_what_is_being_written_is_in_doubt_until_the_table_has_answered() -> None:
    store = MemoryStore(item(2))
    told: list[Any] = []

    async def asked() -> None:
        assert told == [{"1": None}]

    delivery = delivery_to(Before(store, put=asked))
    delivery.on_table_state = lambda held: told.append(dict(held))
    await add(delivery, [item(1), item(2)])
    await delivery.flush()
    assert told == [{"1": None}, {"1": item(1), "2": item(2)}]


async def test_what_the_table_did_not_acknowledge_stays_in_doubt() -> None:
    store = Before(MemoryStore(), after_put=failing(Unavailable("the answer was lost")))
    assert await held(store, [item(1)]) == {"1": None}
