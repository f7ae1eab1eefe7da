"""What a sensor measured over time: rows in time, within the budget, and no day read again for nothing."""

import asyncio
import csv
import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from aqi_service.core.csv_answers import csv_pieces
from aqi_service.core.day_cache import KEPT_SECONDS
from aqi_service.core.days import DAYS_HEADER
from aqi_service.core.items import Item, is_expired
from aqi_service.core.requests import (
    MOST_DAYS,
    MOST_ROWS,
    Choice,
    DaysRequest,
    HistoryRequest,
)
from aqi_service.core.scales import US_EPA
from aqi_service.core.scoring import score
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensor_rows import SENSOR_HEADER, sensor_row
from aqi_service.core.times import DAY, day_of, iso
from aqi_service.errors import (
    AccessDenied,
    AqiError,
    BadRequest,
    Busy,
    MissingIndex,
    MissingResource,
    NoAnswer,
    Unavailable,
)
from aqi_service.lookup.history import DEADLINE, MOST_CONCURRENT, PAGE_UNITS, SensorHistory
from aqi_service.lookup.lookup import Lookup
from aqi_service.storage.sensor_reads import SensorPage, SensorRange
from tests.doubles.log_lines import lines
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import Before, Gate, Hook, MemoryStore, failing
from tests.doubles.storage_items import FULL
from tests.doubles.wire_fixtures import advance, by_hand, by_jumps, task, turns

FIRST = 19_711 * DAY
NOW = float(FIRST + 40 * DAY + 12 * 3600)
"""Noon, forty days after the first record."""

GONE = "^the table cannot be read now; try again later$"


def record(at: int, number: int | None = None, **fields: Any) -> Item:
    """Give a record of so many seconds after FIRST."""
    usual = {"timestamp": iso(FIRST + at), "expires_at": None, "date": day_of(FIRST + at)}
    return FULL._replace(
        id=str(10**10 + at if number is None else number), measured_at=FIRST + at, **usual | fields
    )


def hourly(days: int) -> list[Item]:
    return [record(3600 * hour, pm25=str(hour % 90)) for hour in range(24 * days)]


