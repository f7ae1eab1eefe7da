"""What `aqi-client` does with each reply: a file, a row on stdout, or a sentence on stderr.

Rule: text from a server is made harmless before anybody sees it.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from aqi_service.client.csv_text import safe, visible
from aqi_service.client.exit_codes import EXIT_CODES
from aqi_service.client.files import Files
from aqi_service.client.options import ClientOptions, Tls
from aqi_service.client.printing import PRINTERS, Printer
from aqi_service.client.records import RecordClient, record_of
from aqi_service.client.stdio import abandon_stdout, print_error
from aqi_service.core.frames import kind
from aqi_service.errors import ServerGone

if TYPE_CHECKING:
    import ssl

SENSOR_DIGITS = 6
"""Most digits of a sensor's id (2026: 5); records' ids have had more since the network's first days."""


MOST_LEFT_OUT = 20
"""Most texts on standard input that are no ids and are named one by one."""


def run(asked: ClientOptions) -> int:
    """Look up the ids or the question; return the exit code. Raises ConfigError for files of TLS."""
    files = Files(None if asked.output_dir is None else Path(asked.output_dir), asked=asked.asked_for_files)
    if not files.usable():
        return 2
    tls = None if asked.tls is None else _context(asked.tls)
    code = _say_left_out(asked.left_out)
    if not (asked.ids or asked.question):
        return code
    printer = PRINTERS[asked.format](sys.stdout.buffer if sys.stdout is not None else None)
    try:
        code = max(code, asyncio.run(talk(asked, tls, printer, files)))
        printer.close()
    except OSError as error:
        print_error(f"standard output cannot be written: {error.strerror}")
        abandon_stdout()
        code = 3
    finally:
        files.tell()
    return code


def _say_left_out(left_out: Sequence[str]) -> int:
    """Name the texts on standard input that are no ids; return the exit code of that."""
    for sentence in left_out[:MOST_LEFT_OUT]:
        print_error(sentence)
    if len(left_out) > MOST_LEFT_OUT:
        print_error(f"standard input: {len(left_out) - MOST_LEFT_OUT} more are no record ids; left out")
    return EXIT_CODES["bad_request"] if left_out else 0


def _context(tls: Tls) -> "ssl.SSLContext":
    """Load the files of TLS; raises ConfigError."""
    from aqi_service.certificates import client_context  # noqa: PLC0415 - only for TLS

    return client_context(*(Path(name) if name else None for name in (tls.ca, tls.cert, tls.key)))


async def talk(asked: ClientOptions, tls: "ssl.SSLContext | None", printer: Printer, files: Files) -> int:
    """Ask the server; return the exit code."""
    where = asked.host, asked.port
    try:
        if asked.question is None:
            async with RecordClient(*where, timeout=asked.timeout, tls=tls) as records:
                return await _look_up(records, asked.ids, printer, files)
        from aqi_service.client import answers, client  # noqa: PLC0415 - an id needs neither

        async with client.Client(*where, timeout=asked.timeout, tls=tls) as sensors:
            return await answers.ask(sensors, asked.question, printer, files)
    except ServerGone as error:
        print_error(visible(str(error)))
        return 3


async def _look_up(client: RecordClient, ids: Sequence[str], printer: Printer, files: Files) -> int:
    code = 0
    async with aclosing(client.replies(ids)) as replies:
        async for record_id, reply in replies:
            code = max(code, _take(record_id, reply, printer, files))
            if printer.closed and not files:
                break  # `| head`: nothing that is still to come would reach anybody
    return code


def _take(record_id: str, reply: bytes, printer: Printer, files: Files) -> int:
    """Save and print a record, or say that it was not found; return this reply's exit code."""
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
