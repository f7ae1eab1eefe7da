"""What `aqi-client` does with a question: it finds a place by its name, splits the time, and joins all rows.

Rule: a request goes out only when the one before it is answered, so the client's own haste never gets it
refused.
"""

import io
import re
import time
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace

from aqi_service.client.choice import Choice
from aqi_service.client.client import Client, rows_of
from aqi_service.client.csv_text import Record, Rows, visible
from aqi_service.client.exit_codes import EXIT_CODES
from aqi_service.client.files import Files
from aqi_service.client.options import Question
from aqi_service.client.printing import CsvPrinter, Printer
from aqi_service.client.requests import over_time, request
from aqi_service.client.rows import Day, Measurement, columns
from aqi_service.client.stdio import print_error
from aqi_service.core.frames import kind

MOST_SENSORS = 500
"""Most sensors whose days one command asks for."""

MOST_NAMED = 3
"""At most this many other places of the same name are named."""

LONGEST_LABEL = 100
"""Most characters of a file's name."""

_SEVERAL = ("near", "box", "country")
_OVER_TIME = ("history", "days")

_HISTORY = columns(Measurement)[:-1]
"""The columns of a history: all of a sensor's but the last, its distance."""


class _StopError(Exception):
    """Stop asking; `code` is the exit code, and the error was already printed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def ask(client: Client, question: Question, printer: Printer, files: Files) -> int:
    """Print, and save, all rows of a question's answer; return the exit code. Raises ServerGone, OSError."""
    copy = io.BytesIO() if files else None
    output = _Output(printer, copy)
    try:
        code = await _answered(client, await _placed(client, question), output)
    except _StopError as stop:
        return stop.code
    if copy is None:
        return code
    if code:
        print_error("no file is saved, as not all of it has come")
        return code
    return files.save(label(question), copy.getvalue().decode("utf-8"))


class _Output:
    """Rows on their way to standard output and, if they are saved, to a file."""

    def __init__(self, printer: Printer, copy: io.BytesIO | None) -> None:
        self._printers = [printer] if copy is None else [printer, CsvPrinter(copy)]
        self.columns: tuple[str, ...] = ()
        self.has_rows = False

    @property
    def closed(self) -> bool:
        """Whether further rows would reach nobody."""
        return all(printer.closed for printer in self._printers)

    def add(self, rows: Rows) -> None:
        """Print rows; if there are none, keep their columns for `end`."""
        self.columns = self.columns or rows.columns
        if rows.records:
            self.has_rows = True
            self._print(rows)

    def end(self, usual: tuple[str, ...]) -> None:
        """Print only the header line if there was no row; `usual` if nothing was asked."""
        if not self.has_rows:
            self._print(Rows(self.columns or usual, []))

    def _print(self, rows: Rows) -> None:
        for printer in self._printers:
            printer.print_rows(rows)


async def _answered(client: Client, question: Question, output: _Output) -> int:
    """Send all requests of a question; return the exit code."""
    code = 0
    async with aclosing(client.exchange(await _requests(client, question))) as replies:
        async for text, reply in replies:
            code = max(code, _take(text, reply, output))
            if output.closed:
                return code  # `| head`
    if not output.has_rows and not code and question.kind in _OVER_TIME and not question.each_day:
        await _rows(client, request("sensor", *question.words))  # a sensor that nobody knows is not found
    if not code:
        output.end(_HISTORY if question.kind == "history" else columns(Day))
    return code


async def _requests(client: Client, question: Question) -> Iterable[str]:
    """Return the requests of a question."""
    if question.each_day:
        ids, now, choice = (
            await _sensor_ids(client, question),
            time.time(),
            Choice(scale=question.choice.scale),
        )
        return (text for each in ids for text in over_time("days", each, question.times, now, choice))
    if question.kind in _OVER_TIME:
        (sensor_id,) = question.words
        return over_time(question.kind, sensor_id, question.times, time.time(), question.choice)
    return [request(question.kind, *question.words, choice=question.choice)]


async def _sensor_ids(client: Client, question: Question) -> list[str]:
    """Return the ids of the sensors of a place; raises _StopError if there are too many."""
    choice = replace(question.choice, scale=None)
    rows = await _rows(client, request(question.kind, *question.words, choice=choice))
    ids = list(dict.fromkeys(row["sensor_id"] for row in rows.records if row.get("sensor_id")))
    if len(ids) > MOST_SENSORS:
        print_error(
            f"{len(ids)} sensors are there; the days of at most {MOST_SENSORS} are asked for at once: "
            "choose a smaller --box"
        )
        raise _StopError(2)
    return ids


async def _placed(client: Client, question: Question) -> Question:
    """Replace a place's name by its coordinates; raises _StopError if the name is unknown."""
    if question.place is None:
        return question
    rows = (await _rows(client, request("place", question.place))).records
    if not rows:
        print_error(
            f"{visible(question.place)}: no such place is known; name a city of 50,000 or more, or LAT,LON"
        )
        raise _StopError(EXIT_CODES["not_found"])
    taken, *others = rows
    if others or taken.get("name", "").casefold() != question.place.partition(",")[0].casefold():
        print_error(_told(question.place, taken, others))
    where = taken.get("latitude", ""), taken.get("longitude", "")
    return replace(question, words=(*where, *question.words), place=None)


def _told(name: str, taken: Record, others: list[Record]) -> str:
    """Say which place a name was taken for, and how to name another."""
    told = f"{visible(name)} is taken for {_full_name(taken)} ({visible(taken.get('population', ''))} people)"
    if not others:
        return told
    some = "; ".join(map(_full_name, others[:MOST_NAMED]))
    more = " and others" if len(others) > MOST_NAMED else ""
    return f"{told}; there is also {some}{more}: to choose one, give name and country like this, or LAT,LON"


def _full_name(place: Record) -> str:
    return visible(f"{place.get('name', '')},{place.get('country', '')}")


async def _rows(client: Client, text: str) -> Rows:
    """Return the rows of one request; raises _StopError after an error reply, which it prints."""
    [(_, reply)] = [answered async for answered in client.exchange([text])]
    if code := EXIT_CODES[kind(reply)]:
        _say(text, reply)
        raise _StopError(code)
    return rows_of(reply)


def _take(text: str, reply: bytes, output: _Output) -> int:
    """Print a reply's rows, or say what is wrong; return its exit code."""
    code = EXIT_CODES[kind(reply)]
    if code:
        _say(text, reply)
    else:
        output.add(rows_of(reply))
    return code


def _say(text: str, reply: bytes) -> None:
    print_error(f"{visible(text)}: {visible(reply.decode('utf-8', 'replace'), _LONGEST_SENTENCE)}")


_LONGEST_SENTENCE = 400


def label(question: Question) -> str:
    """Name the file of a question after the question, in characters that every file system takes."""
    asked = (question.kind, *((question.place,) if question.place else ()), *question.words)
    parts = (*asked, "days") if question.each_day else asked
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(parts))[:LONGEST_LABEL]
