"""Replies taken apart and made harmless: CSV in, guarded CSV, JSON and visible text out."""

import tracemalloc

import pytest

from aqi_service.client.csv_text import guard, json_line, number, parse, safe, visible


def test_a_reply_is_cells_by_column_in_its_own_order() -> None:
    record = parse('AQI,id,country\r\n1,5,"a,""b"""\r\n')
    assert list(record.items()) == [("AQI", "1"), ("id", "5"), ("country", 'a,"b"')]


def test_a_line_end_inside_a_cell_stays_as_it_was_sent() -> None:
    assert parse('id,note\r\n1,"a\r\nb"\r\n')["note"] == "a\r\nb"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_may_end_in_any_of_the_three_ways(end: str) -> None:
    assert parse(f"id,AQI{end}1,2{end}") == {"id": "1", "AQI": "2"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id\r\n",
        "id\r\n1\r\n2\r\n",
        "id,AQI\r\n1\r\n",
        "id\r\n1,2\r\n",
        "id,id\r\n1,2\r\n",
        'id\r\n"1',
        "\r\n\r\n",
    ],
)
def test_any_other_text_is_no_reply(text: str) -> None:
    with pytest.raises(ValueError, match="reply"):
        parse(text)


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "-", "-1-1", "--1", "-1e5"]
)
def test_a_text_that_a_spreadsheet_would_run_is_prefixed(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "DE", "48.8", "-5.2", "-.9", "0", "2023-12-20", "a=b", "'=1"])
def test_numbers_and_harmless_texts_stay(cell: str) -> None:
    assert guard(cell) == cell


def test_a_harmless_reply_is_saved_as_it_was_sent() -> None:
    text = 'id,"AQI"\n1,-2'
    assert safe(text) == text


def test_a_harmful_reply_is_written_anew() -> None:
    assert safe("id,=HEAD()\r\n1,=1+1\r\n") == "id,'=HEAD()\r\n1,'=1+1\r\n"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", "7"),
        ("-5.20", "-5.20"),
        (".9", "0.9"),
        ("-.9", "-0.9"),
        ("007", "7"),
        ("0", "0"),
        ("00.5", "0.5"),
    ],
)
def test_a_number_is_written_as_json_allows(cell: str, value: str) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["", "-", ".", "5.", "1e5", "NaN", "+5", "1_0", "\u0665", " 1", "1\n"])
def test_any_other_cell_is_no_number(cell: str) -> None:
    assert number(cell) is None


def test_json_has_numbers_where_the_column_is_numeric_and_null_for_blanks() -> None:
    record = {"id": "18", "P2.5": ".9", "P10": "unavailable", "altitude": "", "AQI": "1", "country": "D\x1b"}
    text = json_line(record)
    assert text == (
        '{"id": "18", "P2.5": 0.9, "P10": "unavailable", "altitude": null, "AQI": 1, "country": "D\\u001b"}\n'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31mb", "a\\x1b[31mb"), ("a\nb", "a\\nb"), ("Köln", "Köln"), ("\u202eabc", "\\u202eabc")],
)
def test_foreign_text_reaches_a_terminal_as_text_only(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_foreign_text_is_cut() -> None:
    assert visible("x" * 300) == "x" * 200 + "..."
    assert visible("x" * 200) == "x" * 200


@pytest.mark.parametrize("more", ["\r\n", "\n", "1\r\n"])
def test_a_reply_of_endless_rows_is_refused_at_the_third_without_keeping_the_others(more: str) -> None:
    text = "id\r\n1\r\n" + more * 100_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="one header line and one row"):
            parse(text)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(text) + 100_000
    finally:
        tracemalloc.stop()
