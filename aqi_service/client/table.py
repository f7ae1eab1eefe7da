"""Rows as a table for a person: aligned columns, and bands in colour.

Rule: no number is cut or rounded; columns that are left out are in CSV and JSON.
"""

from collections.abc import Iterator, Sequence

from aqi_service.client.csv_text import NUMERIC, Record, visible

HIDDEN = frozenset(
    {
        *("id", "altitude", "country", "date", "latitude", "longitude", "sensor_type"),
        *("AQI_pollutant", "scale"),
    }
)
"""Columns that are left out of a table of sensors or of an area, so that a line fits a screen."""

HIDDEN_OF_DAYS = frozenset({"id", "timestamp", "AQI_pollutant", "scale", "hours_p25", "hours_p10"})

FIRST = ("sensor_id", "distance_km")
"""The first columns of a table."""

COLOURS = {
    **dict.fromkeys(("Very_Low", "Low", "Good"), "32"),
    **dict.fromkeys(("Medium", "Moderate"), "33"),
    **dict.fromkeys(("High", "Unhealthy for Sensitive Groups", "Unhealthy"), "31"),
    **dict.fromkeys(("Very High", "Very Unhealthy", "Hazardous"), "35"),
}
"""A terminal's colour (SGR) for each band: green, yellow, red, magenta."""

COLOURED = ("AQI", "AQI_range")

GAP = "  "

_NOT = (
    "arithmetic on what citizens' sensors report: uncalibrated, not corrected for humidity, possibly "
    "indoors; no regulatory measurement, no health advice"
)


def note(records: Sequence[Record]) -> str:
    """Say what the numbers are not, and name the scale of the index, if the rows tell it."""
    scales = sorted({record["scale"] for record in records if record.get("scale")})
    named = f" on the scale {visible(', '.join(scales))}" if scales else ""
    return f"the index{named} is {_NOT}"


def table_lines(columns: Sequence[str], records: Sequence[Record], *, coloured: bool) -> Iterator[str]:
    """Return the lines, header first, with their ends; numbers to the right, texts to the left."""
    shown = _shown(columns, records)
    rows = [[visible(record.get(name, "")) for name in shown] for record in records]
    heads = [visible(name) for name in shown]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    yield _line(_padded(shown, heads, widths))
    for record, row in zip(records, rows, strict=True):
        cells = _padded(shown, row, widths)
        colour = COLOURS.get(record.get("AQI_range", "")) if coloured else None
        if colour:
            cells = [
                f"\x1b[{colour}m{cell}\x1b[0m" if name in COLOURED else cell
                for name, cell in zip(shown, cells, strict=True)
            ]
        yield _line(cells)


def _shown(columns: Sequence[str], records: Sequence[Record]) -> list[str]:
    """Choose the columns: sensor and distance first, no hidden ones, none that is blank in all rows."""
    if "scale" in columns:
        hidden = HIDDEN_OF_DAYS if "hours" in columns else HIDDEN
        columns = [*(name for name in FIRST if name in columns), *(n for n in columns if n not in FIRST)]
        columns = [name for name in columns if name not in hidden]
    return [name for name in columns if not records or any(record.get(name) for record in records)]


def _padded(names: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if name in NUMERIC else cell.ljust(width)
        for name, cell, width in zip(names, cells, widths, strict=True)
    ]


def _line(cells: Sequence[str]) -> str:
    return GAP.join(cells).rstrip(" ") + "\n"
