"""The log's form: text or JSON lines on stderr, times in UTC.

One rule: a line is an event name with facts as fields; one line a load, one a failed connection. Whatever is
written here goes through `_fit` first: what a peer sent cannot look like a line of its own, nor move a
terminal's cursor, and no secret is shown, in a traceback neither.
"""

import json
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType

from aqi_service.core.redaction import printable, redact, secrets_of

TIME = "%Y-%m-%dT%H:%M:%SZ"
ERASE_LINE = "\r\033[K"
"""Takes away what a terminal shows of the current line, such as a ProgressLine."""


def _fit(text: str) -> str:
    """Return a text as it may be seen."""
    return printable(redact(text, secrets_of(os.environ)))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    lines = formatter.formatException(record.exc_info).split("\n") if record.exc_info else ()
    return [_fit(line) for line in lines]


class _Text(logging.Formatter):
    """One line, and below it, indented, the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger and message, and the traceback's lines."""
        head = (
            f"{self.formatTime(record, TIME)} {record.levelname:<7} {record.name} {_fit(record.getMessage())}"
        )
        return "\n    ".join((head, *_traceback(self, record)))


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, message and, where there is one, the traceback."""
        line = {
            "time": self.formatTime(record, TIME),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _fit(record.getMessage()),
        }
        if trace := _traceback(self, record):
            line["traceback"] = "\n".join(trace)
        return json.dumps(line)


class _OnTerminal(logging.StreamHandler):  # type: ignore[type-arg]  # no such argument before Python 3.12
    """Writes over what a ProgressLine left on the terminal; the next progress shows below."""

    def format(self, record: logging.LogRecord) -> str:
        """Write what takes the line away, then the record."""
        return ERASE_LINE + super().format(record)


def configure(form: str, level: str) -> None:
    """Send this program's log to stderr; libraries only speak up from warnings on.

    At every level: what they write below that holds headers, signatures and bodies.
    """
    handler = (_OnTerminal if sys.stderr.isatty() else logging.StreamHandler)(sys.stderr)
    formatter = _Json() if form == "json" else _Text()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("aqi_service").setLevel(level.upper())


def log_what_nobody_caught() -> None:
    """Log what would end the process or a thread as a bare traceback, and what an object's end raises."""
    log = logging.getLogger("aqi_service")

    def died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("died of an error in the program", exc_info=(kind, error, trace))

    def thread_died(of: threading.ExceptHookArgs) -> None:
        log.critical("thread_died", exc_info=of.exc_value)

    def lost(of: "sys.UnraisableHookArgs") -> None:
        log.error("lost what=%r", of.err_msg or "raised where nobody could catch it", exc_info=of.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = died, thread_died, lost


def say(text: str) -> None:
    """Write a line for a person to stderr; that nobody reads it costs nothing else."""
    with suppress(OSError, ValueError):  # ValueError: it is closed
        print(_fit(text), file=sys.stderr, flush=True)
