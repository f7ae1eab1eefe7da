r"""What a sensor measured over time, from the index by sensor: `history`, `days`, its newest record.

    request --> slot (MOST_CONCURRENT) --> budget --a page--> store --> rows --> reply
                                           ^--what it cost--/  \--finished days--> cache

One rule: reading by sensor costs the owner money, so a read waits until there is room in the common budget of
all readers; a reader who finds none in time gets `Busy`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from aqi_service.core.day_cache import DayCache
from aqi_service.core.days import DAY_FIELDS, Day, DayBuilder, days_between, gaps
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.history import HistoryRows, Row, newest
from aqi_service.core.items import Item
from aqi_service.core.read_budget import ReadBudget
from aqi_service.core.requests import MOST_ROWS, DaysRequest, HistoryRequest
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.times import DAY, HOUR
from aqi_service.errors import AqiError, BadRequest, Busy, MissingResource
from aqi_service.lookup.unreadable import UnreadableTable
from aqi_service.storage.sensor_reads import PAGE_LIMIT, SensorPage, SensorRange, SensorReads
from aqi_service.storage.turns import give_way

MOST_CONCURRENT = 8
"""Requests under way at the same time; each holds its results, at most 2 MB. More wait for a slot."""

DEADLINE = 4.5
"""Seconds until a request is given up, with its waits for a slot and for the budget: half a second before the
caller gives up (5 s), so that the reader gets the reason."""

READ_UNITS = 200
"""Read units a second that all requests together may use by default."""

PAGE_UNITS = 25.0
"""The assumed cost of a page that did not come: that of a full page of large items."""

NEWEST_LIMIT = 8
"""Records that are read to find the newest: these cost no more than one, and include those of the same
second."""

ALL_TIME = (0, 2**53)
SLICE = 100
"""Records after which others have their turn."""

_NO_SLOT = f"{MOST_CONCURRENT} requests for what sensors measured are under way; try again later"

Answer = TypeVar("Answer")


class SensorHistory:
    """Answers with a store's records of one sensor; expiry counts from the time of `ages` (epoch seconds).

    For a sensor in `excluded` there is no record, and nothing is read.

    Each method raises BadRequest for more rows than a reply may have, Busy if there is no slot or no budget
    in time, and NoAnswer if the table does not answer: a sentence for the reader. The cause is the table's
    error, which is logged here.
    """

    def __init__(
        self,
        store: SensorReads,
        ages: Callable[[], float],
        read_units: float = READ_UNITS,
        deadline: float = DEADLINE,
        excluded: ExcludedSensors | None = None,
    ) -> None:
        self._store = store
        self._ages = ages
        self._excluded = excluded or ExcludedSensors()
        self._deadline = deadline
        self._slots = asyncio.Semaphore(MOST_CONCURRENT)
        self._cache = DayCache()
        self._unreadable = UnreadableTable()
        self.budget = ReadBudget(read_units)

    async def newest(self, sensor_id: int) -> Item | None:
        """Return a sensor's newest record (at equal times that of the higher id); None if it has none."""
        return await self._answer(sensor_id, lambda end: self._newest(sensor_id, end), None)

    async def hours_seen(self, sensor_id: int, until: int) -> int:
        """Count the hours with a record, of the 24 hours up to `until` (epoch seconds)."""
        return await self._answer(sensor_id, lambda end: self._hours_seen(sensor_id, until, end), 0)

    async def history(
        self, request: HistoryRequest, keep: Callable[[SensorRecord], Row], enough: int = MOST_ROWS
    ) -> list[Row]:
        """Return the rows that `keep` makes from a sensor's records, by time.

        An Item for each record would take a kilobyte. After more than `enough` records it stops reading.
        """
        return await self._answer(
            request.sensor_id, lambda end: self._history(request, HistoryRows(keep, enough), end), []
        )

    async def days(self, request: DaysRequest) -> list[Day]:
        """Return a sensor's days that have a record."""
        return await self._answer(request.sensor_id, lambda end: self._days(request, end), [])

    async def _answer(
        self, sensor_id: int, work: Callable[[float], Awaitable[Answer]], nothing: Answer
    ) -> Answer:
        """Return what the work finds for a sensor; `nothing` if the sensor is, or meanwhile was, left out."""
        found = nothing if sensor_id in self._excluded.ids else await self._found(work)
        return nothing if sensor_id in self._excluded.ids else found

    async def _found(self, work: Callable[[float], Awaitable[Answer]]) -> Answer:
        """Do the work as soon as there is a slot; it is told its latest end."""
        end = asyncio.get_running_loop().time() + self._deadline
        has_slot = False
        try:
            async with asyncio.timeout_at(end), self._slots:
                has_slot = True
                return await work(end)
        except (BadRequest, Busy):
            raise
        except (AqiError, TimeoutError) as error:
            if not has_slot:
                raise Busy(_NO_SLOT) from error
            if isinstance(error, MissingResource):
                self._cache.clear()
            raise self._unreadable.told(error) from error

    async def _newest(self, sensor_id: int, end: float) -> Item | None:
        there: Item | None = None

        def take(items: Sequence[Item]) -> bool:
            nonlocal there
            there = newest(items if there is None else (there, *items))
            return bool(there and items and items[-1].measured_at != there.measured_at)

        asked = SensorRange(sensor_id, *ALL_TIME, newest_first=True, limit=NEWEST_LIMIT)
        await self._read(asked, end, take)
        return there

    async def _hours_seen(self, sensor_id: int, until: int, end: float) -> int:
        hours = set[int]()

        def take(items: Sequence[Item]) -> None:
            hours.update((until - (item.measured_at or 0)) // HOUR for item in items)

        await self._read(SensorRange(sensor_id, until - DAY + 1, until + 1, fields=()), end, take)
        return len(hours)

    async def _history(self, request: HistoryRequest, rows: HistoryRows[Row], end: float) -> list[Row]:
        await self._read(SensorRange(request.sensor_id, request.since, request.until), end, rows.add)
        return rows.close()

    async def _days(self, request: DaysRequest, end: float) -> list[Day]:
        sensor_id = request.sensor_id
        numbers = days_between(request.since, request.until)
        days = self._kept(sensor_id, numbers)
        for gap in gaps(numbers, days):
            await self._read_days(sensor_id, gap, end, days)
        return [days[number] for number in numbers if days[number].hours]

    def _kept(self, sensor_id: int, numbers: Sequence[int]) -> dict[int, Day]:
        now, ages = asyncio.get_running_loop().time(), self._ages()
        kept = {number: self._cache.get(sensor_id, number, now, ages) for number in numbers}
        return {number: day for number, day in kept.items() if day is not None}

    async def _read_days(self, sensor_id: int, numbers: range, end: float, days: dict[int, Day]) -> None:
        """Read days; finished days are cached as soon as they are whole, whatever happens next."""
        now, ages = asyncio.get_running_loop().time(), self._ages()
        builder = DayBuilder(numbers)

        def keep(whole: Iterable[Day]) -> None:
            for day in whole:
                days[day.number] = day
                self._cache.put(sensor_id, day, now, ages)

        asked = SensorRange(sensor_id, numbers.start * DAY, numbers.stop * DAY, DAY_FIELDS)
        await self._read(asked, end, lambda items: keep(builder.add(items)))
        keep(builder.close())

    async def _read(self, asked: SensorRange, end: float, take: Callable[[Sequence[Item]], Any]) -> None:
        """Give the records of a range to `take`, SLICE at a time, until it returns True: it has enough.

        The first page has the requested size; later pages are full.
        """
        ages, position = self._ages(), None
        while True:
            page = await self._page(asked, ages, position, end)
            for start in range(0, len(page.items), SLICE):
                if take(page.items[start : start + SLICE]):
                    return
                await give_way()
            position, asked = page.position, replace(asked, limit=PAGE_LIMIT)
            if position is None:
                return

    async def _page(self, asked: SensorRange, ages: float, position: Any, end: float) -> SensorPage:
        """Read a page when the budget has room; its cost is taken out, also if the read fails."""
        loop = asyncio.get_running_loop()
        while wait := self.budget.wait(loop.time()):
            if loop.time() + wait >= end:
                raise Busy(self._no_budget)
            await asyncio.sleep(wait)
        units = PAGE_UNITS
        try:
            page = await self._store.sensor_page(asked, ages, position)
            units = page.read_units
        finally:
            self.budget.spend(units, loop.time())
        return page

    @property
    def _no_budget(self) -> str:
        return (
            f"the {self.budget.units_per_second:g} read units a second that all readers together have are "
            "used up; try again later, or ask for fewer days"
        )
