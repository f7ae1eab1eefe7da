"""The log's form: text or JSON lines on stderr, times in UTC.

One rule: a line is an event name with facts as fields; one line a load, one a failed connection. What a peer
sent cannot look like a line of its own, nor move a terminal's cursor.
"""

import json
import logging
import sys
import time
from contextlib import suppress

TIME = "%Y-%m-%dT%H:%M:%SZ"
ERASE_LINE = "\r\033[K"
"""Takes away what a terminal shows of the current line, such as a ProgressLine."""

_CONTROL = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_VISIBLE = {code: repr(chr(code))[1:-1] for code in _CONTROL}


def visible(text: str) -> str:
    """Return the text on one line: control characters as Python would write them."""
    return text.translate(_VISIBLE)


class _Text(logging.Formatter):
    """One line, and below it, indented, the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger and message, and the traceback's lines."""
        head = f"{self.formatTime(record, TIME)} {record.levelname:<7} {record.name} {record.getMessage()}"
        trace = self.formatException(record.exc_info).split("\n") if record.exc_info else ()
        return "\n    ".join(map(visible, (head, *trace)))


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, message and, where there is one, the traceback."""
        line = {
            "time": self.formatTime(record, TIME),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _OnTerminal(logging.StreamHandler):  # type: ignore[type-arg]  # no such argument before Python 3.12
    """Writes over what a ProgressLine left on the terminal; the next progress shows below."""

    def format(self, record: logging.LogRecord) -> str:
        """Write what takes the line away, then the record."""
        return ERASE_LINE + super().format(record)


def configure(form: str, level: str) -> None:
    """Send this program's log to stderr; libraries only speak up from warnings on."""
    handler = (_OnTerminal if sys.stderr.isatty() else logging.StreamHandler)(sys.stderr)
    formatter = _Json() if form == "json" else _Text()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("aqi_service").setLevel(level.upper())


def say(text: str) -> None:
    """Write a line for a person to stderr; that nobody reads it costs nothing else."""
    with suppress(OSError, ValueError):  # ValueError: it is closed
        print(visible(text), file=sys.stderr, flush=True)
