"""Records of sensors that are left out: rejected before anything else, and nothing of them written down."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import orjson
import pytest

from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.rejects import Rejects
from aqi_service.core.scales import DAQI
from aqi_service.errors import CutShort
from tests.doubles.documents import CUT, GENERATED, SNAPSHOT_AT, assemble, document_of, record

LEFT_OUT = ScoringRules(DAQI, SNAPSHOT_AT, excluded=frozenset({5, 987654321}))


def of(sensor_id: object, record_id: int, **changes: Any) -> dict[str, Any]:
    made = record(record_id, p1="12.5", p2="7.5", **changes)
    return made | {"sensor": made["sensor"] | {"id": sensor_id}}


def test_a_record_of_such_a_sensor_is_rejected_as_excluded_and_its_neighbours_are_not() -> None:
    out, counts = assemble(document_of(of(4, 1), of(5, 2), of("987654321", 3), of(6, 4)), rules=LEFT_OUT)
    assert [each.id for each in out if isinstance(each, Item)] == ["1", "4"]
    assert [(each.reason, each.id, each.text) for each in out if isinstance(each, Rejection)] == [
        ("excluded", "2", b""),
        ("excluded", "3", b""),
    ]
    assert (counts.records, counts.rejected, counts.reasons) == (4, 2, Counter(excluded=2))


@pytest.mark.parametrize("written", [5.0, "5.0", " 5", "5\n", "005", "05.00", 5])
def test_however_the_feed_writes_the_sensor_s_id_its_record_is_rejected_without_text(written: object) -> None:
    out, _ = assemble(document_of(of(written, 1)), rules=LEFT_OUT)
    assert [(each.reason, each.text) for each in out if isinstance(each, Rejection)] == [("excluded", b"")]


@pytest.mark.parametrize("written", [5.5, "5.5", "50", 50, True, None, "", "five", [5], "5 5", -5, "\uff15"])
def test_another_id_or_none_is_no_such_sensor_s_and_its_item_is_as_without_a_list(written: object) -> None:
    document = document_of(of(written, 1))
    (item,), _ = assemble(document, rules=LEFT_OUT)
    assert isinstance(item, Item)
    assert item == assemble(document)[0][0]


def half(sensor_id: int, record_id: int, kind: str) -> dict[str, Any]:
    made = of(sensor_id, record_id)
    return made | {
        "sensordatavalues": [each for each in made["sensordatavalues"] if each["value_type"] == kind]
    }


LATER = 1_900_000_000
"""A time after all records that there are."""

HALVES = [half(5, 1, "P1"), half(5, 1, "P2")]
BETWEEN: tuple[list[dict[str, Any]], ...] = (
    [],
    [of(5, 1)],
    HALVES[:1],
    HALVES[1:],
    HALVES,
    [of(5, 1) | {"id": None}],
)
"""What stands between the two halves of another sensor's measurement, of the same record id."""


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize(
    ("document", "excluded"),
    [
        (GENERATED, None),
        (CUT, None),
        *((document_of(half(6, 1, "P1"), *each, half(6, 1, "P2"), of(7, 2)), {5}) for each in BETWEEN),
    ],
)
def test_the_items_and_rejects_of_all_other_sensors_are_those_without_a_list(
    document: bytes, excluded: set[int] | None, careful: bool
) -> None:
    def read(ids: frozenset[int]) -> tuple[list[Item], list[Rejection]]:
        reader = DocumentReader(ScoringRules(DAQI, LATER, excluded=ids), careful=careful)
        some = [*reader.feed(document[:4001]), *reader.feed(document[4001:])]
        with suppress(CutShort):
            some += reader.close()
        return [item for each in some for item in each.items], [r for each in some for r in each.rejections]

    items, rejections = read(frozenset())
    assert len(items) > 1
    sensors = sorted({int(item.sensor_id or 0) for item in items})
    ids = frozenset(sensors[::3] if excluded is None else excluded)
    others, rejected = read(ids)
    assert others == [item for item in items if int(item.sensor_id or 0) not in ids]
    still = [each for each in rejected if each.reason != "excluded"]
    assert {each.offset for each in still} <= {each.offset for each in rejections}
    assert len(others) < len(items) or excluded
    assert [each for each in rejections if each.offset in {other.offset for other in still}] == still


