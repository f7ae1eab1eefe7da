"""A key of the feed that is new: told of once, and it costs no record."""

import logging
from typing import Any

import pytest

from aqi_service.load import new_keys
from tests.doubles.documents import document_of, record
from tests.doubles.load_helpers import run
from tests.doubles.memory_world import feed
from tests.doubles.storage_doubles import in_memory


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_keys, "_told", set())


def keys(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [vars(each)["key"] for each in caplog.records if each.msg == "feed_key_new"]


async def test_a_new_key_is_told_of_once_and_counted_and_costs_no_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    records = [record(1, "7", "5"), record(2, "7", "5", elevation=1), record(3, "7", "5")]
    for _ in range(2):
        report = await run(feed(document_of(*records)), in_memory())
        assert (report.fates.stored, report.careful) == (3, 1)
    assert keys(caplog) == ["elevation"]


def test_a_process_tells_of_so_many_keys_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(new_keys.MOST_TOLD + 5):
        new_keys.tell_new_key(f"key{number}")
    new_keys.tell_new_key(None)
    assert len(keys(caplog)) == new_keys.MOST_TOLD
