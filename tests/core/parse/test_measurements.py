"""From records to items: which halves are one, what is rejected, and what a bad field costs."""

import json
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.record_item import REASONS, Rejection, ScoringRules
from aqi_service.core.parse.splitter import KEPT_TEXT, WINDOW, Batch
from aqi_service.core.scales import DAQI, REPORT, US_EPA
from aqi_service.errors import CutShort
from tests.doubles.documents import (
    REFUSED,
    RULES,
    SNAPSHOT_AT,
    assemble,
    document_of,
    only_item,
    only_rejection,
    record,
)
from tests.doubles.halves import BME, BOTH, EMPTY, OTHER, P1, P2


def told(document: bytes, **how: Any) -> list[tuple[str | None, str | None, str | None] | str]:
    """Tell what came of a document: id, P10 and P2.5 of an item, the reason of a rejection."""
    out, _ = assemble(document, **how)
    return [one.reason if isinstance(one, Rejection) else (one.id, one.pm10, one.pm25) for one in out]


def test_a_record_becomes_an_item_with_every_attribute() -> None:
    location = {"latitude": "51.50", "longitude": -0.25, "altitude": "-2.0", "country": "GB", "indoor": 1}
    item, warnings = only_item(document_of(record("0028", "48.80", ".90", location=location)))
    assert item == Item(
        *("28", "51.5", "-0.25", "-2", "GB", "2023-12-20 17:00:00", "2023-12-20", "0.9", "48.8", "3", "Low"),
        *("7", "SDS011", "1", 1_703_091_600, SNAPSHOT_AT, "daqi", "P10", None),
    )
    assert warnings == {}


def test_with_a_time_to_live_an_item_expires_so_long_after_its_own_time() -> None:
    item, _ = only_item(document_of(record(1, "1", "1")), ScoringRules(DAQI, SNAPSHOT_AT, ttl=7 * 86_400))
    assert item.measured_at is not None
    assert item.expires_at == item.measured_at + 7 * 86_400


def test_the_rules_scale_scores_and_names_the_item() -> None:
    item, _ = only_item(document_of(record(1, "54", "9.1")), ScoringRules(US_EPA, SNAPSHOT_AT))
    assert (item.scale, item.aqi, item.aqi_range, item.aqi_pollutant) == ("us-epa", "51", "Moderate", "P2.5")


def test_report_scores_the_values_of_failed_sensors_that_the_item_leaves_out() -> None:
    rules = ScoringRules(REPORT, SNAPSHOT_AT)
    item, _ = only_item(document_of(record(1, "1999.90", "34")), rules)
    assert (item.pm10, item.pm25, item.aqi, item.scale) == (None, "34", "3", "report")
    low, _ = only_item(document_of(record(1, "unavailable", "120")), rules)
    assert (low.pm10, low.pm25, low.aqi) == (None, "120", "1")
    absent, _ = only_item(document_of(record(1, None, "120")), rules)
    assert (absent.pm10, absent.pm25, absent.aqi) == (None, "120", "1")
    assert only_rejection(document_of(record(1, "1999.90", "999.90")), rules).reason == "no_pm_value"


@pytest.mark.parametrize("window", [1, 64, 300, WINDOW])
@pytest.mark.parametrize("size", [1, 50, 331, 100_000])
@pytest.mark.parametrize(("one", "two"), [(("8", None), (None, "4")), ((None, "4"), ("8", None))])
def test_neighbours_of_one_id_are_one_measurement_across_chunks_and_batches(
    one: tuple[str | None, str | None], two: tuple[str | None, str | None], size: int, window: int
) -> None:
    document = document_of(record(3, "1", "1"), record(5, *one), record(5, *two), record(6, "2", "2"))
    assert told(document, size=size, window=window) == [("3", "1", "1"), ("5", "8", "4"), ("6", "2", "2")]
    out, counts = assemble(document, size=size, window=window)
    assert isinstance(out[1], Item)
    assert (out[1].aqi, counts.records, counts.merged, counts.pm_records) == ("1", 4, 1, 3)


def test_a_half_is_pending_until_its_neighbour_is_known() -> None:
    builder = MeasurementBuilder(RULES)
    assert builder.add(Batch(0, b"", [record(1, "8")])) == []
    assert builder.pending_half() is not None
    assert builder.add(Batch(9, b"", [BME])) == []
    assert builder.counts.pending_half == 1
    (item,) = builder.add(Batch(20, b"", [record(1, None, "4")]))
    assert isinstance(item, Item)
    assert (item.pm10, item.pm25) == ("8", "4")
    assert (builder.pending_half(), builder.counts.pending_half) == (None, 0)
    assert builder.close() == []
    assert len(builder.add(Batch(30, b"", [record(2, "1", "1"), record(3, "1")]))) == 1
    assert builder.counts.pending_half == 1
    assert len(builder.close()) == 1
    assert (builder.pending_half(), builder.counts.pending_half) == (None, 0)


