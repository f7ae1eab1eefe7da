"""Which creation of a table a store speaks of: the same until it is deleted, another one afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from aqi_service.errors import ConfigError, MissingResource, Unavailable
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.dry import DryStore
from aqi_service.storage.local.store import FILE
from aqi_service.storage.ports import Store
from tests.doubles.aws_answers import error
from tests.doubles.aws_world import World, fresh, opened
from tests.doubles.storage_items import FULL
from tests.doubles.stores import STORES, local_store


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path) as opened_store:
        yield opened_store


@pytest.fixture
async def world(moto_endpoint: str) -> AsyncIterator[World]:
    async with opened(moto_endpoint) as found:
        yield await fresh(found)


async def test_the_identity_is_one_line_and_stays_the_same(store: Store) -> None:
    identity = await store.identity()
    await store.put([FULL], conditional=False)
    await store.settle()
    assert identity
    assert identity.isprintable()
    assert await store.identity() == identity


def delete_table(folder: Path) -> None:
    for file in folder.glob(f"{FILE}*"):
        file.unlink()


async def test_a_local_table_that_is_made_anew_has_another_identity(tmp_path: Path) -> None:
    async with local_store(tmp_path) as store:
        first = await store.identity()
        delete_table(tmp_path)
        assert await store.identity() != first


async def test_two_local_tables_have_two_identities(tmp_path: Path) -> None:
    async with local_store(tmp_path / "a") as one, local_store(tmp_path / "b") as other:
        assert await one.identity() != await other.identity()


async def test_several_at_once_see_one_identity(tmp_path: Path) -> None:
    async with local_store(tmp_path) as one, local_store(tmp_path) as other:
        found = await asyncio.gather(*(store.identity() for store in (one, other, one, other)))
    assert len(set(found)) == 1


async def test_a_table_that_is_made_anew_under_its_name_has_another_identity(world: World) -> None:
    await world.make_table()
    first = await world.store().identity()
    await world.dynamodb.delete_table(TableName=world.table)
    await world.make_table()
    assert await world.store().identity() != first


class Described:
    """A client that describes a table, and says of its making what an endpoint may give."""

    def __init__(self, made: dict[str, Any]) -> None:
        self._table = MADE_OF | made

    async def describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": self._table}


MADE_OF = {
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
}
MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("made", "identity"),
    [
        ({"TableId": "t-1", "CreationDateTime": MADE}, "t-1"),
        ({"CreationDateTime": MADE}, "2026-01-02T03:04:05+00:00"),
        ({"CreationDateTime": MADE.astimezone(timezone(timedelta(hours=5)))}, "2026-01-02T03:04:05+00:00"),
        ({}, "air"),
    ],
)
async def test_without_an_id_the_time_of_its_making_and_then_its_name_stand_in(
    made: dict[str, Any], identity: str
) -> None:
    client: Any = Described(made)
    assert await DynamoStore(client, client, "air").identity() == identity


async def test_the_time_of_its_making_is_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client: Any = Described({"CreationDateTime": MADE})
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert await DynamoStore(client, client, "air").identity() == "2026-01-02T03:04:05+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_table_that_is_not_there_has_no_identity(world: World) -> None:
    with pytest.raises(MissingResource):
        await world.store().identity()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [("AccessDeniedException", 400, ConfigError), ("InternalServerError", 500, Unavailable)],
)
async def test_a_table_that_cannot_be_described_says_why(
    world: World, code: str, status: int, kind: type[Exception]
) -> None:
    world.double.on("DescribeTable", error(status, code))
    with pytest.raises(kind, match=f"^table {world.table}"):
        await world.store().identity()


async def test_a_dry_run_has_one_too() -> None:
    assert await DryStore().identity() == await DryStore().identity() != ""
