"""A sensor's records as rows: by time, on a scale, and no more than a reply has."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.history import HistoryRows, newest
from aqi_service.core.items import Item
from aqi_service.core.requests import MOST_ROWS
from aqi_service.core.scales import US_EPA
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensor_rows import SENSOR_HEADER, sensor_row
from aqi_service.errors import BadRequest
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL


def record(at: int, number: int) -> Item:
    return FULL._replace(id=str(number), measured_at=at)


def reply(items: list[Item], scale: Scale | None = None, page: int = 7) -> bytes:
    rows = HistoryRows(lambda kept: sensor_row(kept, scale))
    for start in range(0, len(items), page):
        rows.add(items[start : start + page])
    return SENSOR_HEADER.encode() + b"".join(rows.close())


def test_no_records_are_the_header_line_alone() -> None:
    assert reply([]) == SENSOR_HEADER.encode()


@pytest.mark.parametrize("scale", [None, US_EPA])
def test_a_row_is_a_sensor_s_with_flags_and_humidity_blank(scale: Scale | None) -> None:
    found = reply([FULL], scale)
    assert found == SENSOR_HEADER.encode() + sensor_row(SensorRecord(FULL), scale)
    assert found.endswith(b",us-epa,,\r\n" if scale else b",daqi,,\r\n")


@QUICK
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 999)), max_size=30, unique=True), st.integers(1, 9)
)
def test_rows_come_by_time_then_id_however_pages_part_records_of_one_second(
    records: list[tuple[int, int]], page: int
) -> None:
    by_time = sorted((record(*each) for each in records), key=lambda item: item.measured_at or 0)
    in_order = [record(*each) for each in sorted(records)]
    assert reply(by_time, page=page) == SENSOR_HEADER.encode() + b"".join(
        sensor_row(SensorRecord(item), None) for item in in_order
    )


def test_as_many_rows_as_a_reply_has_are_given_and_one_more_says_how_to_narrow() -> None:
    items = [record(at, at) for at in range(MOST_ROWS)]
    assert reply(items, page=500).count(b"\r\n") == 1 + MOST_ROWS
    for more in (record(MOST_ROWS, 0), record(MOST_ROWS - 1, 0)):
        with pytest.raises(
            BadRequest, match=r"over 10,000 records .* ask for SINCE and UNTIL that are nearer"
        ):
            reply([*items, more], page=500)


def test_records_of_one_second_alone_end_at_the_limit_too() -> None:
    with pytest.raises(BadRequest):
        HistoryRows(lambda kept: kept).add(record(5, number) for number in range(MOST_ROWS + 1))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_is_of_equal_time_the_one_with_the_higher_id(order: tuple[int, ...]) -> None:
    items = [record(5, 99), record(7, 9), record(7, 10)]
    assert newest(items[each] for each in order) == items[2]
    assert newest([]) is None
