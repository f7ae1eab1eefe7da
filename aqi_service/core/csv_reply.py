"""Rows as text: the CSV of a lookup by id, and the lines of the other replies.

One rule: only this file knows how a cell is written, and what the reply to a lookup by id looks like.
"""

import csv
import io
import re
from collections.abc import Sequence

from aqi_service.core.items import COLUMNS, Item
from aqi_service.core.redaction import FORMULA_STARTS

HEADER_LINE = ",".join(column.name for column in COLUMNS) + "\r\n"

HEADER = HEADER_LINE.encode()
_NUMERIC = tuple(column.kind == "N" for column in COLUMNS)
_QUOTED = re.compile('["\r\n]')


def csv_reply(item: Item) -> bytes:
    """Write the header line and the row, with CRLF line ends, UTF-8; a field that is None is blank.

    A text that a spreadsheet would run as a formula gets an apostrophe before it; numbers never do.
    """
    return HEADER + csv_row(item)


def csv_row(item: Item) -> bytes:
    """Write only the row of that reply."""
    return csv_line(item[: len(COLUMNS)], _NUMERIC)


def csv_line(fields: Sequence[object], numeric: Sequence[bool]) -> bytes:
    """Write one row of fields, with CRLF; `numeric` tells of each field whether it is a number."""
    cells = [
        "" if cell is None else cell if is_number else plain_text(str(cell))
        for cell, is_number in zip(fields, numeric, strict=True)
    ]
    line = ",".join(map(str, cells))
    if line.count(",") >= len(cells) or _QUOTED.search(line):  # seldom: something has to be quoted
        out = io.StringIO()
        csv.writer(out).writerow(cells)
        return out.getvalue().encode()
    return f"{line}\r\n".encode()


def plain_text(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
