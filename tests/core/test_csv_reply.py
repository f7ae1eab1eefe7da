"""The CSV of a lookup by id."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.items import Item
from tests.doubles.documents import QUICK

HEADER = "id,latitude,longitude,altitude,country,timestamp,date,P2.5,P10,AQI,AQI_range"
ITEM = Item(
    *("28", "51.5", "-0.25", "-2", "GB", "2023-12-20 17:00:00", "2023-12-20", "0.9", "48.8", "3", "Low"),
    *("7", "SDS011", "1", 1_703_091_600, 1_703_095_200, "daqi", "P10", 1_703_696_400),
)


def row_of(item: Item) -> list[str]:
    """Read a reply back as a spreadsheet would."""
    header, row = csv.reader(io.StringIO(csv_reply(item).decode(), newline=""), strict=True)
    assert ",".join(header) == HEADER
    return row


def test_a_reply_is_a_header_line_and_one_row_ended_by_crlf_with_numbers_untouched() -> None:
    assert csv_reply(ITEM) == (
        HEADER.encode() + b"\r\n28,51.5,-0.25,-2,GB,2023-12-20 17:00:00,2023-12-20,0.9,48.8,3,Low\r\n"
    )


def test_what_an_item_does_not_have_is_blank() -> None:
    assert csv_reply(Item("28")) == HEADER.encode() + b"\r\n28,,,,,,,,,,\r\n"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\n=1", "\0x", "\0=1", "=", '=cmd|"/c"!A1']
)
@pytest.mark.parametrize("field", ["country", "timestamp", "date", "aqi_range"])
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(field: str, text: str) -> None:
    assert "'" + text in row_of(Item(**(ITEM._asdict() | {field: text})))


@pytest.mark.parametrize(
    "text", ["a=b", "x-y", "1+1", " =1", "'x", "Low, or not", 'a "b"', "a\r\nb", "\u00c4\u20ac"]
)
def test_any_other_text_is_read_back_as_it_is(text: str) -> None:
    assert row_of(ITEM._replace(aqi_range=text))[-1] == text


@QUICK
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), min_size=4, max_size=4
    )
)
def test_a_reply_has_two_rows_of_eleven_cells_whatever_the_texts(texts: list[str]) -> None:
    country, timestamp, date, band = texts
    row = row_of(ITEM._replace(country=country, timestamp=timestamp, date=date, aqi_range=band))
    assert [row[i].removeprefix("'") for i in (4, 5, 6, 10)] == [text.removeprefix("'") for text in texts]
    assert (row[:4], row[7:10]) == (["28", "51.5", "-0.25", "-2"], ["0.9", "48.8", "3"])


TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@QUICK
@given(st.lists(TEXTS, min_size=4, max_size=4))
def test_a_row_is_as_the_csv_module_writes_it(texts: list[str | None]) -> None:
    country, timestamp, date, band = texts
    item = ITEM._replace(country=country, timestamp=timestamp, date=date, aqi_range=band)
    guarded = ["'" + text if text and text[0] in "=+-@\t\r" else text for text in texts]
    out = io.StringIO()
    csv.writer(out).writerow([*item[:4], *guarded[:3], *item[7:10], guarded[3]])
    assert csv_reply(item) == f"{HEADER}\r\n{out.getvalue()}".encode()
