"""Any text through CSV and JSON."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.client.csv_text import guard, json_line, line, parse, safe

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.text(max_size=60))
def test_arbitrary_text_raises_nothing_but_a_value_error(text: str) -> None:
    try:
        record = parse(text)
    except ValueError:
        return
    assert parse(safe(text)).keys() == {guard(name) for name in record}


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_a_line_reads_back_as_its_guarded_cells(cells: list[str]) -> None:
    [row] = csv.reader(io.StringIO(line(cells), newline=""))
    assert row == [guard(cell) for cell in cells]


@given(st.dictionaries(CELLS, CELLS, max_size=5))
def test_json_is_one_line_of_printable_ascii(record: dict[str, str]) -> None:
    text = json_line(record)
    assert text.endswith("\n")
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    assert list(json.loads(text)) == list(record)
