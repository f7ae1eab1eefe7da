r"""THE READ PATH: the payload of a request in, the payload of its reply out.

    request --id--> memory (the newest snapshot) --> reply
            |   |       ^-- the archive, read by the refresher; which ids a load of this process writes
            |   \-> batcher --those that wait together--> store (the table) --> reply
            \-words--> requests (by sensor, place and time) --> memory, or the store --> reply

One rule: every request gets an answer within a deadline, and the answer never shows what went wrong inside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from aqi_service.core.csv_answers import Found
from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.decimals import MAX_INTEGER
from aqi_service.core.frames import BAD_REQUEST, BUSY, NOT_FOUND, UNAVAILABLE
from aqi_service.core.frames import kind as reply_kind
from aqi_service.core.items import Item
from aqi_service.core.latest import Latest
from aqi_service.core.metrics_text import Measured
from aqi_service.core.places import Places
from aqi_service.core.request_counts import OTHER, RECORD, RequestCounts
from aqi_service.core.request_words import KINDS, NO_REQUEST, read_request
from aqi_service.core.requests import LARGE, LookupRequest, RecordRequest
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.errors import AqiError, BadRequest, Busy, MissingResource, NoAnswer
from aqi_service.lookup.batcher import LookupBatcher, LookupCounts
from aqi_service.lookup.history import READ_UNITS
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.requests import RequestAnswers
from aqi_service.lookup.unreadable import UnreadableTable
from aqi_service.storage.ports import Store

DEADLINE = 5.0
"""Seconds until a lookup that the table does not answer is `Unavailable`."""

_ID_DIGITS = 20
_NAMES = frozenset(kind.encode() for kind in KINDS)
_BAD = BAD_REQUEST + NO_REQUEST.encode()

LARGE_REQUESTS = tuple(f"{kind} ".encode() for kind in LARGE)
"""The beginnings of requests whose replies may have many rows."""

_TOLD: Mapping[type[Exception], bytes] = MappingProxyType(
    {BadRequest: BAD_REQUEST, Busy: BUSY, NoAnswer: UNAVAILABLE}
)
"""The beginning of a reply that gives an error's text to the reader."""

Answer = TypeVar("Answer")


class Lookup:
    """Answers requests from memory and one store; `now` gives epoch seconds."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        deadline: float = DEADLINE,
        memory: MemoryIndex | None = None,
        read_units: float = READ_UNITS,
    ) -> None:
        self.counts = LookupCounts()
        self.requests = RequestCounts(_loop_time)
        self._memory = memory or MemoryIndex(now)
        self._batcher = LookupBatcher(store, self.counts, deadline)
        self._answers = RequestAnswers(self._memory, store, read_units)
        self._deadline = deadline
        self._unreadable = UnreadableTable()

    async def answer(self, payload: bytes) -> bytes:
        """Return rows as CSV, `Item not found`, `Bad request: ...`, `Busy: ...` or `Unavailable: ...`."""
        if reply := self.at_once(payload):
            return reply
        try:
            with self.requests.counting(_kind_of(payload)) as done:
                reply = await self._answer(payload)
                done(reply_kind(reply))
                return reply
        except tuple(_TOLD) as error:
            return _TOLD[type(error)] + str(error).encode()

    async def _answer(self, payload: bytes) -> bytes:
        if _is_id(payload):
            item = await self._from_table(str(int(payload)))
            return NOT_FOUND if item is None else csv_reply(item)
        request = read_request(payload, self._memory.now())
        return await self._in_time(self._answers.answer(request))

    async def find(self, request: LookupRequest) -> Found | Latest | Measured | None:
        """Return the result of a request (one page of a history); None if there is no such record or sensor.

        Raises BadRequest, Busy or NoAnswer, with a sentence for the reader.
        """
        if isinstance(request, RecordRequest):
            return await self._record(request.record_id)
        return await self._in_time(self._answers.find(request))

    async def places(self) -> Places | None:
        """Return the cities that may be near a sensor; None if the list cannot be read."""
        return await self._answers.places.all()

    async def _record(self, number: int) -> SensorRecord | None:
        if number > MAX_INTEGER:
            return None
        item = self._memory.item(number) or await self._from_table(str(number))
        return None if item is None else self._answers.said_of(item)

    def at_once(self, payload: bytes) -> bytes | None:
        """Return the reply if it needs no wait; None means: call `answer`."""
        if not (len(payload) <= _ID_DIGITS and payload.isdigit()):  # `_is_id`, without a call
            return None if payload.partition(b" ")[0] in _NAMES else self._count(OTHER, _BAD)
        number = int(payload)
        reply = self._memory.reply(number)
        if reply is not None:
            self.counts.memory += 1
            return reply
        return self._count(RECORD, NOT_FOUND) if number > MAX_INTEGER else None

    def records_at_once(self, payloads: Sequence[bytes]) -> bytes | None:
        """Return the joined frames of `at_once` for all requests, if each is a record; else None.

        Requests other than record ids, and ids that are too long, are left to `at_once`.
        """
        if not b"".join(payloads).isdigit() or max(map(len, payloads)) > _ID_DIGITS or b"" in payloads:
            return None
        frames = self._memory.frames(list(map(int, payloads)))
        if frames is not None:
            self.counts.memory += len(payloads)
        return frames

    def no_slot(self, payload: bytes, seconds: float) -> None:
        """Count a request that got `Busy` before it came here, and how long it had waited."""
        self.requests.note(_kind_of(payload), reply_kind(BUSY), seconds)

    def _count(self, kind: str, reply: bytes) -> bytes:
        self.requests.note(kind, reply_kind(reply))
        return reply

    async def close(self) -> None:
        """Give up what the table has not answered yet; no request may come afterwards."""
        await self._batcher.close()

    async def _in_time(self, answer: Awaitable[Answer]) -> Answer:
        """Return an answer within the deadline, or raise as `_told` does."""

        async def within() -> Answer:
            async with asyncio.timeout(self._deadline):
                return await answer

        return await self._told(within())

    async def _told(self, answer: Awaitable[Answer]) -> Answer:
        """Return an answer, or raise an error for the reader: BadRequest, Busy, or NoAnswer."""
        try:
            return await answer
        except tuple(_TOLD) as error:
            self._check_table(error.__cause__)
            raise
        except (AqiError, TimeoutError) as error:
            self._check_table(error)
            raise self._unreadable.told(error) from error

    async def _from_table(self, record_id: str) -> Item | None:
        return self._memory.there(await self._told(self._batcher.get(record_id)))

    def _check_table(self, error: BaseException | None) -> None:
        """Forget the snapshot if the error says that its table is gone."""
        if isinstance(error, MissingResource):
            self._memory.drop()


def _kind_of(payload: bytes) -> str:
    """Return the kind of a request: one of KINDS, which `at_once` has found, or a record."""
    return RECORD if _is_id(payload) else payload.partition(b" ")[0].decode()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _is_id(payload: bytes) -> bool:
    return len(payload) <= _ID_DIGITS and payload.isdigit()
