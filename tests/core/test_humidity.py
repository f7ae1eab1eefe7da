"""The humidity of a sensor's box: which record of a snapshot says it, and what of that is believed."""

import gc
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.humidity import LONGEST, MOST_REPORTS, BoxHumidity
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import DAQI
from aqi_service.core.sensors import sensors_of
from aqi_service.core.slices import SLICE, run_through
from tests import ROOT
from tests.doubles.documents import RULES, SNAPSHOT_AT, document_of, real_capture, record

CAPTURE_AT = 1_502_364_180


def at(box: object, **more: Any) -> dict[str, Any]:
    """Give the location of a box."""
    return {"location": {"id": box, "latitude": "51.5", "longitude": "-0.1", "country": "GB", **more}}


def report(record_id: object, box: object, value: object, **changes: Any) -> dict[str, Any]:
    """Give a record of a humidity sensor."""
    values = [{"value_type": "temperature", "value": "9"}, {"value_type": "humidity", "value": value}]
    return record(record_id, **(at(box) | {"sensordatavalues": values} | changes))


def humidity(*elements: object, rules: ScoringRules = RULES) -> dict[int, str | None]:
    """Read a document and give what is said of each sensor's box."""
    return by_sensor(document_of(*elements), rules)


def by_sensor(document: bytes, rules: ScoringRules) -> dict[int, str | None]:
    boxes = BoxHumidity(rules.snapshot_at)
    reader = DocumentReader(rules, boxes=boxes)
    batches = [*reader.feed(document), *reader.close()]
    items = {int(item.id): item for batch in batches for item in batch.items}
    found = run_through(sensors_of(items.values(), items.__getitem__, rules.snapshot_at, boxes.of))
    return dict(zip(found.index.sensor_ids, found.humidity, strict=True))


def test_a_sensor_has_the_humidity_of_its_box_wherever_in_the_snapshot_that_stands() -> None:
    ours, other = record(1, 10, 5, **at(64)), record(2, 10, 5, **at(65), sensor={"id": 8})
    assert humidity(ours, other, report(3, 64, "94.10")) == {7: "94.1", 8: None}
    assert humidity(report(3, 64, 94.1), ours, other) == {7: "94.1", 8: None}


def test_a_record_of_particulates_may_say_it_itself() -> None:
    values = [{"value_type": kind, "value": "5"} for kind in ("P1", "P2", "humidity")]
    assert humidity(record(1, sensordatavalues=values, **at(64))) == {7: "5"}


def test_two_halves_of_a_measurement_have_the_humidity_of_their_box() -> None:
    assert humidity(record(1, 10, **at(64)), record(1, None, 5, **at(64)), report(2, 64, "50")) == {7: "50"}


def test_of_several_records_of_a_box_the_newest_counts_and_then_the_higher_id() -> None:
    ours = record(1, 10, 5, **at("64"))
    old, new = {"timestamp": "2023-12-20 16:00:00"}, {"timestamp": "2023-12-20T17:30:00"}
    assert humidity(ours, report(9, 64, 1, **old), report(3, 64, 2, **new), report(4, "64", 3, **new)) == {
        7: "3"
    }


@pytest.mark.parametrize(
    "value", ["-0.1", "100.1", "nan", "NaN", "", None, True, [], "5" * LONGEST + "5", 1e400]
)
def test_what_is_implausible_is_left_out_and_hides_nothing(value: object) -> None:
    ours = record(1, 10, 5, **at(64))
    text = b"[" + b",".join(
        json.dumps(each).replace("Infinity", "1e400").encode() for each in (ours, report(2, 64, value))
    )
    assert by_sensor(text + b"]", RULES) == {7: None}
    later = {"timestamp": "2023-12-20 17:59:00"}
    assert humidity(ours, report(2, 64, "nan", **later), report(3, 64, "50")) == {7: "50"}


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": "yesterday"},
        {"timestamp": "2023-12-21 18:00:01"},
        {"id": "x"},
        {"location": None},
        {"location": {"id": -64}},
        {"location": {"id": True}},
        {"sensordatavalues": [None, {"value_type": ["humidity"]}, 5]},
    ],
)
def test_a_report_without_box_id_or_usable_time_is_left_out(changes: dict[str, Any]) -> None:
    assert humidity(record(1, 10, 5, **at(64)), report(2, 64, "50") | changes) == {7: None}


