"""The read path: every request gets one of four replies, in time, and never an item that is not a record."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from aqi_service.core.csv_reply import HEADER_LINE
from aqi_service.core.frames import encode
from aqi_service.core.items import LEASE_IDS, Item
from aqi_service.core.request_words import KINDS, NO_REQUEST
from aqi_service.core.snapshot_index import IndexBuilder
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.errors import AccessDenied, AqiError, MissingResource, Unavailable
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from tests.doubles.local_helpers import opened
from tests.doubles.log_lines import lines
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import Before, Hook, MemoryStore, failing
from tests.doubles.wire_fixtures import advance, by_hand, task, turns

NOW = 1_703_098_500.0
ITEM = Item("28456691289", latitude="48.8", country="DE", pm25="3.88", pm10="7.5", aqi="1", aqi_range="Low")
CSV = HEADER_LINE.encode() + b"28456691289,48.8,,,DE,,,3.88,7.5,1,Low\r\n"
BAD = b"Bad request: " + NO_REQUEST.encode()
GONE = b"Unavailable: the table cannot be read now; try again later"
LATE = b"Unavailable: there was no answer in time; try again later"
NOT_FOUND = b"Item not found"


class Asked(MemoryStore):
    """A store that notes what it is asked for."""

    def __init__(self, *items: Item) -> None:
        super().__init__(*items)
        self.asked: list[str] = []

    async def get(self, record_id: str) -> Item | None:
        self.asked.append(record_id)
        return await super().get(record_id)


def lookup(*items: Item, deadline: float = PATIENCE, **hooks: Hook) -> Lookup:
    return Lookup(Before(MemoryStore(*items), **hooks), lambda: NOW, deadline)


async def test_a_stored_record_is_answered_as_csv() -> None:
    assert await lookup(ITEM).answer(b"28456691289") == CSV


def test_what_needs_no_table_is_answered_at_once_and_only_that() -> None:
    asked = lookup(ITEM)
    assert asked.at_once(b"28456691289") is None
    assert asked.at_once(b"x") == BAD
    assert asked.at_once(b"9" * 20) == NOT_FOUND


@pytest.mark.parametrize(
    "others", [[], [b"028456691289"], [b"28456691289"] * 300], ids=["alone", "written otherwise", "many"]
)
def test_records_in_memory_are_answered_together_as_one_by_one(others: list[bytes]) -> None:
    found = Lookup(MemoryStore(), lambda: NOW, memory=remembering(ITEM))
    asked = [b"28456691289", *others]
    assert found.records_at_once(asked) == encode(CSV) * len(asked)
    assert found.counts.memory == len(asked)


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"2",
        b"+28456691289",
        b" 28456691289",
        b"28_456691289",
        b"0" * 10 + b"28456691289",
        b"9" * 20,
        b"!",
    ],
)
def test_with_anything_else_among_them_they_are_answered_one_by_one(other: bytes) -> None:
    found = Lookup(MemoryStore(), lambda: NOW, memory=remembering(ITEM))
    for asked in ([other], [other, b"28456691289"], [b"28456691289", other]):
        assert found.records_at_once(asked) is None
    assert found.counts.memory == 0


@pytest.mark.parametrize("payload", [b"028456691289", b"00000000028456691289"])
async def test_leading_zeros_drop_within_20_digits(payload: bytes) -> None:
    assert await lookup(ITEM).answer(payload) == CSV


async def test_zero_is_an_id_however_many_there_are() -> None:
    store = Asked(ITEM._replace(id="0"))
    replies = [await Lookup(store, lambda: NOW).answer(b"0" * count) for count in range(1, 21)]
    assert store.asked == ["0"] * 20
    assert all(reply.startswith(b"id,") for reply in replies)


async def test_an_id_that_is_not_stored_is_not_found() -> None:
    assert await lookup(ITEM).answer(b"28456691288") == NOT_FOUND


async def test_the_largest_id_is_looked_up_and_a_larger_one_cannot_exist() -> None:
    store = Asked()
    answer = Lookup(store, lambda: NOW).answer
    replies = [await answer(str(number).encode()) for number in (2**63 - 1, 2**63, 10**20 - 1)]
    assert replies == [NOT_FOUND] * 3
    assert store.asked == [str(2**63 - 1)]


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"abc", b"-1", b"+1", b"1.0", b" 1", b"1 ", b"1\n", b"1\r\n", b"0x10", b"1_000", b"1\x00",
        b"1e3", b"1" * 21, b"0" * 21, b"1" * 1024, "١٢".encode(), b"\xff\xfe", b"../../x", b"\x1b[31m",
        b"!disconnect",
    ],
)  # fmt: skip
async def test_anything_else_is_a_bad_request_and_asks_no_store(payload: bytes) -> None:
    store = Asked(ITEM)
    assert await Lookup(store, lambda: NOW).answer(payload) == BAD
    assert store.asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_requests_name_alone_is_told_its_form(kind: str) -> None:
    reply = await lookup().answer(kind.encode())
    assert reply.startswith(f"Bad request: the form is {kind} ".encode())


@pytest.mark.parametrize("lease", LEASE_IDS)
async def test_the_lease_is_never_answered(lease: str) -> None:
    store = Asked(ITEM._replace(id=lease))
    assert await Lookup(store, lambda: NOW).answer(lease.encode()) == BAD
    assert store.asked == []


@pytest.mark.parametrize(
    ("expires_at", "reply"), [(int(NOW) - 1, NOT_FOUND), (int(NOW), NOT_FOUND), (int(NOW) + 1, CSV)]
)
async def test_an_expired_record_is_absent(expires_at: int, reply: bytes) -> None:
    assert await lookup(ITEM._replace(expires_at=expires_at)).answer(b"28456691289") == reply


@pytest.mark.parametrize("error", [Unavailable("throttled"), AccessDenied("no"), MissingResource("gone")])
async def test_a_table_that_cannot_be_read_is_unavailable_whatever_the_reason(error: AqiError) -> None:
    assert await lookup(ITEM, get=failing(error)).answer(b"28456691289") == GONE


@by_hand
async def test_a_table_that_does_not_answer_is_unavailable_at_the_deadline() -> None:
    waiting = task(lookup(ITEM, deadline=5.0, get=asyncio.Event().wait).answer(b"28456691289"))  # type: ignore[arg-type]
    await turns()
    advance(4.9)
    await turns()
    assert not waiting.done()
    advance(0.2)
    assert await waiting == LATE


async def test_requests_of_a_kind_that_is_no_fault_of_the_table_are_answered_without_it() -> None:
    broken = lookup(get=failing(Unavailable("throttled")))
    assert [await broken.answer(payload) for payload in (b"x", str(2**63).encode())] == [BAD, NOT_FOUND]


@by_hand
async def test_a_table_that_cannot_be_read_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    broken = lookup(get=failing(Unavailable("table t: no answer")))
    counts = []
    with caplog.at_level(logging.WARNING, "aqi_service"):
        for seconds in (0, 1, 58, 1.1):
            advance(seconds)
            await broken.answer(b"1")
            await broken.answer(b"2")
            counts.append(len(caplog.records))
    assert counts == [1, 1, 1, 2]
    assert lines(caplog)[0] == "lookup_failed error='table t: no answer'"


def remembering(*items: Item) -> MemoryIndex:
    """Make a memory of these items."""
    builder, memory = IndexBuilder(), MemoryIndex(lambda: NOW)
    builder.add(items)
    version = SnapshotVersion("data_20_12_23_18_55.json", int(NOW), "daqi", len(items), int(NOW), "")
    assert memory.offer(builder.done(version, NOW))
    return memory


async def test_what_is_in_memory_is_answered_without_the_table_and_the_rest_by_it() -> None:
    store = Asked(ITEM._replace(pm10="8"), ITEM._replace(id="2"))
    found = Lookup(store, lambda: NOW, memory=remembering(ITEM))
    assert await found.answer(b"028456691289") == CSV
    assert store.asked == []
    assert (await found.answer(b"2")).startswith(b"id,")
    assert await found.answer(b"3") == NOT_FOUND
    assert store.asked == ["2", "3"]
    assert (found.counts.memory, found.counts.table, found.counts.requests) == (1, 2, 2)


async def test_a_record_that_has_expired_in_memory_is_asked_of_the_table() -> None:
    store = Asked(ITEM)
    found = Lookup(store, lambda: NOW, memory=remembering(ITEM._replace(expires_at=int(NOW))))
    assert await found.answer(b"28456691289") == CSV
    assert store.asked == [ITEM.id]


async def test_while_the_table_cannot_be_read_what_is_in_memory_is_answered() -> None:
    broken = Before(MemoryStore(), get=failing(Unavailable("throttled")))
    found = Lookup(broken, lambda: NOW, memory=remembering(ITEM))
    assert [await found.answer(each) for each in (b"1", b"28456691289")] == [GONE, CSV]


async def test_a_lookup_that_finds_the_table_gone_ends_what_memory_says_of_it() -> None:
    gone = Before(MemoryStore(), get=failing(MissingResource("no such table")))
    found = Lookup(gone, lambda: NOW, memory=remembering(ITEM))
    assert [await found.answer(each) for each in (b"28456691289", b"1", b"28456691289")] == [CSV, GONE, GONE]


@pytest.mark.parametrize(
    "payload", [b"28456691289", b"sensor 77", b"history 141", b"days 141", b"country DE"]
)
async def test_before_the_first_load_there_is_no_snapshot_yet_and_nothing_to_log(
    payload: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, read_only=True) as fresh:
        reply = await Lookup(fresh, lambda: NOW).answer(payload)
    assert reply.startswith(b"Unavailable: no snapshot yet (")
    assert lines(caplog) == []


async def test_a_local_table_that_is_deleted_ends_what_memory_says_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path, read_only=True) as gone:
        found = Lookup(gone, lambda: NOW, memory=remembering(ITEM))
        assert (await found.answer(b"1")).startswith(b"Unavailable: no snapshot yet (")
    assert found.at_once(b"28456691289") is None


@pytest.mark.parametrize("payload", [b"sensor 77", b"history 141", b"days 141"])
async def test_a_request_about_a_sensor_that_finds_the_table_gone_ends_it_as_well(payload: bytes) -> None:
    gone = Before(MemoryStore(), sensor_page=failing(MissingResource("no such table")))
    found = Lookup(gone, lambda: NOW, memory=remembering(ITEM))
    assert await found.answer(payload) == GONE
    assert found.at_once(b"28456691289") is None


async def test_lookups_of_one_moment_are_one_request_to_the_table() -> None:
    class Together(Asked):
        async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
            self.asked.append(" ".join(ids))
            return await super().get_many(ids)

    store = Together(ITEM)
    found = Lookup(store, lambda: NOW)
    replies = await asyncio.gather(*map(found.answer, (b"1", b"28456691289", b"1", b"x")))
    assert replies == [NOT_FOUND, CSV, NOT_FOUND, BAD]
    assert store.asked == ["1 28456691289"]


@pytest.mark.parametrize(("payload", "kind", "outcome"), [
    (b"28456691289", "record", "found"), (b"2", "record", "not_found"), (b"9" * 20, "record", "not_found"),
    (b"x", "other", "bad_request"), (b"", "other", "bad_request"), (b"nearer 1 2", "other", "bad_request"),
    (b"near 1", "near", "bad_request"), (b"near 1 2", "near", "unavailable"),
    (b"sensor 5", "sensor", "not_found"), (b"place Berlin", "place", "found"),
])  # fmt: skip
async def test_a_request_is_counted_by_what_it_asks_and_how_it_ends(
    payload: bytes, kind: str, outcome: str
) -> None:
    asked = lookup(ITEM)
    await asked.answer(payload)
    assert {labels: n for labels, n in asked.requests.ended.items() if n} == {(kind, outcome): 1}
    assert [name for name, seconds in asked.requests.seconds.items() if sum(seconds.counts)] == [kind]


async def test_a_table_that_does_not_answer_is_counted_and_a_fault_of_our_own_as_one() -> None:
    broken, faulty = lookup(ITEM, get=failing(Unavailable("x"))), lookup(ITEM, get=failing(KeyError("x")))
    await broken.answer(b"2")
    with pytest.raises(KeyError):
        await faulty.answer(b"2")
    assert broken.requests.ended["record", "unavailable"] == faulty.requests.ended["record", "failed"] == 1


@by_hand
async def test_a_request_is_timed_until_there_is_an_answer() -> None:
    async def slow() -> None:
        advance(0.2)

    asked = lookup(ITEM, get=slow)
    await asked.answer(b"28456691289")
    assert 0.2 <= asked.requests.seconds["record"].total < 5


def test_who_was_told_that_it_is_busy_before_it_was_looked_at_counts_as_a_request_of_its_kind() -> None:
    asked = lookup()
    asked.no_slot(b"box 48 9 49 10", 5.0)
    assert asked.requests.ended["box", "busy"] == 1
    assert (sum(asked.requests.seconds["box"].counts), asked.requests.seconds["box"].total) == (1, 5.0)
