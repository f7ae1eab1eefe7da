"""The options of `aqi-client`, each declared once, with its variable, default and help.

One rule: this file checks the text of each option; `cli` decides what options mean together.
"""

import argparse
import contextlib
import math
import os
from typing import Any, NoReturn

from aqi_service import __version__

_ENDS = """
exit codes: 0 all found; 1 some id, sensor or place not found; 2 bad usage, or a line of standard input that
is no id; 3 no connection, time-out, Busy, Unavailable, a broken reply, or output that cannot be written
"""


_SWITCHES = (
    {"": False} | dict.fromkeys(("0", "false", "no"), False) | dict.fromkeys(("1", "true", "yes"), True)
)


class UsageError(Exception):
    """A command line that cannot be used; the text is the sentence for stderr."""


class _Parser(argparse.ArgumentParser):
    """Argparse, but its errors are one sentence without the usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help shows how it is used")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Ignore output that nobody reads, as argparse does by itself in versions later than Debian 12's."""
        with contextlib.suppress(OSError):
            super()._print_message(message, file)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it raises UsageError for one that cannot be used."""
    env = os.environ.get
    parser = _Parser(
        prog="aqi-client",
        description="Look up air-quality records by id: CSV on standard output, a file data_ID.csv for each.",
        epilog=_ENDS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("ids", nargs="*", metavar="ID", help="a record's id, 1 to 20 digits; - reads ids from standard input")
    add(
        "--host",
        default=env("AQI_SERVER_HOST") or "127.0.0.1",
        help="the server's address; AQI_SERVER_HOST; default 127.0.0.1",
    )
    port = env("AQI_SERVER_PORT") or "12000"
    add("--port", default=port, type=_port, help="the server's port; AQI_SERVER_PORT; default 12000")
    tls = _switch("AQI_SERVER_TLS")
    add(
        "--tls",
        action="store_true",
        default=tls,
        help="speak TLS; AQI_SERVER_TLS=1; --tls-ca and --tls-cert imply it",
    )
    add("--tls-ca", metavar="FILE", default=env("AQI_SERVER_TLS_CA"),
        help="authorities to trust; AQI_SERVER_TLS_CA; default: the system's")  # fmt: skip
    add("--tls-cert", metavar="FILE", default=env("AQI_SERVER_TLS_CERT"),
        help="certificate to show; AQI_SERVER_TLS_CERT")  # fmt: skip
    add("--tls-key", metavar="FILE", default=env("AQI_SERVER_TLS_KEY"),
        help="the certificate's key; AQI_SERVER_TLS_KEY; default: in the file of --tls-cert")  # fmt: skip
    add(
        "--timeout",
        default=30.0,
        type=_seconds,
        metavar="SECONDS",
        help="how long to wait for each reply, and to ask a busy server again; default 30",
    )
    add("--output-dir", metavar="DIR",
        help="save files there; default: the current folder for ids, else nowhere")  # fmt: skip
    add("--no-save", action="store_true", help="save no files")
    add("--format", choices=("csv", "json", "table"), default="csv",
        help="form of standard output; json: one object a line; table: for people")  # fmt: skip
    _add_questions(parser)
    return parser


def _add_questions(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "by sensor, by place, over time",
        "PLACE is LAT,LON or a city's name, which may end in ,CC; T is 2023-12-20 or 2023-12-20T18:55, UTC",
    ).add_argument
    add("--sensor", metavar="ID", help="a sensor's newest record")
    add("--near", metavar="PLACE", help="the nearest sensors")
    add("-n", metavar="N", dest="number", help="how many for --near; default 5, at most 100")
    add("--box", metavar="S,W,N,E", help="the sensors in a box, in degrees")
    add("--country", metavar="CC", help="the sensors of a country")
    add("--area", metavar="PLACE", help="medians and index of the sensors around it")
    add("--km", metavar="K", help="radius of --area, 0.1 to 100 kilometres")
    add("--history", metavar="ID", help="a sensor's records; default: the last 7 days")
    add("--days", metavar="ID", nargs="?", const="",
        help="a sensor's days; default: the last 30; without ID: the days of all sensors of --near, --box or "
        "--country")  # fmt: skip
    add("--since", metavar="T", help="start of --history and --days")
    add("--until", metavar="T", help="end of --history and --days; default: now")
    add("--indoor", action="store_true", help="indoor sensors as well")
    add("--clean", action="store_true", help="leave out sensors with the flags stale, high or low")
    add("--scale", metavar="NAME", help="daqi or us-epa; default: the scale of the server")


def _switch(name: str) -> bool:
    text = os.environ.get(name, "").lower()
    if text not in _SWITCHES:
        raise UsageError(f"{name}={text[:40]!r} is neither 1, true or yes nor 0, false or no")
    return _SWITCHES[text]


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no port from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds above 0")
