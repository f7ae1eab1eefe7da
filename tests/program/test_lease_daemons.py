"""Real daemons on one table: one loads, and another takes over from it, however it is put out of action."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aqi_service.storage.lease import LEASE_SECONDS
from tests.doubles.aws_world import until
from tests.doubles.daemons import AwsDaemons, is_lease, on_aws, takeovers, trespasses
from tests.doubles.documents import document_of, record
from tests.doubles.faults.effects import RESET_BEFORE
from tests.doubles.faults.journal import Journal
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import Step, answer, feed_server, head
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import Running

IDS = range(1, 601)
BODY = document(*IDS)
OLD = document_of(*(record(i, p1="99", p2="7.5") for i in IDS))
MOST = len(OLD) * 3 // 4


@pytest.fixture
async def aws(tmp_path: Path, moto: Moto) -> AsyncIterator[AwsDaemons]:
    async with on_aws(tmp_path, moto) as found:
        yield found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended in order"])
async def test_where_a_daemon_sees_the_holder_end_it_takes_over_at_once(aws: AwsDaemons, end: int) -> None:
    journal = aws.journal
    async with AsyncExitStack() as stack:
        feed = await stack.enter_async_context(feed_server((answer(BODY),), (answer(document(1)),)))
        first = await stack.enter_async_context(aws.start("first", feed.url()))
        assert (await first.report())["stored"] == len(IDS)
        second = await stack.enter_async_context(aws.start("second", feed.url()))
        await second.line("lease_waiting .* held by .* pid ")
        assert len(feed.requests) == 1
        first.tell(end)
        assert (await second.report())["status"] == "complete"
    assert [taking.call.sender for taking in takeovers(journal)] == ["first", "second"]
    assert trespasses(journal) == []


def begin(kind: str, holder: Running, shim: Shim) -> None:
    """Put the holder out of action."""
    if kind == "paused":
        holder.tell(signal.SIGSTOP)
    else:
        shim.book.add(Rule("dynamodb:*", RESET_BEFORE, sender="first"))


def end(holder: Running, shim: Shim) -> None:
    """Let it go on."""
    holder.tell(signal.SIGCONT)
    shim.book.clear()


def interrupted(gate: asyncio.Event) -> tuple[Step, ...]:
    """Script a feed that sends the last quarter when the gate is opened."""
    return (head(Content_Length=len(OLD)), OLD[:MOST], gate, OLD[MOST:])


def looks_at_lease(journal: Journal, name: str) -> int:
    """Count how often a process has read the lease and has its answer."""
    reads = (record for record in journal.of("GetItem") if record.ended is not None and is_lease(record))
    return sum(record.call.sender == name for record in reads)


@pytest.mark.parametrize("kind", ["paused", "cut off"])
async def test_a_holder_that_is_out_of_action_past_its_lease_is_replaced_and_writes_no_more(
    aws: AwsDaemons, kind: str
) -> None:
    journal, gate = aws.journal, asyncio.Event()
    async with AsyncExitStack() as stack:
        feed = await stack.enter_async_context(feed_server(interrupted(gate), (answer(BODY),)))
        first = await stack.enter_async_context(aws.start("first", feed.url(), host="a"))
        await until(lambda: journal.applied("BatchWriteItem") > 0)
        second = await stack.enter_async_context(aws.start("second", feed.url(), host="b"))
        await second.line("lease_waiting .* held by a pid ")
        begin(kind, first, aws.shim)
        await until(lambda: not journal.at_work)
        looks = looks_at_lease(journal, "second")
        # It has read the last renewal: the answer to a look is known to be read when another look has ended,
        # and one more is for a renewal that was on its way when the holder stopped.
        await until(lambda: looks_at_lease(journal, "second") > looks + 2)
        for name in ("first", "second"):
            aws.move(name, LEASE_SECONDS + 1)
        newer = await second.report()
        assert (newer["status"], newer["stored"]) == ("complete", len(IDS))
        gate.set()
        end(first, aws.shim)
        older = await first.report()
        # Begun a minute earlier, its records are older than the other's: none may be left to be written.
        outdated = older["snapshot_time"] < newer["snapshot_time"] and older["superseded"] > 0
        assert older["pending"] > 0 or (older["status"] == "complete" and outdated)
        assert len(feed.requests) == 2
        await first.line("lease_waiting .* held by b pid ")
    assert [taking.call.sender for taking in takeovers(journal)] == ["first", "second"]
    assert trespasses(journal) == []
    assert {item["P10"] for item in aws.items()} == {"12.5"}
