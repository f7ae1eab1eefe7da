"""Reads the rows of one daily file, piece by piece, into the values of a sensor's day.

One rule: columns are found by their names, and a row that cannot be read costs only itself.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from aqi_service.core.day_names import DayName, day_text
from aqi_service.core.parse.day_means import Amount, HourSums, amount_of
from aqi_service.core.scales import NOT_MASS
from aqi_service.core.times import DAY, HOUR, feed_time

MOST_PLACES = 100
"""At most this many places of one sensor and day are kept apart: it stands in one, seldom in two."""

LINE_LIMIT = 64 * 1024
"""Most bytes of a line; real ones have 50 to 150."""

POLLUTANTS = ("P1", "P2")
"""The columns that count: PM10 and PM2.5. Others of a sensor type (P0, P4, particle counts) do not."""

_WHERE = ("sensor_id", "sensor_type", "lat", "lon")
_NEEDED = frozenset({"sensor_id", "timestamp"})
_IN_USE = frozenset({*POLLUTANTS, *_WHERE, "timestamp"})
_BOM = "\ufeff"
_QUOTED = re.compile(r'(?<![^;\n\ufeff])"([^";\n]*+)"(?![^;\r\n])')
_RETURNS = re.compile(r"(?<!\r)\r++(?=\n|\Z)")
_CELL = 64  # characters of a cell that are kept: no type or number of a place is longer

_MINUTES = {f"{hour:02}:{minute:02}": hour for hour in range(24) for minute in range(60)}
_SECONDS = frozenset(f":{second:02}" for second in range(60))


class DayValues:
    """What the files of a sensor say of one day.

    Attributes:
        kind: the sensor type from a file's name, for rows that have none.
        indoor: whether a file's name says that the sensor is indoors.
        has_header: whether any of the files has a header line.
        sums: the sums for each pollutant that has a column in a file.
        places: sensor type, latitude and longitude as texts, and the number of rows with them.
    """

    __slots__ = ("has_header", "indoor", "kind", "places", "sums")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.indoor = self.has_header = False
        self.sums: dict[str, HourSums] = {}
        self.places: Counter[tuple[str, ...]] = Counter()

    def place(self) -> tuple[str, ...]:
        """Return the place that most rows have; at a tie the smallest, so that their order does not matter.

        Rows that count particles say nothing about the place of the others.
        """
        places = {each: rows for each, rows in self.places.items() if _is_mass(each[0])} or self.places
        most = max(places.values(), default=0)
        return min((each for each, rows in places.items() if rows == most), default=("", "", ""))


_Tables = Sequence[tuple[str, int, list[Amount], list[int]]]
"""For each pollutant: its name, its column, and the sums and counts of the sensor's day."""


class _Layout(NamedTuple):
    """Where a file's columns are.

    Attributes:
        width: how many columns there are; each row gets one more empty cell, which stands for missing
            columns.
        where: gives the cells of the columns in _WHERE.
        time: the column of the timestamp.
        tables: the tables of the pollutants.
    """

    width: int
    where: Callable[[list[str]], tuple[str, ...]]
    time: int
    tables: _Tables