def test_it_is_excluded_before_it_is_anything_else_so_that_no_other_reason_keeps_its_text() -> None:
    bad = (
        of(5, 1, timestamp="never"),
        of(5, 2) | {"id": None},
        of(5, 3) | {"sensordatavalues": [{"value_type": "P1", "value": "1999.9"}]},
        of(5, 4) | {"sensor": {"id": 5, "sensor_type": {"name": "PPD42NS"}}},
    )
    out, counts = assemble(document_of(*bad), rules=LEFT_OUT)
    assert [each.text for each in out if isinstance(each, Rejection)] == [b""] * 4
    assert counts.reasons == Counter(excluded=4)


def test_what_is_left_out_counts_in_none_of_the_snapshot_s_checks() -> None:
    _, counts = assemble(document_of(of(5, 1), of(5, 2), of(6, 3)), rules=LEFT_OUT)
    assert (counts.pm_records, counts.pm_rejected, len(counts.sensors)) == (1, 0, 1)
    assert counts.warnings == Counter()


def test_two_halves_of_such_a_measurement_are_one_that_is_rejected_and_one_merged() -> None:
    first, second = of(5, 1), of(5, 1)
    first["sensordatavalues"], second["sensordatavalues"] = (
        [each for each in first["sensordatavalues"] if each["value_type"] == kind] for kind in ("P1", "P2")
    )
    out, counts = assemble(document_of(first, second), rules=LEFT_OUT)
    assert [type(each) for each in out] == [Rejection]
    assert (counts.rejected, counts.merged) == (1, 1)


def test_a_record_of_it_without_particulates_is_passed_over_as_any_other() -> None:
    out, counts = assemble(document_of(of(5, 1) | {"sensordatavalues": []}), rules=LEFT_OUT)
    assert (out, counts.without_pm) == ([], 1)


def test_the_humidity_that_it_reports_says_nothing_of_the_sensors_beside_it() -> None:
    box = {"location": {"id": 77, "latitude": "1.0", "longitude": "2.0"}}
    wet = record(9) | box | {"sensor": {"id": 5}}
    wet["sensordatavalues"] = [{"value_type": "humidity", "value": "81.5"}]
    for rules, percent in ((LEFT_OUT, None), (ScoringRules(DAQI, SNAPSHOT_AT), "81.5")):
        boxes = BoxHumidity(SNAPSHOT_AT)
        reader = DocumentReader(rules, boxes=boxes)
        for _ in (*reader.feed(document_of(wet, of(6, 8) | box)), *reader.close()):
            pass
        assert boxes.of(8) == percent


def test_with_a_list_the_text_of_what_may_be_of_such_a_sensor_is_not_kept() -> None:
    deep = json.dumps(of(5, 1) | {"extra": None}).replace("null", "[" * 80 + "]" * 80)
    unreadable = json.dumps(of(5, 2) | {"extra": "x"}).replace('"x"', "NaN")
    listed = json.dumps([of(5, 3)])
    nobody = json.dumps(of("five", 4, timestamp="never"))
    known = json.dumps(of(6, 5, timestamp="never"))
    document = f"[{deep},{unreadable},{listed},{nobody},{known}]".encode()
    for rules, kept in ((LEFT_OUT, [5]), (ScoringRules(DAQI, SNAPSHOT_AT), [1, 2, 3, 4, 5])):
        out, _ = assemble(document, rules=rules)
        rejected = [each for each in out if isinstance(each, Rejection)]
        assert [each.reason for each in rejected] == [
            *("too_deep", "unreadable", "not_an_object", "bad_timestamp", "bad_timestamp"),
        ]
        assert [place for place, each in enumerate(rejected, 1) if each.text] == kept


def test_the_list_of_rejects_says_where_it_stood_and_nothing_that_it_said() -> None:
    out, _ = assemble(document_of(of(4, 1), of(5, 2)), rules=LEFT_OUT)
    rejects = Rejects()
    rejects.add(each for each in out if isinstance(each, Rejection))
    (line,) = rejects.body({}).splitlines()
    found = orjson.loads(line)
    assert found.pop("offset") > 0
    assert found == {"id": "2", "reason": "excluded", "record": ""}
