"""What came in one read, answered: at once what can be, the rest in turn, all in order."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

import pytest

from aqi_service.core.frames import encode
from aqi_service.server.replies import TURN, AtOnce, Responder
from tests.doubles.wire_fixtures import advance, by_hand, echo, task, turns


def even(payload: bytes) -> bytes | None:
    return b"id," + payload if int(payload) % 2 == 0 else None


def replies(
    records: Callable[[list[bytes]], bytes | None] = lambda _: None,
) -> tuple[Responder, list[bytes], "Counter[str]"]:
    asked: list[bytes] = []
    counts: Counter[str] = Counter()

    async def answer(payload: bytes) -> bytes:
        asked.append(payload)
        return await echo(payload)

    return Responder(answer, counts, AtOnce(even, records)), asked, counts


@pytest.mark.parametrize("payloads", [[b"2"], [b"1"], [b"2", b"1"], [b"4", b"1", b"2", b"3", b"6"]])
async def test_only_what_cannot_be_answered_at_once_is_asked_for_and_the_order_stays(
    payloads: list[bytes],
) -> None:
    made, asked, counts = replies()
    wanted = [even(payload) or b"answer to " + payload for payload in payloads]
    assert await made.answer_all(payloads) == b"".join(map(encode, wanted))
    assert asked == [payload for payload in payloads if int(payload) % 2]
    assert counts == {"found": len(payloads)}


async def test_a_fault_in_an_answer_at_once_costs_that_reply_alone(caplog: pytest.LogCaptureFixture) -> None:
    made, _, counts = replies()
    with caplog.at_level(logging.ERROR):
        got = await made.answer_all([b"2", b"no number", b"4"])
    assert got == encode(b"id,2") + encode(b"Unavailable: internal error") + encode(b"id,4")
    assert counts == {"found": 2, "unavailable": 1}
    assert "no number" in caplog.text


def test_records_that_are_there_are_counted_and_nothing_is_where_one_is_not() -> None:
    made, _, counts = replies(lambda payloads: b"both" if payloads == [b"2", b"4"] else None)
    assert made.records([b"2", b"4"]) == b"both"
    assert made.records([b"2", b"1"]) is None
    assert counts == {"found": 2}


def test_a_fault_in_what_gives_records_leaves_them_to_be_answered_one_by_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _, counts = replies(lambda payloads: b"%d" % int(payloads[1]))
    with caplog.at_level(logging.ERROR):
        assert made.records([b"2", b"no number"]) is None
    assert not counts
    assert "answer_failed" in caplog.text


async def test_a_read_of_many_that_waits_for_nothing_still_gives_way() -> None:
    made, _, _ = replies()
    few, many = task(made.answer_all([b"2"] * TURN)), task(made.answer_all([b"2"] * (TURN + 1)))
    await asyncio.sleep(0)
    assert (few.done(), many.done()) == (True, False)
    await turns()
    assert many.done()


@by_hand
async def test_what_was_answered_at_once_is_sent_although_the_rest_does_not_come_in_time() -> None:
    never = asyncio.Event()

    async def answer(_: bytes) -> bytes:
        await never.wait()
        return b""

    waiting = task(Responder(answer, Counter(), AtOnce(even)).answer_all([b"2", b"1"]))
    await turns()
    advance(10)
    await turns()
    late = b"Unavailable: no answer in time; try again later"
    assert waiting.result() == encode(b"id,2") + encode(late)
