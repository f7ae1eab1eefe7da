"""What `aqi-client` does with each reply: a file, a row on stdout, or a sentence on stderr.

Rule: what a server sent is made harmless before anybody sees it.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aqi_service.client.client import Client, Record, record_of
from aqi_service.client.csv_text import json_line, line, safe, visible
from aqi_service.client.files import Files
from aqi_service.client.options import ClientOptions, Tls
from aqi_service.client.stdio import abandon_stdout, print_error
from aqi_service.core.frames import kind
from aqi_service.errors import ServerGone

if TYPE_CHECKING:
    import ssl

EXIT_CODES = {"found": 0, "not_found": 1, "bad_request": 2, "unavailable": 3, "busy": 3}
"""Exit code by kind of reply; of several replies the highest counts."""

SENSOR_DIGITS = 6
"""Digits of a sensor's id at most (2026: 5); records have had more since the network's first days."""


MOST_LEFT_OUT = 20
"""Texts on standard input that are no ids, and are named one by one."""


class Printer:
    """Write records to stdout, in CSV under the first one's header line, or as JSON.

    `closed` turns true when nobody reads any more; then it writes nothing. Raises OSError for a full disk.
    """

    def __init__(self, out: BinaryIO | None, *, as_json: bool) -> None:
        self.closed = out is None
        self._out = out
        self._as_json = as_json
        self._columns: tuple[str, ...] = ()
        self._left_out: set[str] = set()

    def print(self, record: Record) -> None:
        """Write one record; columns that the header does not have are left out of CSV, once with a remark."""
        if self._as_json:
            self._write(json_line(record))
            return
        if not self._columns:
            self._columns = tuple(record)
            self._write(line(self._columns))
        self._write(line(record.get(column, "") for column in self._columns))
        self._remark(set(record) - set(self._columns) - self._left_out)

    def _remark(self, left_out: set[str]) -> None:
        self._left_out |= left_out
        if left_out:
            names = visible(", ".join(sorted(left_out)))
            print_error(
                f"columns that the header line does not have are left out: {names}; --format json has them"
            )

    def _write(self, text: str) -> None:
        if self.closed or self._out is None:
            return
        if self._out.isatty():
            text = visible(text.rstrip("\r\n"), len(text)) + "\n"
        try:
            self._out.write(text.encode("utf-8"))
            self._out.flush()
        except BrokenPipeError:
            self.closed = True
            abandon_stdout()


def run(asked: ClientOptions) -> int:
    """Look up what was asked for; give the exit code; raises ConfigError for files of TLS."""
    files = Files(None if asked.output_dir is None else Path(asked.output_dir), asked=asked.asked_for_files)
    if not files.usable():
        return 2
    tls = None if asked.tls is None else _context(asked.tls)
    code = _say_left_out(asked.left_out)
    if not asked.ids:
        return code
    printer = Printer(sys.stdout.buffer if sys.stdout is not None else None, as_json=asked.as_json)
    try:
        return max(code, asyncio.run(_look_up(asked, tls, printer, files)))
    except ServerGone as error:
        print_error(visible(str(error)))
    except OSError as error:
        print_error(f"standard output cannot be written: {error.strerror}")
        abandon_stdout()
    finally:
        files.tell()
    return 3


def _say_left_out(left_out: Sequence[str]) -> int:
    """Say what on standard input is no id; give the exit code of that."""
    for sentence in left_out[:MOST_LEFT_OUT]:
        print_error(sentence)
    if len(left_out) > MOST_LEFT_OUT:
        print_error(f"standard input: {len(left_out) - MOST_LEFT_OUT} more are no record ids; left out")
    return EXIT_CODES["bad_request"] if left_out else 0


def _context(tls: Tls) -> "ssl.SSLContext":
    """Load the files of TLS; raises ConfigError."""
    from aqi_service.certificates import client_context  # noqa: PLC0415 - only for TLS

    return client_context(*(Path(name) if name else None for name in (tls.ca, tls.cert, tls.key)))


async def _look_up(asked: ClientOptions, tls: "ssl.SSLContext | None", printer: Printer, files: Files) -> int:
    code = 0
    async with (
        Client(asked.host, asked.port, timeout=asked.timeout, tls=tls) as client,
        aclosing(client.replies(asked.ids)) as replies,
    ):
        async for record_id, reply in replies:
            code = max(code, _take(record_id, reply, printer, files))
            if printer.closed and not files:
                break  # `| head`: nothing that is still to come would reach anybody
    return code


def _take(record_id: str, reply: bytes, printer: Printer, files: Files) -> int:
    """Save and print what was found, or say what was not; give this reply's exit code."""
    name = kind(reply)
    if name != "found":
        print_error(f"{record_id}: {visible(reply.decode('utf-8', 'replace'))}{_hint(record_id, name)}")
        return EXIT_CODES[name]
    record = record_of(reply)
    code = files.save(record_id, safe(reply.decode("utf-8"))) if files else 0
    printer.print(record)
    return code


def _hint(record_id: str, name: str) -> str:
    if name == "not_found" and len(record_id) <= SENSOR_DIGITS:
        return " (so short an id looks like a sensor's; a lookup takes the id of one of its records)"
    return ""
