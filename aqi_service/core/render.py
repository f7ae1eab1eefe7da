"""Items as text: the CSV of a lookup by id.

One rule: this is the one place that knows how an item looks to a reader, its columns and their order.
"""

import csv
import io

from aqi_service.core.items import COLUMNS, Item

HEADER_LINE = ",".join(column.name for column in COLUMNS) + "\r\n"

_NUMERIC = tuple(column.kind == "N" for column in COLUMNS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_reply(item: Item) -> bytes:
    """Write header line and row, CRLF line ends, UTF-8; a field that is None is blank.

    A text that a spreadsheet would run as a formula gets an apostrophe before it; numbers never do.
    """
    out = io.StringIO()
    out.write(HEADER_LINE)
    cells = item[: len(COLUMNS)]
    csv.writer(out).writerow(
        "" if cell is None else cell if numeric else plain_text(str(cell))
        for cell, numeric in zip(cells, _NUMERIC, strict=True)
    )
    return out.getvalue().encode()


def plain_text(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
