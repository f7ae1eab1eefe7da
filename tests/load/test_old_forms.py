"""The network's old and other forms: each loads, or one sentence says why not."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import is_other_mean
from aqi_service.snapshots.sources import live_feed, source_of, stored_source
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import NOW, TABLE, document, fates, run, written
from tests.doubles.storage_doubles import MemoryArchive, MemoryStore, in_memory

OF_2015: dict[str, Any] = {
    "sampling_rate": None, "id": 1234567, "timestamp": "2015-10-01T10:00:01.987654Z",
    "sensor": {"id": 92, "pin": "1", "sensor_type": {"id": 14, "name": "SDS011", "manufacturer": "Nova"}},
    "location": {"id": 49, "latitude": "48.530", "longitude": "9.200", "country": "Deutschland"},
    "sensordatavalues": [{"value": 9.07, "value_type": "P1"}, {"value": "4.100", "value_type": "P2"}],
}  # fmt: skip

OF_THE_API: dict[str, Any] = {
    "id": 28000000001, "timestamp": "2023-12-20 17:59:00", "sampling_rate": None,
    "location": {"id": 62, "latitude": "48.8", "longitude": "9.2", "altitude": "", "country": "DE",
                 "exact_location": 0, "indoor": 0},
    "sensor": {"id": 140, "pin": "1", "sensor_type": {"id": 14, "name": "SDS011", "manufacturer": "Nova"}},
    "sensordatavalues": [{"id": 9, "value": "5.10", "value_type": "P1"},
                         {"id": 8, "value": "2.30", "value_type": "P2"}],
}  # fmt: skip


def changed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return record | changes


async def loaded(
    folder: Path, document: Any, name: str = "old.json", **how: Any
) -> tuple[LoadReport, MemoryStore]:
    store = MemoryStore()
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return await run(written(folder, body, name), in_memory(store=store), now=NOW, **how), store


@pytest.mark.parametrize(
    "timestamp",
    [
        "2015-10-01T10:00:01.987654Z", "2015-10-01T10:00:01.987654", "2016-03-27T02:30:00+02:00",
        "2017-01-16T14:26:02", "2018-07-01 00:00:00", "2019-12-31T23:59:59+0000",
    ],
)  # fmt: skip
async def test_a_record_of_2015_to_2019_loads_with_its_time(timestamp: str, tmp_path: Path) -> None:
    report, store = await loaded(tmp_path, [changed(OF_2015, timestamp=timestamp)])
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": 1})
    assert (store.items["1234567"].timestamp, store.items["1234567"].pm25) == (timestamp, "4.1")


@pytest.mark.parametrize("country", ["Deutschland", "Germany", "de", "", None, "UK", 49])
async def test_a_country_in_words_costs_the_country_alone(country: object, tmp_path: Path) -> None:
    location = OF_2015["location"] | {"country": country}
    report, store = await loaded(tmp_path, [changed(OF_2015, location=location)])
    assert fates(report) == {"stored": 1}
    assert store.items["1234567"].country == ("UK" if country == "UK" else None)
    assert report.warnings.get("bad_country", 0) == (country not in ("UK", "", None))


FIVE_MINUTES = [
    changed(OF_THE_API, id=28000000001 + n, sensor=OF_THE_API["sensor"] | {"id": 140 + n // 2})
    for n in range(4)
]


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("data.json", FIVE_MINUTES),
        ("data.1h.json", [OF_THE_API]),
        ("data.dust.min.json", [OF_THE_API]),
        ("answer.json", [OF_THE_API, changed(OF_THE_API, id=28000000002, timestamp="2023-12-20 17:56:31")]),
    ],
)
async def test_values_of_five_minutes_or_an_hour_load_with_a_warning(
    name: str, records: list[Any], tmp_path: Path
) -> None:
    report, _ = await loaded(tmp_path, records, name)
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": len(records)})
    assert report.warnings["not_24h_mean"] == 1


async def test_a_mean_of_24_hours_has_no_such_warning_whatever_its_file_is_called(tmp_path: Path) -> None:
    for name in ("data.json", "data.24h.json"):
        report, _ = await loaded(tmp_path, [OF_THE_API], name)
        assert report.warnings == {}


@pytest.mark.parametrize(
    ("url", "is_other"),
    [
        ("https://data.sensor.community/static/v1/data.json", True),
        ("https://data.sensor.community/static/v2/data.json", True),
        ("https://data.sensor.community/static/v2/data.1h.json", True),
        ("https://data.sensor.community/static/v2/data.dust.min.json", True),
        ("https://data.sensor.community/airrohr/v1/sensor/140/", True),
        ("http://api.luftdaten.info/v1/filter/area=48.8,9.2,10", True),
        ("https://data.sensor.community/static/v2/data.24h.json", False),
        ("https://example.org/data.json", False),
        ("https://example.org/v1/sensors/data.24h.json", False),
        ("captures/data_20_12_23_18_55.json.gz", False),
    ],
)
async def test_a_url_says_by_itself_what_its_values_are_means_of(url: str, is_other: bool) -> None:
    async def nothing() -> Any:
        yield b""

    assert is_other_mean(url) is is_other
    assert source_of(url).is_other_mean is is_other
    assert stored_source(url, nothing).is_other_mean is is_other
    assert not url.startswith("http") or live_feed(url).is_other_mean is is_other


async def test_values_of_five_minutes_never_take_the_place_of_the_newest_snapshot(tmp_path: Path) -> None:
    archive = MemoryArchive()
    storage = Storage(archive, MemoryStore())
    key = f"manifests/{TABLE}/latest.json"

    async def latest(body: bytes, name: str, **how: Any) -> Any:
        assert (await run(written(tmp_path, body, name), storage, **how)).status is Status.COMPLETE
        return json.loads(archive.documents[key])["snapshot"]

    first = await latest(document(1, 2), "data_20_12_23_16_00.json")
    later = {"timestamp": "2023-12-20 17:59:00"}
    assert await latest(orjson.dumps([OF_THE_API]), "data.1h.json") == first
    assert await latest(orjson.dumps(FIVE_MINUTES), "data_20_12_23_18_00.json") == first
    assert await latest(document(5, 6, **later), "data_20_12_23_17_59.json") != first


async def test_where_there_is_nothing_else_they_are_what_there_is_and_means_of_a_day_replace_them(
    tmp_path: Path,
) -> None:
    archive = MemoryArchive()
    storage = Storage(archive, MemoryStore())
    await run(written(tmp_path, orjson.dumps(FIVE_MINUTES), "data_20_12_23_18_00.json"), storage)
    assert json.loads(archive.documents[f"manifests/{TABLE}/latest.json"])["warnings"] == {"not_24h_mean": 1}
    body = document(5, 6, timestamp="2023-12-20 17:59:30")
    await run(written(tmp_path, body, "data_20_12_23_18_01.json"), storage)
    assert json.loads(archive.documents[f"manifests/{TABLE}/latest.json"])["warnings"] == {}


SENTENCES: dict[str, tuple[Any, str]] = {
    "one record without its array": (OF_THE_API, "JSON array"),
    "an answer that there is none": ({"detail": "Not found."}, "JSON array"),
    "a page of the paged API": ({"count": 1, "next": None, "results": [OF_THE_API]}, "JSON array"),
    "a web page": (b"<!DOCTYPE html><html></html>", "JSON array"),
    "a daily file under a wrong name": (b"sensor_id;sensor_type;location\n1;SDS011;2\n", "JSON array"),
    "an empty file": (b"", "empty"),
}


@pytest.mark.parametrize("kind", SENTENCES)
async def test_what_does_not_load_says_why_in_one_sentence(kind: str, tmp_path: Path) -> None:
    body, words = SENTENCES[kind]
    report, store = await loaded(tmp_path, body)
    assert report.status in (Status.REJECTED, Status.FAILED)
    assert words in str(report.error)
    assert "\n" not in str(report.error)
    assert store.items == {}
