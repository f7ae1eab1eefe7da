"""The keeper: how it waits for a lease, renews it and gives it back, on a loop whose time passes alone."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from aqi_service.app.lease_keeper import AGAIN_SECONDS, POLL_SECONDS, RELEASE_SECONDS, acquire, keep_renewed
from aqi_service.errors import AccessDenied, LeaseHeld, LeaseLost, MissingResource, Unavailable
from aqi_service.storage.lease import RENEW_SECONDS
from tests.doubles.faults.clock import jumping

ALIVE = "host=a boot=0 pidns=0 pid=123 start=0"
NO_ANSWER = Unavailable("the table does not answer")


class ScriptedLease:
    """A lease that answers as a script says, the last answer again and again; `calls` are name and time.

    Of an exception it raises it, of a float it waits that long first. `lasts` is when `check` begins to fail.
    """

    def __init__(self, **script: Iterable[object]) -> None:
        self._script = {name: list(answers) for name, answers in script.items()}
        self.calls: list[tuple[str, float]] = []
        self.lasts = float("inf")
        self._begun = asyncio.get_running_loop().time()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._begun

    def times(self, name: str) -> list[float]:
        """Return the seconds at which a method was called."""
        return [round(at, 1) for called, at in self.calls if called == name]

    async def take(self) -> str | None:
        answer = await self._answer("take")
        assert answer is None or isinstance(answer, str)
        return answer

    async def renew(self) -> None:
        await self._answer("renew")

    async def release(self) -> None:
        await self._answer("release")

    def check(self) -> None:
        if self.now >= self.lasts:
            raise LeaseLost("it ran out")

    async def _answer(self, name: str) -> object:
        self.calls.append((name, self.now))
        answers = self._script.get(name, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return None
        if isinstance(answer, BaseException):
            raise answer
        return answer


def loop_time() -> float:
    return asyncio.get_running_loop().time()


class Events(logging.Handler):
    """Notes the name of each event that the keeper logs."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.getMessage().split()[0])


@pytest.fixture(autouse=True)
def events() -> Iterator[Events]:
    handler, log = Events(), logging.getLogger("aqi_service")
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)


def seen(name: str) -> int:
    """Count an event's lines."""
    [handler] = [each for each in logging.getLogger("aqi_service").handlers if isinstance(each, Events)]
    return handler.names.count(name)


def tasks() -> set[Any]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def waiting(lease: ScriptedLease, patience: float | None) -> None:
    await acquire(lease, patience, clock=loop_time)


@jumping
async def test_a_free_lease_is_taken_at_once_and_not_given_back() -> None:
    lease = ScriptedLease()
    await waiting(lease, 60)
    assert [name for name, _ in lease.calls] == ["take"]
    assert lease.now < 0.1


@jumping
async def test_a_lease_is_asked_for_every_few_seconds_until_it_is_free() -> None:
    lease = ScriptedLease(take=[ALIVE, ALIVE, NO_ANSWER, ALIVE, None])
    await waiting(lease, None)
    times = lease.times("take")
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == 4
    assert all(POLL_SECONDS / 2 - 0.1 <= pause <= POLL_SECONDS * 1.5 + 0.2 for pause in pauses)
    assert lease.times("release") == []


@jumping
async def test_patience_ends_with_a_last_try_and_a_sentence_that_names_the_holder() -> None:
    lease = ScriptedLease(take=[ALIVE])
    with pytest.raises(LeaseHeld, match=r"held by a pid 123, .* wait until it ends, or stop it") as caught:
        await waiting(lease, 60)
    assert caught.value.holder == ALIVE
    assert lease.times("take")[-1] == pytest.approx(60, abs=0.3)


@jumping
async def test_without_patience_the_lease_is_asked_for_once() -> None:
    lease = ScriptedLease(take=[ALIVE])
    with pytest.raises(LeaseHeld):
        await waiting(lease, 0)
    assert len(lease.times("take")) == 1


@jumping
async def test_a_lease_that_is_freed_just_before_patience_ends_is_taken() -> None:
    lease = ScriptedLease(take=[ALIVE, None])
    await waiting(lease, 0.5)
    assert lease.times("take")[-1] == pytest.approx(0.5, abs=0.2)


@jumping
async def test_a_table_that_does_not_answer_is_waited_for_and_then_named() -> None:
    lease = ScriptedLease(take=[NO_ANSWER])
    with pytest.raises(Unavailable) as caught:
        await waiting(lease, 60)
    assert caught.value is NO_ANSWER
    assert len(lease.times("take")) > 10
    assert len(lease.times("release")) == 1  # it may be half taken


@jumping
async def test_what_waiting_cannot_mend_ends_the_waiting_at_once() -> None:
    lease = ScriptedLease(take=[AccessDenied("no")])
    with pytest.raises(AccessDenied):
        await waiting(lease, None)
    assert len(lease.times("take")) == 1


@jumping
async def test_a_waiting_can_be_cancelled_and_gives_back_what_may_be_half_taken() -> None:
    lease = ScriptedLease(take=[1000.0])
    task = asyncio.create_task(waiting(lease, None))
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lease.times("release") == [pytest.approx(5, abs=0.2)]


@jumping
async def test_the_same_reason_for_waiting_is_logged_once() -> None:
    await waiting(ScriptedLease(take=[ALIVE, ALIVE, NO_ANSWER, NO_ANSWER, ALIVE, None]), None)
    assert seen("lease_waiting") == 3


