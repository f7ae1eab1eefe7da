"""What the lease let go has ended before another may hold it: every try of a write is short enough."""

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aqi_service.core.items import Item
from aqi_service.errors import LeaseLost
from aqi_service.storage.aws.dynamodb_lease import SPARE_SECONDS
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.dynamodb_writes import WRITE_SECONDS
from aqi_service.storage.lease import LEASE_SECONDS
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.faults.clock import jumping

TURN = 1.0
"""Seconds until a write may follow the first that was refused."""

ITEMS = [Item(str(number), pm25="1", measured_at=1) for number in range(READ_LIMIT)]


class Silent:
    """A client whose table has a key and answers no write; `tries` are when each began and ended."""

    def __init__(self) -> None:
        self.tries: list[tuple[float, float]] = []
        self.now = asyncio.get_running_loop().time

    async def describe_table(self, **_: Any) -> Any:
        kinds = [{"AttributeName": "id", "AttributeType": "S"}]
        keys = [{"AttributeName": "id", "KeyType": "HASH"}]
        return {"Table": {"TableStatus": "ACTIVE", "AttributeDefinitions": kinds, "KeySchema": keys}}

    async def batch_write_item(self, **_: Any) -> None:
        begun = self.now()
        try:
            await asyncio.Event().wait()
        finally:
            self.tries.append((begun, self.now()))

    put_item = batch_write_item


@pytest.mark.own_deadlines
@pytest.mark.parametrize("conditional", [False, True], ids=["batches", "single items"])
def test_writes_to_a_silent_table_end_before_the_lease_that_let_them_go_may_be_anothers(
    conditional: bool,
) -> None:
    @jumping
    async def run() -> None:
        client: Any = Silent()
        begun = client.now()

        def guard() -> None:
            if client.now() - begun >= LEASE_SECONDS - SPARE_SECONDS:
                raise LeaseLost("it ran out")

        store = DynamoStore(client, client, "t")
        with pytest.raises(LeaseLost):
            await store.put(ITEMS, conditional=conditional, guard=guard)
        assert client.tries
        assert max(end - start for start, end in client.tries) <= WRITE_SECONDS + 0.2
        assert max(end for _, end in client.tries) - begun < LEASE_SECONDS

    run()


def test_a_try_is_shorter_than_the_part_of_a_lease_that_its_holder_does_not_use() -> None:
    assert WRITE_SECONDS < SPARE_SECONDS


class Throttled(Silent):
    """A client whose table refuses what it is asked first, and then takes all."""

    async def batch_write_item(self, **_: Any) -> Any:
        self.tries.append((self.now(), self.now()))
        if len(self.tries) == 1:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchWriteItem")
        return {"Answer": {"UnprocessedItems": {}}}

    put_item = batch_write_item


@pytest.mark.parametrize("conditional", [False, True], ids=["batches", "single items"])
def test_a_write_that_waited_for_its_turn_goes_out_only_if_the_lease_still_lasts(conditional: bool) -> None:
    @jumping
    async def run() -> None:
        client: Any = Throttled()
        begun = client.now()

        def guard() -> None:
            if client.now() - begun >= TURN / 2:
                raise LeaseLost("it ran out")

        store = DynamoStore(client, client, "t")
        with pytest.raises(LeaseLost):
            await store.put(ITEMS[:1], conditional=conditional, guard=guard)
        assert len(client.tries) == 1
        assert client.now() - begun >= TURN / 2

    run()
