"""Tables for people: aligned, in colour on a terminal alone, and harmless whatever the server sent."""

import io

import pytest

from aqi_service.client.csv_text import Rows
from aqi_service.client.printing import TablePrinter, wants_colours
from aqi_service.client.table import COLOURS, note, table_lines
from aqi_service.core.days import DAYS_HEADER
from aqi_service.core.scales import SCALES
from aqi_service.core.sensor_rows import AREA_HEADER, SENSOR_HEADER


class Terminal(io.BytesIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(out: io.BytesIO, *records: dict[str, str]) -> str:
    printer = TablePrinter(out)
    printer.print_rows(Rows(tuple(records[0]), list(records)))
    assert out.getvalue() == b""
    printer.close()
    return out.getvalue().decode()


LOW, HIGH = {"sensor_id": "7", "P2.5": "3.88", "AQI_range": "Low"}, {"P2.5": "170", "AQI_range": "Very High"}


def test_texts_stand_to_the_left_and_numbers_to_the_right() -> None:
    assert printed(io.BytesIO(), LOW, HIGH) == (
        "sensor_id  P2.5  AQI_range\n7          3.88  Low\n            170  Very High\n"
    )


def test_bands_are_coloured_on_a_terminal_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = printed(Terminal(), LOW, HIGH)
    assert "\x1b[32mLow" in coloured
    assert "\x1b[35mVery High\x1b[0m" in coloured
    assert "\x1b" not in printed(io.BytesIO(), LOW, HIGH)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(Terminal(), LOW, HIGH)
    assert not wants_colours({"TERM": "dumb"})
    assert wants_colours({"NO_COLOR": ""})


def test_every_band_of_every_scale_has_a_colour() -> None:
    bands = {step.band for scale in SCALES.values() for table in scale.tables for step in table.steps}
    assert bands | {scale.below[1] for scale in SCALES.values()} == set(COLOURS)


def test_what_a_server_sent_is_no_command_to_a_terminal() -> None:
    evil = {"sensor_id": "\x1b[31mx\r\n", "AQI\x07": "1"}
    text = printed(Terminal(), evil)
    assert text.replace("\n", "").isprintable()
    assert text.count("\n") == 2


@pytest.mark.parametrize("header", [SENSOR_HEADER, AREA_HEADER, DAYS_HEADER])
def test_a_table_of_rows_is_narrower_than_its_csv_and_blank_columns_are_left_out(header: str) -> None:
    columns = header.rstrip().split(",")
    record = dict.fromkeys(columns, "1") | {"AQI": ""}
    lines = list(table_lines(columns, [record], coloured=False))
    names = lines[0].split()
    assert {"scale", "AQI", "AQI_pollutant"}.isdisjoint(names)
    assert {"P2.5", "P10", "AQI_range"} <= set(names)
    assert "1  " in lines[1]


def test_the_note_names_the_scale() -> None:
    assert note([{"scale": "daqi"}, {"scale": ""}]).startswith("the index on the scale daqi is arithmetic")
    assert note([{"AQI": "1"}]).startswith("the index is arithmetic")