@pytest.mark.parametrize("half", [record("x", "8"), record(None, None, "4"), record(-1, "8")])
def test_a_half_whose_id_is_no_id_is_nobodys_half_and_rejected_at_once(half: dict[str, Any]) -> None:
    builder = MeasurementBuilder(RULES)
    (rejection,) = builder.add(Batch(0, b"", [half]))
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, builder.counts.pending_half) == ("bad_id", 0)


def test_a_pending_half_is_counted_as_nothing_but_a_record() -> None:
    builder = MeasurementBuilder(RULES)
    builder.add(Batch(0, b"", [record(1, "1999.90", timestamp="never"), BME]))
    found = builder.counts
    assert len(found.sensors) == 0
    assert found == ParseCounts(records=2, without_pm=1, pending_half=1, sensors=found.sensors)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([P1, P2, P1], [("5", "8", "4"), ("5", "8", None)]),
        ([P1, P1, P2], [("5", "8", None), ("5", "8", "4")]),
        ([P2, P1, P2, P1], [("5", "8", "4"), ("5", "8", "4")]),
        ([P1, P1], [("5", "8", None), ("5", "8", None)]),
        ([P1, BOTH], [("5", "8", None), ("5", "2", "1")]),
        ([BOTH, P2], [("5", "2", "1"), ("5", None, "4")]),
        ([BOTH, BOTH], [("5", "2", "1"), ("5", "2", "1")]),
        ([P1, BOTH, P2], [("5", "8", None), ("5", "2", "1"), ("5", None, "4")]),
        ([P1, OTHER, P2], [("5", "8", None), ("6", "3", "3"), ("5", None, "4")]),
        ([P1, *[OTHER] * 30, P2], [("5", "8", None), *[("6", "3", "3")] * 30, ("5", None, "4")]),
        ([P1, 17, P2], [("5", "8", None), "not_an_object", ("5", None, "4")]),
        ([P1, EMPTY, P2], [("5", "8", "4")]),
        ([P1, BME, EMPTY, BME, P2], [("5", "8", "4")]),
        ([record("5", "8"), P2], [("5", "8", "4")]),
        ([P1 | {"timestamp": "2023-12-20 16:00:00"}, P2], [("5", "8", None), ("5", None, "4")]),
        ([P1 | {"sensor": {"id": 8}}, P2], [("5", "8", None), ("5", None, "4")]),
        ([P1 | {"id": 4}, P2], [("4", "8", None), ("5", None, "4")]),
        ([P1 | {"id": None}, P2 | {"id": None}], ["bad_id", "bad_id"]),
        ([P1 | {"sensor": "SDS011"}, P2 | {"sensor": None}], [("5", "8", "4")]),
        ([record(5, "1999.90"), P2], [("5", None, "4")]),
        ([record(5, "unavailable"), P2], [("5", None, "4")]),
        ([record(5, "unavailable"), record(5, None, "999.90")], ["no_pm_value"]),
    ],
)
def test_only_neighbours_of_one_id_sensor_and_time_with_different_pollutants_are_one(
    records: list[object], expected: list[object]
) -> None:
    document = document_of(*records)
    assert told(document) == expected
    assert told(document, size=40, window=60) == expected


def test_what_is_merged_keeps_the_place_of_the_first_half() -> None:
    first, second = record(5, "1999.90"), record(5, None, "999.90")
    document = document_of(OTHER, first, second)
    out, _ = assemble(document)
    text = json.dumps(first).encode()
    assert out[1] == Rejection("no_pm_value", "5", document.index(text), text)


