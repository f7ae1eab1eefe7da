"""An item as bytes: what is packed comes back whole, and what is too large is not packed."""

import orjson
import pytest

from aqi_service.core.csv_reply import csv_row
from aqi_service.core.items import COLUMNS, OF_DAYS, Item
from aqi_service.core.packed_item import START, pack, unpack
from tests.doubles.storage_items import FULL

PLAIN = FULL._replace(id="7", expires_at=None)


def test_the_item_of_a_day_is_packed_whole_where_its_row_is_quoted() -> None:
    item = PLAIN._replace(aqi_range='"Low"', hours_p25="3")
    assert unpack(pack(item) or b"") == item


def test_a_record_of_1024_bytes_is_kept_and_one_byte_more_is_not() -> None:
    room = 1024 - len(pack(PLAIN._replace(sensor_type="")) or b"")
    assert len(pack(PLAIN._replace(sensor_type="x" * room)) or b"") == 1024
    assert pack(PLAIN._replace(sensor_type="x" * (room + 1))) is None


@pytest.mark.parametrize("item", [PLAIN, PLAIN._replace(altitude=None, country=None)])
def test_of_a_record_that_needs_no_quotes_each_field_is_kept_once(item: Item) -> None:
    beside = orjson.dumps(item[len(COLUMNS) : -len(OF_DAYS)])
    assert (pack(item) or b"")[START:] == csv_row(item) + beside


@pytest.mark.parametrize("time", [0, 2**63 - 1])
def test_any_time_that_a_table_can_hold_is_kept_as_the_records_own_and_as_its_end(time: int) -> None:
    item = PLAIN._replace(measured_at=time, expires_at=time)
    assert unpack(pack(item) or b"") == item