@jumping
async def test_reasons_that_take_turns_are_a_line_each_while_the_table_does_not_answer() -> None:
    away = [Unavailable(f"no answer within {n}.5 s, port {n}") for n in range(50)]
    busy = [Unavailable("throttled")] * 50
    outage = [each for pair in zip(away, busy, strict=True) for each in pair]
    await waiting(ScriptedLease(take=[*outage, ALIVE, *outage, None]), None)
    assert seen("lease_waiting") == 2 + 1 + 2


@jumping
async def test_taking_the_lease_is_a_line() -> None:
    await waiting(ScriptedLease(take=[ALIVE, None]), None)
    assert seen("lease_taken") == 1
    with pytest.raises(LeaseHeld):
        await waiting(ScriptedLease(take=[ALIVE]), 0)
    assert seen("lease_taken") == 1


@jumping
async def test_renewals_that_fail_are_a_line_a_kind_until_one_does_not() -> None:
    away = [Unavailable(f"no answer, port {n}") for n in range(8)]
    outage = [each for one in away for each in (one, Unavailable("throttled"))]
    lease = ScriptedLease(renew=[*outage, None, *outage, None])
    async with keep_renewed(lease):
        await asyncio.sleep(5 * RENEW_SECONDS + 2 * len(outage))
    assert len(lease.times("renew")) > 2 * len(outage)
    assert seen("lease_not_renewed") == 2 + 2


@jumping
async def test_a_kept_lease_is_renewed_again_and_again_and_then_given_back() -> None:
    lease = ScriptedLease()
    async with keep_renewed(lease):
        await asyncio.sleep(3.5 * RENEW_SECONDS)
    assert lease.times("renew") == [pytest.approx(n * RENEW_SECONDS, abs=0.3) for n in (1, 2, 3)]
    assert len(lease.times("release")) == 1
    assert tasks() == set()


@pytest.mark.parametrize("fault", [NO_ANSWER, MissingResource("no such table")])
def test_a_renewal_that_fails_is_soon_repeated(fault: Exception) -> None:
    @jumping
    async def run() -> None:
        lease = ScriptedLease(renew=[fault, fault, None])
        async with keep_renewed(lease):
            await asyncio.sleep(RENEW_SECONDS * 2.5)
        first = RENEW_SECONDS
        assert lease.times("renew") == [
            pytest.approx(at, abs=0.3)
            for at in (first, first + AGAIN_SECONDS, first + 2 * AGAIN_SECONDS, 2 * first + 2 * AGAIN_SECONDS)
        ]

    run()


@jumping
async def test_renewing_ends_when_the_lease_is_lost_which_the_block_learns_and_runs_on() -> None:
    lease = ScriptedLease(renew=[None, LeaseLost("another's")])
    async with keep_renewed(lease) as lost:
        await asyncio.sleep(1.5 * RENEW_SECONDS)
        assert not lost.is_set()
        await lost.wait()
        assert lease.now == pytest.approx(2 * RENEW_SECONDS, abs=0.3)
        await asyncio.sleep(10 * RENEW_SECONDS)
    assert len(lease.times("renew")) == 2
    assert seen("lease_lost") == 1


@jumping
async def test_renewing_ends_when_the_table_does_not_answer_until_the_lease_has_run_out() -> None:
    lease = ScriptedLease(renew=[NO_ANSWER])
    lease.lasts = 25
    async with keep_renewed(lease):
        await asyncio.sleep(10 * RENEW_SECONDS)
    assert lease.times("renew")[-1] == pytest.approx(25, abs=1.2)
    assert seen("lease_lost") == 1


@jumping
async def test_an_error_in_the_block_comes_out_and_the_lease_is_given_back() -> None:
    lease = ScriptedLease()
    with pytest.raises(ZeroDivisionError):
        async with keep_renewed(lease):
            raise ZeroDivisionError
    assert len(lease.times("release")) == 1
    assert tasks() == set()


@jumping
async def test_a_cancelled_block_gives_the_lease_back_in_the_middle_of_a_renewal() -> None:
    lease = ScriptedLease(renew=[1000.0])

    async def work() -> None:
        async with keep_renewed(lease):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(RENEW_SECONDS + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [name for name, _ in lease.calls] == ["renew", "release"]
    assert tasks() == set()


@jumping
async def test_one_that_is_cancelled_again_while_it_gives_back_leaves_no_task() -> None:
    lease = ScriptedLease(release=[1000.0])

    async def work() -> None:
        async with keep_renewed(lease):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lease.now == pytest.approx(2, abs=0.3)
    assert tasks() == set()


@pytest.mark.parametrize("answer", [NO_ANSWER, AccessDenied("no"), 1000.0])
def test_a_lease_that_cannot_be_given_back_runs_out_by_itself(answer: object) -> None:
    @jumping
    async def run() -> None:
        lease = ScriptedLease(release=[answer])
        async with keep_renewed(lease):
            pass
        assert lease.now <= RELEASE_SECONDS + 0.3
        assert seen("lease_not_released") == 1

    run()


@jumping
async def test_a_defect_in_a_lease_is_logged_and_does_not_hide_the_end_of_the_block() -> None:
    lease = ScriptedLease(renew=[RuntimeError("defect")])

    async def work() -> None:
        async with keep_renewed(lease):
            await asyncio.sleep(2 * RENEW_SECONDS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert seen("lease_keeper_died") == 1
    assert len(lease.times("release")) == 1
