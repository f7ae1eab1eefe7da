"""Rows on standard output: CSV under the first rows' header line, JSON, or a table for a person.

Rule: text from a server is made harmless before anybody sees it.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from aqi_service.client.csv_text import Record, Rows, json_line, line, visible
from aqi_service.client.stdio import abandon_stdout, print_error
from aqi_service.client.table import note, table_lines


class Printer(ABC):
    """Writes rows to a stream (None: nowhere).

    `closed` becomes true when nobody reads any more; then nothing is written. Raises OSError for a full disk.
    """

    def __init__(self, out: BinaryIO | None) -> None:
        self.closed = out is None
        self._out = out

    def print(self, record: Record) -> None:
        """Write one record."""
        self.print_rows(Rows(tuple(record), [record]))

    @abstractmethod
    def print_rows(self, rows: Rows) -> None:
        """Write rows; without rows only these columns."""

    def close(self) -> None:  # noqa: B027 - most have nothing left to write
        """Write what had to wait for the last row."""

    @property
    def _on_terminal(self) -> bool:
        return self._out is not None and not self.closed and self._out.isatty()

    def _write(self, lines: Iterable[str]) -> None:
        """Write lines with their ends; a terminal gets only visible characters."""
        if self._on_terminal:
            lines = (visible(text.rstrip("\r\n"), len(text)) + "\n" for text in lines)
        self._write_as_it_is(lines)

    def _write_as_it_is(self, lines: Iterable[str]) -> None:
        if self.closed or self._out is None:
            return
        try:
            self._out.write("".join(lines).encode("utf-8"))
            self._out.flush()
        except BrokenPipeError:
            self.closed = True
            abandon_stdout()


class CsvPrinter(Printer):
    """CSV; columns that the first header line does not have are left out, with one remark."""

    def __init__(self, out: BinaryIO | None) -> None:
        super().__init__(out)
        self._columns: tuple[str, ...] = ()
        self._left_out: set[str] = set()

    def print_rows(self, rows: Rows) -> None:
        """Write rows under the header line."""
        lines: list[str] = []
        if not self._columns:
            self._columns = rows.columns
            lines.append(line(self._columns))
        lines += (line(row.get(column, "") for column in self._columns) for row in rows.records)
        self._write(lines)
        self._remark(set(rows.columns) - set(self._columns) - self._left_out)

    def _remark(self, left_out: set[str]) -> None:
        self._left_out |= left_out
        if left_out:
            names = visible(", ".join(sorted(left_out)))
            print_error(
                f"columns that the header line does not have are left out: {names}; --format json has them"
            )


class JsonPrinter(Printer):
    """One JSON object a line."""

    def print_rows(self, rows: Rows) -> None:
        """Write rows; no rows give no line."""
        self._write(map(json_line, rows.records))


class TablePrinter(Printer):
    """Aligned columns, with coloured bands on a terminal; stderr says what the numbers are not."""

    def __init__(self, out: BinaryIO | None) -> None:
        super().__init__(out)
        self._columns: dict[str, None] = {}
        self._records: list[Record] = []

    def print_rows(self, rows: Rows) -> None:
        """Keep rows: the width of a column is known only with the last one."""
        self._columns |= dict.fromkeys(rows.columns)
        self._records += rows.records

    def close(self) -> None:
        """Write the table."""
        if self._columns:
            coloured = self._on_terminal and wants_colours(os.environ)
            self._write_as_it_is(table_lines(tuple(self._columns), self._records, coloured=coloured))
        if self._records:
            print_error(note(self._records))


PRINTERS: Mapping[str, type[Printer]] = {"csv": CsvPrinter, "json": JsonPrinter, "table": TablePrinter}
"""The printers by --format."""


def wants_colours(environment: Mapping[str, str]) -> bool:
    """Tell whether a terminal may be coloured (no-color.org)."""
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
