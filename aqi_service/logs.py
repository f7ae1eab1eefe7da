"""The log's form: text or JSON lines on stderr, times in UTC.

One rule: a line is an event name with facts as fields; one line a load, one a failed connection.
"""

import json
import logging
import sys
import time

TEXT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
TIME = "%Y-%m-%dT%H:%M:%SZ"


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
        return json.dumps(line, ensure_ascii=False)


def configure(form: str, level: str) -> None:
    """Send this program's log to stderr; libraries only speak up from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _Json() if form == "json" else logging.Formatter(TEXT, TIME)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("aqi_service").setLevel(level.upper())