class Table(MemoryStore):
    """A table that notes what it is asked for, and says that each page costs `page_units`."""

    def __init__(self, *items: Item, units: float = 0.0) -> None:
        super().__init__(*items)
        self.page_units = units
        self.asked: list[SensorRange] = []

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        self.asked.append(asked)
        return await super().sensor_page(asked, ages, position)

    def days(self) -> list[tuple[int, int]]:
        """Give the days that were asked for, counted from FIRST, and forget them."""
        asked = [((each.since - FIRST) // DAY, (each.until - FIRST) // DAY) for each in self.asked]
        self.asked.clear()
        return asked


class Written:
    """A SensorHistory whose answers are written as CSV."""

    def __init__(
        self, store: Any, ages: Callable[[], float], read_units: float = 200, deadline: float = DEADLINE
    ) -> None:
        self._history = SensorHistory(store, ages, read_units, deadline)
        self.newest, self.budget = self._history.newest, self._history.budget

    async def history(self, request: HistoryRequest) -> bytes:
        scale = request.choice.scale
        return whole_of(await self._history.history(request, lambda record: sensor_row(record, scale)))

    async def days(self, request: DaysRequest) -> bytes:
        return b"".join(csv_pieces(request, await self._history.days(request)))


def whole_of(written: Sequence[bytes]) -> bytes:
    return SENSOR_HEADER.encode() + b"".join(written)


def over(*items: Item, read_units: float = 200, ages: float = NOW, **hooks: Hook) -> Written:
    return Written(Before(MemoryStore(*items), **hooks), lambda: ages, read_units)


def of_days(first: int, last: int, choice: Choice = Choice()) -> DaysRequest:  # noqa: B008  # frozen
    return DaysRequest(141, FIRST + first * DAY, FIRST + last * DAY, choice)


def rows(reply: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(reply.decode(), newline="")))


def whole(items: Sequence[Item], choice: Choice = Choice()) -> bytes:  # noqa: B008  # frozen
    return SENSOR_HEADER.encode() + b"".join(sensor_row(SensorRecord(each), choice.scale) for each in items)


async def test_a_history_has_a_row_a_record_by_time_of_the_range_alone() -> None:
    items = hourly(31)
    found = await over(*reversed(items)).history(HistoryRequest(141, FIRST + 3600, FIRST + 30 * DAY))
    assert found == whole(items[1 : 30 * 24])


async def test_a_month_of_records_an_hour_apart_is_two_pages() -> None:
    table = Table(*hourly(31))
    await Written(table, lambda: NOW).history(HistoryRequest(141, FIRST, FIRST + 31 * DAY))
    assert len(table.asked) == 2


async def test_a_history_is_scored_on_the_scale_that_is_asked_for() -> None:
    choice = Choice(scale=US_EPA)
    found = await over(*hourly(1)).history(HistoryRequest(141, FIRST, FIRST + DAY, choice))
    assert found == whole(hourly(1), choice)
    assert [row["AQI"] for row in rows(found)[:3]] == [
        str(score(US_EPA, "12", str(hour)).aqi) for hour in range(3)
    ]


async def test_a_sensor_that_the_table_does_not_have_has_the_header_line_alone() -> None:
    history = over(*hourly(1))
    assert await history.history(HistoryRequest(9, FIRST, FIRST + DAY)) == SENSOR_HEADER.encode()
    assert await history.days(DaysRequest(9, FIRST, FIRST + DAY)) == DAYS_HEADER.encode()
    assert await history.newest(9) is None


async def test_more_rows_than_a_reply_has_are_a_bad_request_that_says_how_to_narrow() -> None:
    items = [record(at) for at in range(MOST_ROWS + 1)]
    history = Written(MemoryStore(*items), lambda: NOW, deadline=PATIENCE)
    with pytest.raises(BadRequest, match="ask for SINCE and UNTIL that are nearer"):
        await history.history(HistoryRequest(141, FIRST, FIRST + DAY))
    assert len(rows(await history.history(HistoryRequest(141, FIRST + 1, FIRST + DAY)))) == MOST_ROWS


async def test_the_newest_record_is_found_in_one_small_page() -> None:
    table = Table(*hourly(40))
    history = Written(table, lambda: NOW)
    assert await history.newest(141) == hourly(40)[-1]
    assert [asked.limit for asked in table.asked] == [8]


@pytest.mark.parametrize("same", [2, 8, 9, 30])
async def test_of_records_of_one_second_the_newest_is_the_one_with_the_higher_id(same: int) -> None:
    class Unsorted(MemoryStore):
        """A table that gives records of one second in the order in which they were put, as DynamoDB may."""

        async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
            del ages
            there = sorted(self.items.values(), key=lambda item: -(item.measured_at or 0))
            begin = position or 0
            end = begin + asked.limit
            return SensorPage(there[begin:end], end if end < len(there) else None)

    newest = [record(99, number) for number in (*range(200, 200 + same - 1), 1000)]
    for order in (newest, newest[::-1]):
        store = Unsorted(*order, record(98, 5000))
        assert await Written(store, lambda: NOW).newest(141) == newest[-1]


async def test_behind_many_records_that_have_expired_the_newest_is_looked_for_in_full_pages() -> None:
    class Dynamo(Table):
        """A table that leaves expired records out of a page after it was cut, as DynamoDB's is."""

        async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
            page = await super().sensor_page(asked, 0.0, position)
            return page._replace(items=[item for item in page.items if not is_expired(item, ages)])

    old = [record(at, expires_at=int(NOW)) for at in range(1000, 1900)]
    table = Dynamo(record(5), *old)
    assert await Written(table, lambda: NOW).newest(141) == record(5)
    assert [asked.limit for asked in table.asked] == [8, 500, 500]


async def test_expired_records_are_absent_and_cost_the_newest_few_pages() -> None:
    old = [record(at, expires_at=int(NOW)) for at in range(1000, 2000)]
    table = Table(record(5, expires_at=int(NOW) + 1), *old)
    history = Written(table, lambda: NOW)
    assert await history.newest(141) == record(5, expires_at=int(NOW) + 1)
    assert len(rows(await history.history(HistoryRequest(141, FIRST, FIRST + DAY)))) == 1
    assert [row["hours"] for row in rows(await history.days(of_days(0, 1)))] == ["1"]


async def test_days_have_a_row_a_day_of_which_there_is_a_record() -> None:
    items = [*hourly(2), record(3 * DAY + 5), record(5 * DAY + 22 * 3600)]
    found = rows(await over(*items).days(of_days(0, 9)))
    assert [(row["date"], row["hours"], row["timestamp"]) for row in found] == [
        ("2023-12-20", "24", "2023-12-20T23:00:00Z"),
        ("2023-12-21", "24", "2023-12-21T23:00:00Z"),
        ("2023-12-23", "1", ""),
        ("2023-12-25", "1", "2023-12-25T22:00:00Z"),
    ]


async def test_days_are_those_whose_midnight_is_in_the_range() -> None:
    history = over(*hourly(5))
    found = await history.days(DaysRequest(141, FIRST + 1, FIRST + 3 * DAY + 1))
    assert [row["date"] for row in rows(found)] == ["2023-12-21", "2023-12-22", "2023-12-23"]
    assert await history.days(DaysRequest(141, FIRST + 1, FIRST + DAY)) == DAYS_HEADER.encode()


async def test_days_are_scored_on_the_scale_that_is_asked_for_also_when_they_were_kept_on_another() -> None:
    history = over(*hourly(2))
    first = [await history.days(of_days(0, 2, Choice(scale=scale))) for scale in (None, US_EPA)]
    again = [await history.days(of_days(0, 2, Choice(scale=scale))) for scale in (None, US_EPA)]
    assert first == again
    assert [rows(reply)[0]["scale"] for reply in first] == ["daqi", "us-epa"]


async def test_days_of_four_hundred_days_come_page_by_page() -> None:
    table = Table(*hourly(MOST_DAYS))
    history = Written(table, lambda: FIRST + 500.0 * DAY, deadline=PATIENCE)
    assert len(rows(await history.days(of_days(0, MOST_DAYS)))) == MOST_DAYS
    assert len(table.asked) == -(-24 * MOST_DAYS // 500)


async def test_finished_days_are_read_once_and_the_last_two_each_time() -> None:
    table = Table(*hourly(41))
    history = Written(table, lambda: NOW)
    first = await history.days(of_days(30, 41))
    assert table.days() == [(30, 41)]
    assert await history.days(of_days(30, 41)) == first
    assert table.days() == [(39, 41)]
    assert rows(await history.days(of_days(28, 41)))[2:] == rows(first)
    assert table.days() == [(28, 30), (39, 41)]


async def test_days_without_any_record_are_not_read_again_either() -> None:
    table = Table()
    history = Written(table, lambda: NOW)
    assert await history.days(of_days(0, 30)) == await history.days(of_days(0, 30)) == DAYS_HEADER.encode()
    assert table.days() == [(0, 30)]


@by_hand
async def test_what_a_replay_adds_to_a_finished_day_shows_within_an_hour() -> None:
    table = Table(*hourly(1)[:5])
    history = Written(table, lambda: NOW)
    assert rows(await history.days(of_days(0, 1)))[0]["hours"] == "5"
    await table.put(hourly(1), conditional=True)
    assert rows(await history.days(of_days(0, 1)))[0]["hours"] == "5"
    advance(KEPT_SECONDS)
    assert rows(await history.days(of_days(0, 1)))[0]["hours"] == "24"


async def test_a_kept_day_loses_what_expires() -> None:
    ages = [NOW]
    table = Table(record(5), record(3605, expires_at=int(NOW) + 10))
    history = Written(table, lambda: ages[0])
    assert rows(await history.days(of_days(0, 1)))[0]["hours"] == "2"
    ages[0] += 10
    assert rows(await history.days(of_days(0, 1)))[0]["hours"] == "1"


async def test_days_that_were_read_before_a_fault_are_kept() -> None:
    table = Table(*hourly(40))
    fault = failing(Unavailable("throttled"), after=1)
    history = Written(Before(table, sensor_page=fault), lambda: NOW)
    with pytest.raises(Unavailable):
        await history.days(of_days(0, 39))
    table.asked.clear()
    with pytest.raises(Unavailable):
        await history.days(of_days(0, 39))
    assert table.asked == []
    assert len(rows(await history.days(of_days(0, 20)))) == 20
    assert table.asked == []


@pytest.mark.parametrize("error", [Unavailable("throttled"), AccessDenied("no"), MissingResource("gone")])
async def test_a_table_that_cannot_be_read_is_unavailable_whatever_the_reason_and_is_logged_once(
    error: AqiError, caplog: pytest.LogCaptureFixture
) -> None:
    history = over(*hourly(1), sensor_page=failing(error))
    for ask in (history.days(of_days(0, 1)), history.newest(141)):
        with caplog.at_level(logging.WARNING), pytest.raises(Unavailable, match=GONE) as raised:
            await ask
        assert raised.value.__cause__ is error
    assert lines(caplog) == [
        f"lookup_failed error={str(error)!r}" if " " in str(error) else f"lookup_failed error={error}"
    ]


async def test_a_table_without_the_index_names_create() -> None:
    history = over(sensor_page=failing(MissingIndex("table t has no index")))
    with pytest.raises(Unavailable, match=r"^the table has no index by sensor, .* with --create$"):
        await history.history(HistoryRequest(141, FIRST, FIRST + DAY))


async def test_nothing_is_kept_of_a_table_that_is_gone() -> None:
    table = Table(*hourly(1))
    history = Written(Before(table, sensor_page=failing(MissingResource("gone"), after=1)), lambda: NOW)
    assert len(rows(await history.days(of_days(0, 1)))) == 1
    with pytest.raises(Unavailable):
        await history.newest(141)
    with pytest.raises(Unavailable):
        await history.days(of_days(0, 1))


@by_hand
async def test_a_table_that_does_not_answer_is_unavailable_at_the_deadline() -> None:
    waiting = task(over(*hourly(1), sensor_page=Gate()).days(of_days(0, 1)))
    await turns()
    advance(DEADLINE / 2)
    await turns()
    assert not waiting.done()
    advance(DEADLINE)
    with pytest.raises(Unavailable, match=r"^there was no answer in time; try again later$"):
        await waiting


@by_hand
async def test_few_are_asked_at_once_and_who_finds_no_place_in_time_is_told_that_it_is_busy() -> None:
    gate = Gate()
    history = over(*hourly(1), sensor_page=gate)
    asks = [task(history.days(of_days(0, 1))) for _ in range(MOST_CONCURRENT + 1)]
    await turns()
    assert gate.calls == MOST_CONCURRENT
    advance(DEADLINE - 1)
    late = task(history.days(of_days(0, 1)))
    await turns()
    advance(1.1)
    ends = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(end) for end in ends] == [NoAnswer] * MOST_CONCURRENT + [Busy]
    await turns()
    gate.open.set()
    assert len(rows(await late)) == 1  # the places are free again


@by_hand
async def test_whoever_asks_over_the_wire_hears_why_as_well() -> None:
    found = Lookup(Before(MemoryStore(*hourly(1)), sensor_page=Gate()), lambda: NOW)
    asks = [task(found.answer(b"days 141")) for _ in range(MOST_CONCURRENT + 1)]
    await turns()
    advance(DEADLINE)
    replies = await asyncio.gather(*asks)
    assert [reply.partition(b": ")[0] for reply in replies] == [b"Unavailable"] * MOST_CONCURRENT + [b"Busy"]


@by_hand
async def test_a_request_that_is_given_up_leaves_its_place() -> None:
    gate = Gate()
    history = over(*hourly(1), sensor_page=gate)
    asks = [task(history.days(of_days(0, 1))) for _ in range(2 * MOST_CONCURRENT)]
    await turns()
    for each in asks:
        each.cancel()
    await asyncio.gather(*asks, return_exceptions=True)
    gate.open.set()
    assert len(rows(await history.days(of_days(0, 1)))) == 1


@by_jumps
async def test_pages_beyond_the_budget_wait_until_there_is_room() -> None:
    table = Table(*hourly(100), units=15.0)
    history = Written(table, lambda: NOW, read_units=20)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert len(rows(await history.history(HistoryRequest(141, FIRST, FIRST + 90 * DAY)))) == 90 * 24
    assert len(table.asked) == 5
    assert history.budget.spent == 75
    # 20 are there; the fifth page begins when 60 units are paid but for the half that a page needs
    assert loop.time() - begun == pytest.approx((60.5 - 20) / 20, abs=0.01)


@by_jumps
async def test_who_would_wait_past_the_deadline_is_told_at_once_that_it_is_busy() -> None:
    table = Table(*hourly(100), units=15.0)
    history = Written(table, lambda: NOW, read_units=10)
    loop = asyncio.get_running_loop()
    history.budget.spend(70.0, loop.time())
    begun = loop.time()
    with pytest.raises(
        Busy, match=r"^the 10 read units a second that all readers together have are used up; "
    ):
        await history.newest(141)
    assert (loop.time() - begun, table.asked) == (0, [])
    await asyncio.sleep(2)
    assert await history.newest(141)


@by_jumps
async def test_all_readers_together_keep_the_budget() -> None:
    table = Table(*hourly(30), units=8.0)
    history = Written(table, lambda: NOW, read_units=50)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    asks = (history.history(HistoryRequest(141, FIRST, FIRST + 7 * DAY)) for _ in range(200))
    ends = await asyncio.gather(*asks, return_exceptions=True)
    passed = loop.time() - begun
    served = sum(isinstance(end, bytes) for end in ends)
    assert {type(end) for end in ends} == {bytes, Busy}
    assert history.budget.spent == 8 * served == 8 * len(table.asked)
    assert history.budget.spent <= 50 * passed + 50 + MOST_CONCURRENT * 8
    assert served >= 5 * 50 / 8  # and it is not kept by serving nobody


@by_jumps
async def test_a_page_that_did_not_come_is_paid_like_a_full_one() -> None:
    history = over(*hourly(1), sensor_page=failing(Unavailable("no answer in time")))
    with pytest.raises(Unavailable):
        await history.newest(141)
    assert history.budget.spent == PAGE_UNITS


async def test_a_large_history_gives_others_their_turn() -> None:
    items = hourly(31)
    asked = task(over(*items).history(HistoryRequest(141, FIRST, FIRST + 31 * DAY)))
    passed = 0
    while not asked.done():
        await asyncio.sleep(0)
        passed += 1
    assert passed >= len(items) / 100