def test_a_record_in_two_boxes_is_in_none() -> None:
    ours, report_of = record(1, 10, 5, **at(64)), report(2, 64, "50")
    moved = record(1, 10, 5, **at(65))
    assert humidity(ours, moved, report_of) == humidity(ours, moved, ours, report_of) == {7: None}
    assert humidity(ours, ours, report_of) == {7: "50"}


def test_a_snapshot_of_nothing_but_humidity_takes_a_bounded_room() -> None:
    boxes = BoxHumidity(SNAPSHOT_AT)
    for box in range(MOST_REPORTS + 5):
        boxes.read(report(1, box, "50"), has_pm=False)
    boxes.locate(MOST_REPORTS - 1, "5")
    boxes.locate(MOST_REPORTS, "6")
    assert (boxes.of(5), boxes.of(6)) == ("50", None)


def test_what_was_noted_is_forgotten_in_slices() -> None:
    boxes = BoxHumidity(SNAPSHOT_AT)
    for number in range(2 * SLICE + 1):
        boxes.read(report(number, number, "50"), has_pm=False)
        boxes.locate(number, str(number))
    assert boxes.of(SLICE) == "50"
    assert len(list(boxes.forget())) == 2 * 3
    assert boxes.of(SLICE) is None


def test_what_is_noted_is_nothing_that_the_garbage_collector_goes_through() -> None:
    boxes = BoxHumidity(SNAPSHOT_AT)
    gc.collect()
    before = len(gc.get_objects())
    for box in range(1_000):
        boxes.read(report(1, box, "50"), has_pm=False)
        boxes.read(report(2, box, "60"), has_pm=False)
        boxes.locate(box, str(box))
    gc.collect()
    assert len(gc.get_objects()) - before < 100


TIMES = ("2023-12-20 16:00:00", "2023-12-20 17:00:00", "2023-12-22 17:00:00", "never")
REPORTS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 3), st.sampled_from(["0", 41.5, "100", "101", "-1", "x"]),
              st.sampled_from(TIMES)), max_size=12)  # fmt: skip


@given(REPORTS, st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_each_box_has_the_humidity_that_going_through_all_records_finds(
    reports: list[tuple[int, int, object, str]], boxes: list[int]
) -> None:
    elements = [report(number, box, value, timestamp=when) for number, box, value, when in reports]
    sensors = [record(100 + n, 10, 5, sensor={"id": n}, **at(box)) for n, box in enumerate(boxes)]
    expected: dict[int, str | None] = {}
    for n, box in enumerate(boxes):
        best: tuple[int, int] | None = None
        expected[n] = None
        for number, where, value, when in reports:
            if where == box and value in ("0", 41.5, "100") and when in TIMES[:2]:
                key = (TIMES.index(when), number)
                if best is None or key > best:
                    best, expected[n] = key, str(value)
                elif key == best:  # the same id twice in one document: the higher value
                    expected[n] = max(str(expected[n]), str(value))
    assert humidity(*sensors, *elements) == expected


def test_the_bundled_capture_has_what_the_docs_tell_of() -> None:
    found = by_sensor(real_capture(), ScoringRules(DAQI, CAPTURE_AT))
    known = [float(each) for each in found.values() if each is not None]
    assert (len(found), len(known), sum(each > 70 for each in known)) == (1_653, 1_457, 939)
    text = " ".join((ROOT / "docs/flags.md").read_text("utf-8").split())
    assert "1,457 of 1,653 sensors have one, and 939 of these are over 70 %" in text