class DayRows:
    """Reads the file of that name into `values`; odd rows count in `warnings`."""

    def __init__(self, name: DayName, values: DayValues, warnings: Counter[str]) -> None:
        self._day, self._sensor, self._kind = name.day, str(name.sensor_id), name.kind
        self._usual = frozenset({f"{day_text(name.day)}T", f"{day_text(name.day)} "})
        self._values, self._warnings = values, warnings
        self._rest, self._is_skipping = b"", False
        self._columns: list[str] = []
        self._layout: _Layout | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; whole lines are read, the rest waits for its end."""
        whole, newline, rest = piece.rpartition(b"\n")
        if newline:
            whole = whole.partition(b"\n")[2] if self._is_skipping else self._rest + whole
            self._is_skipping, self._rest = False, b""
            if len(whole) > LINE_LIMIT:
                whole = self._without_long(whole)
            if whole:
                self._take(_text(whole).split("\n"))
        if not self._is_skipping:
            self._rest += rest
        if len(self._rest) > LINE_LIMIT:
            self._is_skipping, self._rest = True, b""
            self._warnings["bad_row"] += 1

    def _without_long(self, whole: bytes) -> bytes:
        """Leave out lines over LINE_LIMIT, as for a line that comes in pieces."""
        lines = whole.split(b"\n")
        kept = [line for line in lines if len(line) <= LINE_LIMIT]
        if len(kept) == len(lines):
            return whole
        self._warnings["bad_row"] += len(lines) - len(kept)
        return b"\n".join(kept)

    def close(self) -> None:
        """Take a last line without an end if its used cells are certainly whole; else it was cut."""
        if not self._rest:
            return
        last = _text(self._rest)
        is_whole = last.count(";") + 1 == len(self._columns) and self._columns[-1] not in _IN_USE
        if self._layout and is_whole:
            self._read(self._layout, [last])
        else:
            self._warnings["cut_line"] += 1

    def _take(self, lines: Iterable[str]) -> None:
        """Take lines; the first that is not blank is a header, and later ones may be headers too."""
        rest = iter(lines)
        header = None if self._columns else next((line for line in rest if line.strip()), None)
        while header is not None or self._layout:
            if header is not None:
                self._begin(header)
            if self._layout is None:
                return
            header = self._read(self._layout, rest)
            if header is None:
                return

    def _begin(self, header: str) -> None:
        """Find the columns in the first line."""
        columns = self._columns = [name.strip() for name in header.removeprefix(_BOM).split(";")]
        if not _NEEDED.issubset(columns):
            return
        values, width = self._values, len(columns)
        values.has_header = True
        at = {name: columns.index(name) for name in reversed(columns)}
        present = [kind for kind in POLLUTANTS if kind in at]
        sums = [values.sums.setdefault(kind, HourSums()) for kind in present]
        self._layout = _Layout(
            width,
            itemgetter(*(at.get(name, width) for name in _WHERE)),
            at["timestamp"],
            [(kind, at[kind], each.sums, each.counts) for kind, each in zip(present, sums, strict=True)],
        )

    def _read(self, layout: _Layout, lines: Iterable[str]) -> str | None:
        """Read rows up to another header, and return that: several files may be joined in one."""
        width, where, time, _ = layout
        minutes, seconds, usual = _MINUTES, _SECONDS, self._usual
        last: tuple[str, ...] | None = None
        tables: _Tables | None = None
        header: str | None = None
        rows = 0
        for line in lines:
            cells = line.split(";")
            is_row = len(cells) == width
            cells.append("")
            if is_row and (here := where(cells)) != last:
                self._count(last, rows)
                last, rows, tables = here, 0, self._tables(layout, here)
            if not is_row or tables is None:
                if _is_header(cells):
                    header = line
                    break
                self._pass_over(line, "other_sensor" if is_row else "bad_row")
                continue
            text = cells[time]
            if text[:11] in usual and text[16:] in seconds and text[11:16] in minutes:
                hour: int | None = minutes[text[11:16]]
            else:
                hour = self._hour_of(text)
            if hour is not None:
                rows += 1
                self._add(tables, cells, hour)
        self._count(last, rows)
        return header

    def _tables(self, layout: _Layout, where: tuple[str, ...]) -> _Tables | None:
        """Return the tables for rows with these cells; None if they are another sensor's."""
        if where[0].strip().lstrip("0") != self._sensor.lstrip("0"):
            return None
        return layout.tables if _is_mass(where[1].strip() or self._kind) else ()

    def _add(self, tables: _Tables, cells: list[str], hour: int) -> None:
        for kind, column, sums, counts in tables:
            if text := cells[column]:
                amount = amount_of(kind, text)
                if amount is None:
                    self._warnings["bad_value"] += 1
                else:
                    sums[hour] += amount
                    counts[hour] += 1

    def _pass_over(self, line: str, why: str) -> None:
        if line.strip():
            self._warnings[why] += 1

    def _count(self, where: tuple[str, ...] | None, rows: int) -> None:
        if where and rows:
            kind, latitude, longitude = (cell.strip()[:_CELL] for cell in where[1:])
            here, places = (kind or self._kind.upper(), latitude, longitude), self._values.places
            if len(places) < MOST_PLACES or here in places:
                places[here] += rows

    def _hour_of(self, text: str) -> int | None:
        """Read an unusual timestamp; None, and a warning, if it is none or of another day (UTC)."""
        time = feed_time(text.strip())
        if time is None or time // DAY != self._day:
            self._warnings["bad_row" if time is None else "other_day"] += 1
            return None
        return time % DAY // HOUR


def _is_header(cells: Sequence[str]) -> bool:
    return _NEEDED.issubset(cell.removeprefix(_BOM).strip() for cell in cells)


def _is_mass(kind: str) -> bool:
    return kind.upper() not in NOT_MASS


def _text(lines: bytes) -> str:
    """Read lines as text, without the quotes around cells and without the CR before a line's end."""
    text = lines.decode("utf-8", "replace")
    if '"' in text:
        text = _QUOTED.sub(r"\1", text)
    return _RETURNS.sub("", text) if "\r" in text else text
