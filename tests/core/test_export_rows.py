"""Items as rows for other programs: every attribute under its name, and no number changed."""

import csv
import io
import json
from decimal import Context, Decimal, Inexact, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.export_rows import (
    COLUMNS,
    CSV_HEADER,
    DECIMALS,
    ColumnType,
    csv_rows,
    fits,
    ndjson_rows,
    row_writer,
    split_decimals,
)
from aqi_service.core.items import ATTRIBUTES, Item
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL

BARE = Item("7")
LONG = "0.1234567890123456789"
WHOLE = Context(prec=38, traps=[Inexact, InvalidOperation])


def test_a_csv_row_has_every_attribute_under_its_name_in_the_order_of_the_table() -> None:
    text = (CSV_HEADER + csv_rows([FULL, BARE])).decode()
    assert text.count("\r\n") == 3
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    values = dict(zip((name for _, name, _ in ATTRIBUTES), FULL, strict=True))
    assert list(first) == [name for _, name, _ in ATTRIBUTES]
    assert first == {name: "" if value is None else str(value) for name, value in values.items()}
    assert {name for name, value in second.items() if value} == {"id"}


def test_a_csv_row_has_no_text_that_a_spreadsheet_would_run() -> None:
    assert b",'=1+1," in csv_rows([BARE._replace(sensor_type="=1+1")])


def test_a_line_of_ndjson_has_numbers_digit_for_digit_and_null_for_what_is_lacking() -> None:
    first, second = ndjson_rows([FULL._replace(pm25=LONG), BARE]).splitlines()
    read = json.loads(first, parse_float=str, parse_int=str)
    assert list(read) == [name for _, name, _ in ATTRIBUTES]
    assert (read["id"], read["P2.5"], read["AQI"]) == (FULL.id, LONG, FULL.aqi)
    assert f'"P2.5":{LONG},'.encode() in first
    assert f'"id":"{FULL.id}"'.encode() in first
    assert [name for name, value in json.loads(second).items() if value is not None] == ["id"]


@pytest.mark.parametrize(
    ("name", "header", "writer"),
    [
        ("a.csv", CSV_HEADER, csv_rows),
        ("a.csv.gz", CSV_HEADER, csv_rows),
        ("a.ndjson", b"", ndjson_rows),
        ("a.ndjson.gz", b"", ndjson_rows),
        ("my.ndjson.old.csv", CSV_HEADER, csv_rows),
    ],
)
def test_a_file_s_name_says_what_its_rows_are(name: str, header: bytes, writer: object) -> None:
    assert row_writer(name) == (header, writer)


def test_what_is_measured_is_a_decimal_what_is_counted_a_whole_number_and_a_time_a_time() -> None:
    types = {column.name: column.type for column in COLUMNS}
    assert [column.name for column in DECIMALS] == ["latitude", "longitude", "altitude", "P2.5", "P10"]
    assert {name for name, kind in types.items() if kind is ColumnType.TIME} == {
        *("measured_at", "snapshot_at", "expires_at"),
    }
    assert (types["AQI"], types["indoor"], types["sensor_id"], types["id"]) == (
        *(ColumnType.INDEX, ColumnType.SMALL, ColumnType.NUMBER, ColumnType.TEXT),
    )


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("0", True),
        ("-90", True),
        ("48.123456789012345678", True),
        ("48.1234567890123456789", False),
        ("99999999999999999999.123456789012345678", True),
        ("-99999999999999999999", True),
        ("100000000000000000000", False),
    ],
)
def test_a_decimal_holds_20_digits_before_the_point_and_18_behind_it(number: str, *, holds: bool) -> None:
    assert fits(number) is holds


@QUICK
@given(st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?", fullmatch=True))
def test_a_number_fits_if_it_is_the_same_at_18_places(text: str) -> None:
    number = canonical(text)
    if number is not None:
        try:
            same = WHOLE.quantize(Decimal(number), Decimal("1e-18")) == Decimal(number)
        except (Inexact, InvalidOperation):
            same = False
        assert fits(number) is same


def test_what_does_not_fit_stands_beside_as_text() -> None:
    assert split_decimals(["1.5", None, LONG]) == (["1.5", None, None], [None, None, LONG])
    assert split_decimals(["1.5", None]) == (["1.5", None], [None, None])
