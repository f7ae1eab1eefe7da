"""What readers are shown of the last loads: reports and rejected records, and nothing of the owner's."""

import asyncio

import orjson
import pytest

from aqi_service.core.exclusions import EXCLUDED, ExcludedSensors
from aqi_service.core.recent_loads import MOST_REASON, Reject, is_shown, rejects_of
from aqi_service.core.requests import MOST_LOADS, MOST_REJECTS
from aqi_service.core.snapshot_names import parse_name
from aqi_service.errors import NoAnswer, Unavailable
from aqi_service.load.load import load
from aqi_service.snapshots.recent_loads import DEADLINE, KEPT_SECONDS, RecentLoads
from aqi_service.storage.ports import Storage
from tests.doubles.documents import document_of, record
from tests.doubles.load_helpers import NOW, TABLE, document, plan
from tests.doubles.memory_world import feed
from tests.doubles.storage_doubles import Before, Gate, MemoryArchive, MemoryStore, failing
from tests.doubles.wire_fixtures import advance, by_hand, task, turns


async def loaded(archive: MemoryArchive, *documents: bytes) -> float:
    """Load these, an hour apart; return the time after the last."""
    store, now = MemoryStore(), NOW
    for body in documents:
        await load(feed(body), Storage(archive, store), plan(live=True), now=lambda: now)  # noqa: B023
        now += 3600
    return now


def over(archive: object, now: float = NOW + 99 * 3600) -> RecentLoads:
    return RecentLoads(Storage(archive, MemoryStore()), TABLE, lambda: now)  # type: ignore[arg-type]


async def test_an_archive_without_a_load_has_no_reports_and_no_rejects() -> None:
    recent = over(MemoryArchive())
    assert list(await recent.loads()) == []
    assert list(await recent.rejects()) == []


async def test_the_last_reports_come_newest_first() -> None:
    archive = MemoryArchive()
    await loaded(archive, *(document(number) for number in range(1, MOST_LOADS + 4)))
    found = await over(archive).loads()
    assert len(found) == MOST_LOADS
    times = [parse_name(each["snapshot"]) for each in found]
    assert times == sorted(times, key=lambda named: -(named or ("", 0))[1])
    assert found[0]["records"] == 1
    assert found[0]["status"] == "complete"


async def test_nothing_of_the_owner_s_is_shown() -> None:
    archive = MemoryArchive()
    await loaded(archive, document(1))
    (found,) = await over(archive).loads()
    assert TABLE not in str(found)
    assert not {"table", "table_id", "receipt", "error", "ttl"} & found.keys()
    assert found["source"] is None


@pytest.mark.parametrize(("source", "shown"), [
    ("https://data.sensor.community/x.json", "https://data.sensor.community/x.json"),
    ("/home/somebody/x.json", None), ("s3://bucket/key", None),
])  # fmt: skip
async def test_a_source_is_shown_if_it_is_a_url_that_anybody_may_ask(source: str, shown: str | None) -> None:
    archive = MemoryArchive()
    await loaded(archive, document(1))
    (key,) = (key for key in archive.documents if "latest" not in key)
    archive.documents[key] = orjson.dumps(orjson.loads(archive.documents[key]) | {"source": source})
    (found,) = await over(archive).loads()
    assert found["source"] == shown


async def test_a_rejected_record_has_its_sensor_its_place_and_the_reason() -> None:
    archive = MemoryArchive()
    bad = record(2, p1="1999.90") | {"location": {"latitude": "48.80", "longitude": "9.1", "country": "DE"}}
    await loaded(archive, document_of(record(1, p1="5"), bad, b"nonsense"))
    rejects = await over(archive).rejects()
    assert {(each.id, each.sensor_id, each.latitude, each.longitude, each.country) for each in rejects} == {
        ("2", str(bad["sensor"]["id"]), "48.8", "9.1", "DE"),
        (None, None, None, None, None),
    }
    assert all(each.reason and each.offset for each in rejects)


