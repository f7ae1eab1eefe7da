"""Requests: a whole server on a connection in memory, with a record in its memory and one in its table.

One rule: every reply that is due is worked out from the bytes that were sent, and nothing else may come.
"""

import asyncio
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from aqi_service.core.frames import BAD_REQUEST, DISCONNECT, MAX_REQUEST, NOT_FOUND
from aqi_service.core.items import Item
from aqi_service.core.packed_item import pack
from aqi_service.core.request_words import KINDS, NO_REQUEST
from aqi_service.core.snapshot_index import SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.errors import FrameError
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.server.connection import READ_SIZE
from aqi_service.server.replies import AtOnce
from aqi_service.server.server import Server
from tests.doubles.documents import pieces
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL
from trials.fuzz.frames import by_hand
from trials.fuzz.memory_wire import fed, finished, logged, opened
from trials.fuzz.mutations import cuts_of
from trials.fuzz.seeds import IN_MEMORY, IN_TABLE

NOW = 1_703_098_600.0
_COLUMNS = b"id,latitude,longitude,altitude,country,timestamp,date,P2.5,P10,AQI,AQI_range\r\n"
_ROW = b"18456691289,48.8,9.2,-3.5,DE,2023-12-20 17:00:00,2023-12-20,0.9,12,1,Low\r\n"
_FOUND = {int(IN_MEMORY): _COLUMNS + _ROW, int(IN_TABLE): _COLUMNS + b"250478519,,,,,,,,,,\r\n"}
_BAD = BAD_REQUEST + NO_REQUEST.encode()
_NAMED = tuple(f"{kind} ".encode() for kind in KINDS)


class Talk(NamedTuple):
    """What a peer got, what was counted, and what was logged."""

    replies: list[bytes]
    broken: bool
    requests: int
    cuts: int
    lines: list[str]


def requests(data: bytes) -> None:
    """Each request its own reply, in order, whatever the cuts; a broken frame is told."""
    asked = by_hand(data, MAX_REQUEST, b"")
    due = asked.payloads
    leaves = DISCONNECT in due
    if leaves:
        due = due[: due.index(DISCONNECT)]
    replies = [_reply(payload) for payload in due]
    talk = finished(_talk([data] if zlib.crc32(data) % 4 == 0 else cuts_of(data)))
    assert not talk.broken
    assert (talk.requests, len(talk.replies)) == (len(due), len(due) + (asked.broken and not leaves))
    assert all(wanted in (None, got) for wanted, got in zip(replies, talk.replies, strict=False))
    last = talk.replies[len(due) :]
    for told in last:
        assert told.startswith(BAD_REQUEST)
        assert told.decode("ascii").isprintable()
    assert talk.cuts == len(talk.lines) <= 1
    for line in talk.lines:
        assert line.startswith("INFO: ")
        assert line.isprintable()
        assert len(line) < 600
    if asked.broken:
        raise FrameError("as it should")


def requests_alone(data: bytes) -> None:
    """Only serve them; the replies go nowhere."""
    finished(_talk(pieces(data, READ_SIZE), keeps=False))


def _reply(payload: bytes) -> bytes | None:
    """Return what is due; None of a request by its name."""
    if payload.startswith(_NAMED):
        return None
    if not payload.isdigit() or len(payload) > 20:
        return _BAD
    return _FOUND.get(int(payload), NOT_FOUND)


def _lookup() -> Lookup:
    memory = MemoryIndex(lambda: NOW)
    packed = pack(FULL)
    assert packed is not None
    version = SnapshotVersion("snapshot", int(NOW), "daqi", 1, int(NOW), "2023-12-20T18:55:00Z")
    memory.index = SnapshotIndex(version, {int(IN_MEMORY): packed}, NOW)
    return Lookup(MemoryStore(Item(IN_TABLE.decode())), lambda: NOW, memory=memory)


async def _talk(parts: Sequence[bytes], *, keeps: bool = True) -> Talk:
    reader, writer, wire = opened(keeps=keeps)
    with logged() as lines:
        lookup = _lookup()
        at_once = AtOnce(lookup.at_once, lookup.records_at_once)
        served = Server([], lookup.answer, at_once=at_once)
        served._connected(reader, writer)
        (task,) = served._serving.values()
        await fed(reader, wire, parts)
        await task
    while served._serving:  # noqa: ASYNC110  # its callbacks run in the next turn
        await asyncio.sleep(0)
    assert served.counts.open == 0
    sent = by_hand(bytes(wire.sent), 1 << 20, b"")
    rest = len(wire.sent) - sum(64 + len(payload) for payload in sent.payloads)
    cuts = sum(served.counts.cut.values())
    return Talk(sent.payloads, sent.broken or rest > 0, served.counts.requests, cuts, lines)
