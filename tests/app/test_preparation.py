"""Archive and table are made and checked before the lease is asked for, until it is done once."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.preparation import CAP_SECONDS, FIRST_SECONDS, Preparation
from aqi_service.app.scheduler import Scheduler
from aqi_service.errors import ConfigError, MissingResource, Unavailable
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.storage.dry import DryLease
from tests.doubles.backend import GivenBackend, opened
from tests.doubles.config import config
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, in_memory
from tests.doubles.waits import Waits
from tests.doubles.wire_fixtures import task, until

AWAY, SCALE = Unavailable("table t: away"), ConfigError("the table is scored on us-epa")
GONE = MissingResource("table t: there is no such table: --create makes it, --table names another")


def giving(*ends: Exception | None) -> Callable[[], Awaitable[None]]:
    """Return what ends so one call after the other, and then well."""
    left = list(ends)

    async def check() -> None:
        if left and (error := left.pop(0)):
            raise error

    return check


def prepared(
    *ends: Exception | None,
    create: Callable[[], Awaitable[Sequence[str]]] | None = None,
    asked: bool = False,
) -> tuple[Preparation, ServiceStatus]:
    """Give a preparation whose check ends so, and what it counts."""
    status = ServiceStatus(ServerCounts())
    backend = opened(Before(MemoryArchive(), check=giving(*ends)), create=create)
    return Preparation(config(create=asked), backend, status), status


async def test_it_is_tried_after_1_2_4_up_to_60_seconds_until_it_is_done_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aqi_service.app.preparation.random", lambda: 1.0)
    preparation, status = prepared(*[AWAY] * 8)
    waits = Waits()
    await preparation.first()
    await preparation.until_done(waits)
    assert waits.seconds == [FIRST_SECONDS, 2, 4, 8, 16, 32, CAP_SECONDS, CAP_SECONDS]
    assert (status.loads["refused"], status.failures) == (8, 0)  # from now on loads count
    await preparation.until_done(waits)
    assert len(waits.seconds) == 8


async def test_what_waiting_cannot_mend_is_raised_at_the_start_and_a_line_of_the_log_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "aqi_service")
    preparation, _ = prepared(SCALE)
    with pytest.raises(ConfigError, match="us-epa"):
        await preparation.first()
    later, _ = prepared(AWAY, AWAY, SCALE, SCALE, AWAY)
    await later.first()
    await later.until_done(Waits())
    assert [line for line in lines(caplog) if "swept" not in line] == [
        "storage_unavailable error='table t: away'",
        "load_refused error='the table is scored on us-epa'",
        "storage_unavailable error='table t: away'",
        "storage_usable",
    ]


async def test_no_wait_goes_on_after_a_stop() -> None:
    preparation, status = prepared(*[AWAY] * 8)
    await preparation.first()
    stop = Stop()
    work = task(preparation.until_done(stop))
    stop.set()
    await work
    assert (status.loads["refused"], status.failures) == (1, 1)


async def test_the_lease_is_not_asked_for_before_it_is_done() -> None:
    order: list[str] = []

    class Told(DryLease):
        async def take(self) -> str | None:
            order.append("lease")
            return None

    async def create() -> Sequence[str]:
        order.append("create")
        if order.count("create") < 3:
            raise AWAY
        return ()

    status, stop = ServiceStatus(ServerCounts()), Waits()
    store = MemoryStore()
    backend = opened(store=store, lease=Told(), create=create)
    async with feed_server((answer(document(1, 2, 3)),)) as feed:
        settings = config(feed_url=feed.url(), create=True)
        work = task(
            Scheduler(settings, backend, status, None, Preparation(settings, backend, status)).run(stop)
        )
        await until(lambda: status.loads["complete"] == 1)
        stop.set()
        await work
    assert order == ["create", "create", "create", "lease"]
    assert (status.loads["refused"], len(store.items)) == (2, 3)


async def test_what_cannot_be_made_is_one_warning_however_often_it_is_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def create() -> Sequence[str]:
        return ["block of public access: the store does not know it"]

    preparation, _ = prepared(AWAY, AWAY, AWAY, create=create, asked=True)
    await preparation.until_done(Waits())
    assert [line for line in lines(caplog) if line.startswith("not_created")] == [
        "not_created error='block of public access: the store does not know it'"
    ]


@pytest.mark.parametrize("create", [True, False])
async def test_create_is_advised_only_where_it_was_not_given(
    create: bool, caplog: pytest.LogCaptureFixture
) -> None:
    preparation, _ = prepared(GONE, AWAY, GONE, asked=create)
    with pytest.raises(MissingResource) as caught:
        await preparation.first()
    await preparation.until_done(Waits())
    for said in (str(caught.value), "".join(line for line in lines(caplog) if "no such table" in line)):
        assert ("--create makes it" in said) is not create
        assert "--table names another" in said


@pytest.mark.parametrize("create", [True, False])
async def test_what_the_table_has_not_or_otherwise_is_named_with_a_command_only_where_it_was_not_given(
    create: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Lacking(GivenBackend):
        async def missing(self) -> Sequence[str]:
            return ["TTL on expires_at"]

        async def wrong(self) -> Sequence[str]:
            return ["TTL is on `other`: switch it off"]

    status = ServiceStatus(ServerCounts())
    await Preparation(config(create=create), Lacking(in_memory()), status).first()
    said = "\n".join(lines(caplog))
    assert ("table_lacks" in said) is not create  # what --create could not add, it has named
    assert "not_right error='TTL is on `other`: switch it off' hint='then " in said
    assert ("--create" in said) is not create
