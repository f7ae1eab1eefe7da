"""Lookups that come, go and fail in any order, over a table that answers in any order.

One rule: hypothesis decides what happens, and when the loop turns.
"""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.errors import Unavailable
from aqi_service.lookup.batcher import MOST_CONCURRENT, PATIENCE
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.documents import QUICK
from tests.doubles.gated_table import TABLE, table
from tests.doubles.wire_fixtures import HandDrivenLoop, advance, by_hand, task, turns

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 12)),
        st.tuples(st.just("answer"), st.integers(0, 30)),
        st.tuples(st.just("fail"), st.integers(0, 30)),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.integers(0, 2)),
    ),
    max_size=60,
)


class Crowd:
    """Lookups that come and go, and a table that answers when it is told to."""

    def __init__(self) -> None:
        self.store, self.misses = table()
        self.lookups: list[tuple[int, asyncio.Task[Any]]] = []

    def under_way(self) -> list["asyncio.Future[None]"]:
        return [gate for gate in self.store.gates if not gate.done()]

    def ask(self, number: int) -> None:
        self.lookups.append((number, task(self.misses.get(str(number)))))

    def answer(self, number: int) -> None:
        if gates := self.under_way():
            gates[number % len(gates)].set_result(None)

    def fail(self, number: int) -> None:
        if gates := self.under_way():
            gates[number % len(gates)].set_exception(Unavailable("no"))

    def leave(self, number: int) -> None:
        if self.lookups:
            self.lookups[number % len(self.lookups)][1].cancel()

    def wait(self, number: int) -> None:
        advance(number * PATIENCE / 2)

    async def end(self) -> None:
        """Answer all that is left, and see that each lookup got what it asked for."""
        for _ in range(len(self.lookups) + 1):
            await turns()
            for gate in self.under_way():
                gate.set_result(None)
        for number, lookup in self.lookups:
            reply = (await asyncio.gather(lookup, return_exceptions=True))[0]
            assert reply == TABLE.get(str(number)) or isinstance(reply, Unavailable | asyncio.CancelledError)
        assert all(len(set(ids)) == len(ids) <= READ_LIMIT for ids in self.store.asked)


@QUICK
@given(STEPS)
def test_whatever_comes_and_goes_each_lookup_has_its_own_answer(steps: list[tuple[str, int]]) -> None:
    @by_hand
    async def test() -> None:
        crowd = Crowd()
        for what, number in steps:
            if what == "turn":
                await turns(number)
            else:
                getattr(crowd, what)(number)
            assert len(crowd.under_way()) <= MOST_CONCURRENT
        await crowd.end()

    test(loop_factory=HandDrivenLoop)