BAD = {
    **{f"unreadable, {kind}": ("unreadable", None, text) for kind, text in REFUSED.items()},
    "too long": ("too_long", None, b'{"id":5,"a":"' + b"x" * 65_536 + b'"}'),
    "too deep": ("too_deep", None, b'{"id":5,"a":' + b"[" * 64 + b"]" * 64 + b"}"),
    "a number": ("not_an_object", None, b"5"),
    "a text": ("not_an_object", None, b'"{"'),
    "null": ("not_an_object", None, b"null"),
    "a list": ("not_an_object", None, b'[{"id":5}]'),
    "no id": ("bad_id", None, record(None, "8", "4")),
    "a bad time": ("bad_timestamp", "5", record(5, "8", "4", timestamp="noon")),
    "no time": ("bad_timestamp", "5", record(5, "8", "4", timestamp=None)),
    "particle counts": ("not_mass", "5", record(5, "8", "4", sensor={"sensor_type": {"name": "PPD42NS"}})),
    "no value": ("no_pm_value", "5", record(5, "unavailable", "nan")),
    "failed": ("no_pm_value", "5", record(5, "1999.90", "999.90")),
    "negative": ("no_pm_value", "5", record(5, "-1.0", "-0.01")),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(("size", "window"), [(1 << 20, WINDOW), (333, 500)])
def test_a_bad_record_is_rejected_with_reason_offset_and_text_and_costs_no_neighbour(
    kind: str, size: int, window: int
) -> None:
    reason, record_id, bad = BAD[kind]
    text = bad if isinstance(bad, bytes) else json.dumps(bad).encode()
    document = document_of(record(1, "1", "1"), text, record(2, "2", "2"))
    out, counts = assemble(document, size=size, window=window)
    assert [one.id for one in out if isinstance(one, Item)] == ["1", "2"]
    offset = len(document_of(record(1, "1", "1"))) + 1
    assert document[offset : offset + len(text)] == text
    assert out[1] == Rejection(reason, record_id, offset, text[:KEPT_TEXT])
    assert (counts.records, counts.rejected, counts.reasons) == (3, 1, {reason: 1})
    assert reason in REASONS


def test_a_record_without_p1_and_p2_is_passed_over_before_anything_else_of_it_is_judged() -> None:
    nameless = {"id": -1, "timestamp": "never", "sensor": {"sensor_type": {"name": "PPD42NS"}}}
    out, counts = assemble(document_of(BME, nameless, {}, BME | {"id": None}))
    assert out == []
    assert (counts.records, counts.without_pm, counts.rejected) == (4, 4, 0)
    assert (counts.warnings, counts.pm_records, len(counts.sensors)) == ({}, 0, 0)


def test_what_is_met_twice_is_counted_twice() -> None:
    twice: list[object] = [
        *(record(1, "8"), record(1, None, "4"), record(2, "8"), record(2, None, "4")),
        *(
            record(3, "unavailable", "2"),
            record(4, "1999.90", "2"),
            record(5, "2", "x"),
            record(6, "2", "999.90"),
        ),
        *(record(7, "1", "2"), record(8, "1.5", "1.6")),
        *(record(9, "1", "1", sensor={"id": "x", "sensor_type": {"name": 5}}) for _ in "ab"),
        *(record(10, "1", "1", sensor={"id": 7, "sensor_type": "SDS011"}) for _ in "ab"),
        *(record(11, "1", "1", location={"latitude": "91", "indoor": 2}) for _ in "ab"),
        *(record(12, "1", "1", location="here", sensor="SDS011") for _ in "ab"),
        *(record(13, "x"), record(None, "1"), record(14, "x"), record(None, "1")),
        *(17, 17, BME, BME),
    ]
    out, counts = assemble(document_of(*twice))
    assert (len(twice), len(out), counts.records) == (26, 22, 26)
    assert (counts.merged, counts.without_pm, counts.pm_records) == (2, 2, 20)
    assert (counts.rejected, counts.pm_rejected) == (6, 4)
    assert counts.reasons == {"no_pm_value": 2, "bad_id": 2, "not_an_object": 2}
    names = ["pm10", "pm25", "sensor_id", "sensor_type", "latitude", "indoor", "location", "sensor"]
    assert counts.warnings == {
        **{f"bad_{name}": 2 for name in names},
        "bad_sensor_type": 4,
        "pm25_over_pm10": 2,
    }


@pytest.mark.parametrize("bad", [b"x", b"{x}", b'{"id":5,"a":"\xff"}'])
def test_what_cannot_be_read_does_not_decide_a_half(bad: bytes) -> None:
    first, second = (json.dumps(half).encode() for half in (P1, P2))
    whole = b"[" + first + b"," + bad + b"," + second + b"]"
    assert told(whole) == ["unreadable", ("5", "8", "4")]
    assert told(b"[" + first + b"," + bad + b"]") == ["unreadable", ("5", "8", None)]
    reader = DocumentReader(RULES)
    given = list(reader.feed(b"[" + first + b"," + bad + b","))
    with pytest.raises(CutShort):
        given += reader.close()
    assert not any(batch.items for batch in given)
    assert reader.counts.pending_half == 1


def test_a_half_that_is_let_go_by_a_bad_record_comes_behind_what_was_before_it() -> None:
    assert told(document_of(OTHER, P1, 17)) == [("6", "3", "3"), ("5", "8", None), "not_an_object"]


def test_of_several_items_of_the_newest_time_the_first_is_told() -> None:
    later = record(2, "1", "1", timestamp="2023-12-20T17:00:00")
    _, counts = assemble(document_of(record(1, "1", "1"), later))
    assert counts.newest == (1_703_091_600, "2023-12-20 17:00:00")


def test_findings_name_the_newest_time_of_an_item_and_count_sensors_and_measurements() -> None:
    _, counts = assemble(
        document_of(
            record(1, "1", "1", timestamp="2023-12-20 15:00:00"),
            record(2, "1", "1", timestamp="2023-12-20T16:00:00", sensor={"id": 8}),
            record(3, "1", "1", timestamp="2023-12-20 14:00:00", sensor={"id": "8"}),
            record(4, "nan", timestamp="2023-12-20 17:30:00", sensor={"id": 9}),
            record(5, "1", "1", timestamp="2033-12-20 17:30:00", sensor={}),
        )
    )
    assert counts.newest == (1_703_088_000, "2023-12-20T16:00:00")
    assert (counts.pm_records, len(counts.sensors), counts.rejected) == (5, 3, 2)