def line(**changes: object) -> bytes:
    usual = {"offset": 5, "id": "7", "reason": "no_value", "record": '{"sensor":{"id":141}}'}
    return orjson.dumps(usual | changes, option=orjson.OPT_APPEND_NEWLINE)


def test_a_list_that_is_cut_short_gives_the_whole_lines_of_it() -> None:
    assert [each.sensor_id for each in rejects_of(line() + line()[:-1])] == ["141"]
    assert list(rejects_of(b"")) == []


def test_of_many_rejects_the_first_are_shown() -> None:
    assert sum(1 for _ in rejects_of(line() * (MOST_REJECTS + 5))) == MOST_REJECTS


async def test_a_load_with_a_list_shows_nobody_which_records_it_left_out() -> None:
    archive, left_out = MemoryArchive(), record(7, p1="5") | {"sensor": {"id": 141}}
    rules = plan(live=True, excluded=frozenset({141}))
    source = feed(document_of(left_out, record(8, p1="1999.90")))
    await load(source, Storage(archive, MemoryStore()), rules, now=lambda: NOW)
    assert [each.id for each in await over(archive).rejects()] == ["8"]
    (report,) = await over(archive).loads()
    assert report["reasons"] == {"excluded": 1, "no_pm_value": 1}


def test_what_was_left_out_takes_no_other_reject_s_place() -> None:
    rejects = line(reason=EXCLUDED, record="") * MOST_REJECTS + line()
    assert [each.reason for each in rejects_of(rejects)] == ["no_value"]


@pytest.mark.parametrize("sensor", ['{"id":"five"}', "null", '{"id":141}'])
def test_with_a_list_a_place_is_shown_only_of_a_sensor_that_is_known_not_to_be_on_it(sensor: str) -> None:
    placed, (bare,) = f'{{"sensor":{sensor},"location":{{"latitude":"48.8"}}}}', rejects_of(line(record="x"))
    (found,) = rejects_of(line(record=placed))
    assert found.latitude == "48.8"
    for ids, shown in (((), True), ((141,), False)):
        assert is_shown(found, ExcludedSensors(frozenset(ids))) is shown
    assert is_shown(found, ExcludedSensors(frozenset({5}))) is (found.sensor_id == "141")
    assert is_shown(bare, ExcludedSensors(frozenset({141})))


@pytest.mark.parametrize("text", [
    '{"sensor":{"id"', "5", "null", '{"sensor":5,"location":[]}', '{"sensor":{"id":-1}}',
    '{"location":{"latitude":"91","longitude":null,"country":5}}',
])  # fmt: skip
def test_a_record_s_text_that_says_nothing_useful_costs_no_more_than_its_fields(text: str) -> None:
    assert list(rejects_of(line(record=text))) == [Reject(5, "7", None, None, None, None, "no_value")]


def test_a_reason_is_printable_and_short() -> None:
    (found,) = rejects_of(line(reason="\x1b" + "x" * 999))
    assert found.reason.startswith("\\x1bxxx")
    assert len(found.reason) == MOST_REASON


@by_hand
async def test_however_many_ask_the_archive_is_asked_once_a_minute() -> None:
    archive, asked = MemoryArchive(), 0
    await loaded(archive, document(1))

    async def count() -> None:
        nonlocal asked
        asked += 1

    recent = over(Before(archive, names=count))
    await asyncio.gather(*(recent.loads() for _ in range(9)), *(recent.rejects() for _ in range(9)))
    assert asked == 1
    advance(KEPT_SECONDS)
    await recent.loads()
    assert asked == 2


async def test_an_archive_that_cannot_be_read_is_no_answer_without_its_words() -> None:
    recent = over(Before(MemoryArchive(), names=failing(Unavailable("secret words"))))
    for ask in (recent.loads(), recent.rejects()):
        with pytest.raises(NoAnswer, match=r"^the archive cannot be read now; try again later$"):
            await ask


@by_hand
async def test_an_archive_that_does_not_answer_is_given_up() -> None:
    waiting = task(over(Before(MemoryArchive(), names=Gate())).loads())
    await turns()
    advance(DEADLINE + 0.1)
    with pytest.raises(NoAnswer):
        await waiting
