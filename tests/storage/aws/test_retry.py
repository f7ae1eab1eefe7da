"""Repeating what may pass: how often, how long between, and what comes out when it does not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.schedule import BACKOFF_CAP, full_jitter
from aqi_service.errors import AccessDenied, ItemRefused, Unavailable
from aqi_service.storage.aws import retry
from aqi_service.storage.aws.retry import (
    ATTEMPTS,
    CALL,
    RetryPolicy,
    Slots,
    call_with_retry,
    retry_unprocessed,
)
from aqi_service.storage.cleanup import gather_or_cancel
from tests.doubles.aws_world import Waits


def scripted(outcomes: Iterable[object]) -> Callable[..., Awaitable[Any]]:
    """Make a request that gives, or raises, one outcome after the other."""
    left = iter(outcomes)

    async def request(*_: object) -> Any:
        outcome = next(left)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return request


def aws_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")


class TestCall:
    async def test_an_answer_comes_back_at_once(self) -> None:
        waits = Waits()
        assert await call_with_retry("thing", scripted(["answer"]), waits) == "answer"
        assert waits == []

    async def test_what_may_pass_is_tried_again_with_waits_that_double(self) -> None:
        waits = Waits()
        faults = [aws_error("SlowDown", 503), ConnectionResetError(), aws_error("X", 500)]
        assert await call_with_retry("thing", scripted([*faults, "answer"]), waits) == "answer"
        assert len(waits) == 3
        assert all(0 <= wait <= CALL.base * 2**number for number, wait in enumerate(waits))

    async def test_the_first_wait_is_up_to_its_base(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retry, "random", lambda: 1.0)
        waits = Waits()
        faults = [aws_error("SlowDown", 503)] * 3
        await call_with_retry("thing", scripted([*faults, "answer"]), waits, RetryPolicy(base=0.3))
        assert waits == [0.3, 0.6, 1.2]

    async def test_after_the_last_try_the_last_error_is_raised(self) -> None:
        waits = Waits()
        faults = [aws_error(f"Fault{number}", 500) for number in range(9)]
        with pytest.raises(Unavailable, match=r"^thing: AWS cannot do it now .Fault2"):
            await call_with_retry("thing", scripted(faults), waits, RetryPolicy(attempts=3))
        assert len(waits) == 2

    async def test_what_does_not_pass_is_raised_at_once(self) -> None:
        waits = Waits()
        for fault in (aws_error("AccessDenied", 403), aws_error("NoSuchUpload", 404), ItemRefused("x")):
            with pytest.raises((AccessDenied, Unavailable, ItemRefused)):
                await call_with_retry("thing", scripted([fault]), waits)
        assert waits == []

    async def test_a_try_that_takes_too_long_is_given_up_and_repeated(self) -> None:
        tries = 0

        async def silent() -> None:
            nonlocal tries
            tries += 1
            await asyncio.Event().wait()

        with pytest.raises(Unavailable, match=r"^thing: no answer in time$"):
            await call_with_retry("thing", silent, Waits(), RetryPolicy(attempts=2, seconds=0.01))
        assert tries == 2

    async def test_a_deadline_around_it_is_the_callers(self) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call_with_retry("thing", asyncio.Event().wait, Waits()), 0.01)


class TestUntilDone:
    async def test_nothing_to_do_asks_nobody(self) -> None:
        await retry_unprocessed([], scripted([]), "table", Slots(8), Waits())

    async def test_what_is_left_is_asked_for_again_until_nothing_is(self) -> None:
        asked: list[list[int]] = []

        async def request(left: list[int]) -> list[int]:
            asked.append(left)
            return left[2:]

        await retry_unprocessed([1, 2, 3, 4, 5], request, "table", Slots(8), Waits())
        assert asked == [[1, 2, 3, 4, 5], [3, 4, 5], [5]]

    @given(st.lists(st.integers(1, 8), min_size=1, max_size=40))
    async def test_progress_however_slow_begins_the_waits_anew(self, stalls: list[int]) -> None:
        left, script = len(stalls), []
        for stall in stalls:
            script += [list(range(left))] * stall
            left -= 1
            script.append(list(range(left)))
        waits = Waits()
        await retry_unprocessed(list(range(len(stalls))), scripted(script), "table", Slots(8), waits)
        assert len(waits) == sum(stalls) + len(stalls) - 1

    async def test_the_waits_double_until_something_was_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retry, "random", lambda: 1.0)
        waits = Waits()
        script = [[1, 2], [1, 2], [1, 2], [1], [1], [1], []]
        await retry_unprocessed([1, 2], scripted(script), "table", Slots(8), waits)
        assert waits == [0.05, 0.1, 0.2, 0.05, 0.1, 0.2]

    async def test_after_ten_repetitions_without_progress_the_last_real_error_is_raised(self) -> None:
        waits = Waits()
        errors = [Unavailable(f"fault {number}") for number in range(ATTEMPTS + 1)]
        with pytest.raises(Unavailable, match=f"fault {ATTEMPTS}"):
            await retry_unprocessed([1], scripted(errors), "table", Slots(8), waits)
        assert len(waits) == ATTEMPTS

    async def test_without_an_error_the_sentence_says_that_it_is_throttled(self) -> None:
        with pytest.raises(Unavailable, match=r"^table t: the table takes nothing more \(throttled\)$"):
            await retry_unprocessed([1], scripted([[1]] * 20), "table t", Slots(8), Waits())

    async def test_what_does_not_pass_is_raised_at_once(self) -> None:
        waits = Waits()
        with pytest.raises(ItemRefused):
            await retry_unprocessed([1], scripted([ItemRefused("x")]), "table", Slots(8), waits)
        assert waits == []

    async def test_it_can_be_cancelled_while_it_waits(self) -> None:
        async def for_ever(_seconds: float) -> None:
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(retry_unprocessed([1], scripted([[1]]), "table", Slots(8), for_ever), 0.01)


class TestTogether:
    async def test_all_jobs_run_at_once(self) -> None:
        barrier = asyncio.Barrier(3)

        async def job() -> None:
            await barrier.wait()

        await gather_or_cancel(job() for _ in range(3))

    async def test_the_first_error_cancels_the_others_and_keeps_its_cause(self) -> None:
        ended: list[str] = []
        cause = KeyError("cause")

        async def failing() -> None:
            raise Unavailable("first") from cause

        async def waiting() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

        jobs: list[Coroutine[Any, Any, None]] = [waiting(), failing()]
        with pytest.raises(Unavailable, match="first") as caught:
            await gather_or_cancel(jobs)
        assert caught.value.__cause__ is cause
        assert ended == ["cancelled"]

    async def test_no_jobs_are_no_error(self) -> None:
        await gather_or_cancel([])


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_nothing_and_an_edge_that_doubles_up_to_a_cap(
    attempt: int, chance: float
) -> None:
    assert 0 <= full_jitter(attempt, chance) <= min(BACKOFF_CAP, 0.05 * 2.0 ** min(attempt, 30))
