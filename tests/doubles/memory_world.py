"""A daemon's memory beside a table and an archive that others change too, and what may be answered then.

One rule: what is allowed is told from the table's own history, never from what memory says.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.frames import encode
from aqi_service.core.items import Item, is_expired
from aqi_service.core.manifest import data_time
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import order_of
from aqi_service.errors import Unavailable
from aqi_service.load.load import load
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.snapshots.sources import FetchOptions, Source, stored_source
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import AGENT, NOW, TABLE, plan
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import Before, Hook, MemoryArchive, MemoryStore, Stuck

NOT_FOUND = b"Item not found"
DAY = 86_400


def feed(body: bytes) -> Source:
    """Make a source of this document."""

    async def read() -> AsyncGenerator[bytes, None]:
        yield body

    return stored_source("feed", read)


class WhileRead(Before):
    """An archive; something is done whenever a part of a snapshot has been read out of it."""

    def __init__(self, archive: MemoryArchive, meanwhile: Hook) -> None:
        super().__init__(archive)
        self._meanwhile = meanwhile

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._port.read(name, offset)) as pieces:
            async for piece in pieces:
                yield piece
                await self._meanwhile()


class Expected(NamedTuple):
    """What memory is to hold.

    Attributes:
        snapshot: which snapshot.
        records: how many that has.
        newest: the time of its newest.
        finished: the moment at which it was finished.
        built: what time it was when memory got it.
    """

    snapshot: str
    records: int
    newest: float
    finished: int
    built: float


@dataclass
class MemoryWorld:
    """One daemon's memory, and everything around it.

    Attributes:
        now: what time it is.
        ids: the ids that are looked up.
        reports: of all loads.
        history: for each moment the table's items.
        finished: the moment at which each snapshot was finished last.
        noticed: the last moment at which the daemon itself changed the item of an id.
        expected: what memory is to hold.
        looked: the moment at which the daemon last looked for the newest finished snapshot.
        heard: the time of the newest record that the daemon knows to be in the table.
    """

    ids: range
    now: float = NOW
    ttl: int | None = None
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    store: MemoryStore = field(default_factory=MemoryStore)
    reports: list[LoadReport] = field(default_factory=list)
    history: list[dict[str, Item]] = field(default_factory=lambda: [{}])
    finished: dict[str, int] = field(default_factory=dict)
    noticed: dict[str, int] = field(default_factory=dict)
    expected: Expected | None = None
    looked: int = 0
    heard: float | None = None

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.memory = MemoryIndex(self.time)
        self.lookup = Lookup(self.store, self.time, PATIENCE, self.memory)
        self._checking = Lookup(self.store, self.time, PATIENCE, self.memory)  # it counts apart
        archive: Any = WhileRead(self.archive, self.check)
        storage = Storage(archive, self.store)
        self.refresher = MemoryRefresher(
            storage, TABLE, self.memory, FetchOptions(AGENT, 2**31), lambda _: None
        )

    def time(self) -> float:
        return self.now

    async def restart(self) -> None:
        """Kill the daemon, and start another."""
        self._begin()
        self.expected, self.noticed = None, {}
        await self.look()

    async def load(self, body: bytes, **hooks: Hook) -> LoadReport:
        """Load the live feed as this daemon does; what it writes is noticed at once."""
        return await self._own(feed(body), live=True, **hooks)

    async def catch_up(self, source: Source) -> LoadReport:
        """Load another snapshot in this daemon."""
        return await self._own(source, live=False)

    async def _own(self, source: Source, *, live: bool, **hooks: Hook) -> LoadReport:
        async def check() -> None:
            self._remember(own=True)
            await self.check()

        store: Any = Before(Before(self.store, **hooks), after_put=check)
        report = await self._loaded(
            source, store, live=live, watch=self.memory.watch, process=self.memory.process
        )
        self._remember(own=True)
        await self.check()
        if self.memory.renewable.is_set():
            await self.look()
        return report

    async def killed(self, body: bytes, **changes: Any) -> None:
        """Load in another process, which is killed right after its first write."""
        written, dead = Stuck(), asyncio.Event()

        async def die() -> None:
            if dead.is_set():
                raise Unavailable("the process is dead")

        archive: Any = Before(self.archive, **dict.fromkeys(("get", "put", "change", "complete"), die))
        store: Any = Before(self.store, after_put=written)
        how = plan(**{"live": True, "ttl": self.ttl, "rescore": True} | changes)
        work = asyncio.ensure_future(load(feed(body), Storage(archive, store), how, now=self.time))
        reached = asyncio.ensure_future(written.reached.wait())
        await asyncio.wait((work, reached), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            dead.set()
            work.cancel()
        reached.cancel()
        self._done(await work)
        self._remember()

    async def by_another(self, body: bytes, **changes: Any) -> LoadReport:
        """Load in another process."""
        return await self.by_another_from(feed(body), **changes)

    async def by_another_from(self, source: Source, **changes: Any) -> LoadReport:
        report = await self._loaded(source, self.store, **changes)
        self._remember()
        return report

    async def _loaded(self, source: Source, store: Any, **changes: Any) -> LoadReport:
        how = plan(**{"live": True, "ttl": self.ttl, "rescore": True} | changes)
        report = await load(source, Storage(self.archive, store), how, now=self.time)
        self._done(report)
        return report

    def _done(self, report: LoadReport) -> None:
        self.reports.append(report)
        if report.status is Status.COMPLETE and report.snapshot:
            self.finished[report.snapshot] = len(self.history)  # the moment that is remembered next

    def delete(self, record_id: str) -> None:
        """Delete an item by hand."""
        self.store.items.pop(record_id, None)
        self._remember()

    def make_anew(self) -> None:
        """Delete the table, and make another."""
        self.store.items.clear()
        self.store.table_id += "!"
        self._remember()

    async def look(self) -> None:
        """Look for the newest finished snapshot, as the daemon does twice a minute, and after its loads."""
        self.memory.renewable.clear()
        await self.refresher.look()
        self.looked = len(self.history) - 1
        manifest = await self.refresher._manifests.latest()
        if manifest is None:
            return
        self.heard = data_time(manifest) or self.heard
        if manifest["table_id"] != self.store.table_id:
            self.expected = None
        elif self.expected is None or self.finished[manifest["snapshot"]] != self.expected.finished:
            self._offered(manifest)

    def _offered(self, manifest: dict[str, Any]) -> None:
        """Work out what memory is to hold once this snapshot is finished."""
        name, records = manifest["snapshot"], manifest["records"]
        told = _seconds(manifest["newest"] or "1970-01-01 00:00:00")
        newest = min(
            told, order_of(name)[0]
        )  # a record of the future makes data no fresher than its snapshot
        if self.expected is not None:
            there = self.expected
            is_kept = records * 2 < there.records and self.now - there.newest < DAY
            if is_kept or order_of(name) < order_of(there.snapshot):
                return
        if records:
            self.expected = Expected(name, records, newest, self.finished[name], self.now)

    def _remember(self, *, own: bool = False) -> None:
        before = self.history[-1]
        self.history.append(dict(self.store.items))
        if own:
            changed = [i for i in {*before, *self.store.items} if before.get(i) != self.store.items.get(i)]
            self.noticed |= dict.fromkeys(changed, len(self.history) - 1)

    async def check(self) -> None:
        """See that every id is answered as the table does, or did since what memory knows of it."""
        index = self.memory.index
        assert (None if index is None else index.version.snapshot) == (
            self.expected and self.expected.snapshot
        )
        for number in self.ids:
            record_id = str(number)
            allowed = {self._reply(item) for item in self._items_since(record_id)}
            reply = await self._checking.answer(record_id.encode())
            assert reply in allowed, (record_id, reply, allowed)
        self._check_many()

    def _check_many(self) -> None:
        """See that several are answered together as each of them is alone, or not."""
        alone = {payload: self._checking.at_once(payload) for payload in (b"%d" % each for each in self.ids)}
        there = {payload: encode(reply) for payload, reply in alone.items() if reply is not None}
        assert (self._checking.records_at_once([*there]) or b"") == b"".join(there.values())
        for absent in alone.keys() - there.keys():
            assert self._checking.records_at_once([*there, absent]) is None

    def _items_since(self, record_id: str) -> list[Item | None]:
        """Give what the table had of an id; nothing older than it had when memory was looked after."""
        now = self.store.items  # another process's load may be under way, and is remembered when it ends
        items = [state.get(record_id) for state in (*self._since(record_id), now)]
        known = self.history[self.looked].get(record_id)
        return [
            item
            for item in items
            if item in {now.get(record_id), self.history[-1].get(record_id)} or _age(item) >= _age(known)
        ]

    def _since(self, record_id: str) -> list[dict[str, Item]]:
        """Give the states of the table that memory may know last."""
        if self.expected is None or self.now - self.expected.built >= DAY:
            return self.history[-1:]
        begun = max(self.expected.finished, self.noticed.get(record_id, 0))
        return self.history[begun:] or self.history[-1:]

    def _reply(self, item: Item | None) -> bytes:
        ages = self.now if self.heard is None else min(self.now, self.heard)
        return NOT_FOUND if item is None or is_expired(item, ages) else csv_reply(item)


def _age(item: Item | None) -> tuple[int, int]:
    return (0, 0) if item is None else (item.measured_at or 0, item.snapshot_at or 0)


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(f"{timestamp}+00:00").timestamp()
