"""Everything on stderr: the log, as text or JSON lines with times in UTC, and sentences for a person.

One rule: a line is an event, which is a constant word, and facts as fields. All text goes through `_fit`
first: so a peer's text cannot look like a line or a field, or move a terminal's cursor, and no secret is
shown, not even in a traceback.
"""

import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

from aqi_service.app import output
from aqi_service.core.redaction import printable, redact, secrets_of
from aqi_service.load.log_lines import LOAD_ID

log = logging.getLogger("aqi_service")

TIME = "%Y-%m-%dT%H:%M:%SZ"
ERASE_LINE = "\r\033[K"
"""Erases the current line of a terminal, such as a ProgressLine."""

NOT_FACTS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "sentence"}
"""Attributes of a record that are not facts; `sentence` is the text of `say`."""

_EVENT = re.compile("[a-z_]+")
_PLAIN = re.compile(r"[^\s\"'=]+")
"""A value that needs no quotes to be separated from its neighbours."""


def _fit(text: str) -> str:
    """Return a text that is fit to be shown."""
    return printable(_redacted(text))


def _redacted(text: str) -> str:
    return redact(text, secrets_of(os.environ))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    lines = formatter.formatException(record.exc_info).split("\n") if record.exc_info else ()
    return [_fit(line) for line in lines]


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in NOT_FACTS}


def _is_event(record: logging.LogRecord) -> bool:
    """Tell our own lines from a library's, even if the library uses our logger."""
    return record.name == "aqi_service" and not record.args and _EVENT.fullmatch(str(record.msg)) is not None


def _shown(value: object) -> str:
    """Write a fact's value for a text line, so that its end can be seen."""
    if value is None:
        return "none"
    text = _redacted(str(value))
    return text if text.isprintable() and _PLAIN.fullmatch(text) else repr(text)


def line_of(record: logging.LogRecord) -> str:
    """Write a record's event and facts on one line."""
    words = (f"{key}={_shown(value)}" for key, value in _facts(record).items())
    return " ".join((_fit(record.getMessage()), *words))


def _as_json(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else _fit(str(value))


class _Text(logging.Formatter):
    """One line, and below it, indented, the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, event, facts and traceback; for `say`, only the sentence."""
        if sentence := getattr(record, "sentence", None):
            return _fit(sentence)
        head = f"{self.formatTime(record, TIME)} {record.levelname:<7} {record.name} {line_of(record)}"
        return "\n    ".join((head, *_traceback(self, record)))


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, event and facts; a sentence, or a library's text, is the message."""
        line: dict[str, object] = {
            "time": self.formatTime(record, TIME),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event" if _is_event(record) else "message": _fit(record.getMessage()),
        }
        line |= {key: _as_json(value) for key, value in _facts(record).items()}
        if sentence := getattr(record, "sentence", None):
            line["message"] = _fit(sentence)
        if trace := _traceback(self, record):
            line["traceback"] = "\n".join(trace)
        return json.dumps(line)


class _Stderr(logging.Handler):
    """Writes lines to the current stderr; if nobody reads them, nothing else suffers.

    On a terminal a line overwrites a ProgressLine, and the next progress shows below; sentences of `say` come
    without one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, with the id of its load."""
        if sys.stderr is None:  # closed before the program began
            return
        if LOAD_ID.get():
            record.__dict__.setdefault("load_id", LOAD_ID.get())
        if lost := self._lost():
            log.warning("log_lines_dropped", extra={"count": lost})
        try:
            line = self.format(record)
        except Exception:  # a library's message that does not go with its arguments
            line = _fit(f"{record.name} {record.msg!r} {record.args!r}")
        with suppress(OSError, ValueError):  # ValueError: it is closed
            erase = ERASE_LINE if sys.stderr.isatty() and not hasattr(record, "sentence") else ""
            output.put(f"{erase}{line}\n", _whatever_came_of_it, to="stderr")

    def _lost(self) -> int:
        """Return how many dropped lines are not reported yet; 0 while there is not much room."""
        dropped = output.dropped()
        if dropped <= self._told or not output.has_room(sys.stderr):
            return 0
        lost, self._told = dropped - self._told, dropped
        return lost


def _whatever_came_of_it(_error: OSError | None) -> None:
    """Accept that nobody reads the log."""


_STDERR = _Stderr()
_FORMS = {"text": _Text(), "json": _Json()}


def use_form(form: str) -> None:
    """Write in this form (text or json) from now on."""
    formatter = _FORMS[form]
    formatter.converter = time.gmtime
    _STDERR.setFormatter(formatter)


def configure(form: str, level: str) -> None:
    """Send this program's log to stderr; from libraries only warnings and errors.

    That holds at every level: their lower lines contain headers, signatures and bodies.
    """
    use_form(form)
    logging.basicConfig(handlers=[_STDERR], level=logging.WARNING, force=True)
    logging.getLogger("aqi_service").setLevel(level.upper())


def log_what_nobody_caught() -> None:
    """Log uncaught errors of the process, of threads, and of objects' destructors."""

    def died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("died", exc_info=(kind, error, trace))

    def thread_died(of: threading.ExceptHookArgs) -> None:
        log.critical("thread_died", exc_info=of.exc_value)

    def lost(of: "sys.UnraisableHookArgs") -> None:
        told = of.err_msg or "raised where nobody could catch it"
        log.error("error_in_destructor", extra={"error": told}, exc_info=of.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = died, thread_died, lost


def say(
    event: str, sentence: str, facts: Mapping[str, object] | None = None, *, level: int = logging.INFO
) -> None:
    """Write a sentence for a person to stderr, at any log level; in JSON with its event and facts."""
    extra = {**(facts or {}), "sentence": sentence}
    _STDERR.handle(log.makeRecord(log.name, level, "", 0, event, (), None, extra=extra))


use_form("text")
