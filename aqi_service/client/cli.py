"""The command `aqi-client`: its command line, checked before anything is sent.

Rule: every way it ends is an exit code and at most a sentence on stderr, never a traceback.
"""

import argparse
import codecs
import contextlib
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

from aqi_service import __version__
from aqi_service.client.interrupt import EXIT_CODE, raise_at_interrupt
from aqi_service.client.options import QUESTION_OPTIONS, ClientOptions, Question, Tls
from aqi_service.client.stdio import abandon_both, abandon_stdout, print_error
from aqi_service.core.frames import checked_id
from aqi_service.errors import BadId, BadQuestion, ConfigError

_ENDS = """
exit codes: 0 all found; 1 some id, sensor or place not found; 2 bad usage, or no id on some line of standard
input; 3 no connection, time-out, Busy, Unavailable, a broken reply, or output that cannot be written
"""


_SWITCHES = (
    {"": False} | dict.fromkeys(("0", "false", "no"), False) | dict.fromkeys(("1", "true", "yes"), True)
)


class _UsageError(Exception):
    """A command line that cannot be served; the text is the sentence for stderr."""


class _Parser(argparse.ArgumentParser):
    """Argparse, with one sentence instead of the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message}; --help shows how it is used")


def main(argv: Sequence[str] | None = None) -> int:
    """Look up the ids of the command line and give the exit code; 130 after Ctrl-C."""
    try:
        asked = parse(argv)
        from aqi_service.client.output import run  # noqa: PLC0415 - asyncio takes longer than all of --help

        raise_at_interrupt()
        return run(asked)
    except (_UsageError, BadId, BadQuestion, ConfigError) as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        abandon_both()
        return EXIT_CODE
    except SystemExit as end:  # --help, --version
        return _after_help(int(end.code or 0))


def parse(argv: Sequence[str] | None) -> ClientOptions:
    """Read and check the command line, the environment, and ids on standard input.

    Raises BadId and _UsageError, and SystemExit after --help and --version.
    """
    given = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    question = _question(given)
    ids, left_out = _ids(given.ids)
    if not (ids or left_out or question):
        raise _UsageError("there is no id on standard input")
    saves_unasked = "-" not in given.ids and question is None
    wants_files = not given.no_save and (given.output_dir is not None or saves_unasked)
    folder = (given.output_dir if given.output_dir is not None else ".") if wants_files else None
    return ClientOptions(
        tuple(ids),
        given.host,
        given.port,
        given.timeout,
        folder,
        given.format,
        _tls(given),
        asked_for_files=given.output_dir is not None,
        left_out=tuple(left_out),
        question=question,
    )


def _joined(argv: Sequence[str]) -> list[str]:
    """Put `--near -33.9,151.2` together by `=`: argparse takes such a place for an option."""
    joined: list[str] = []
    for text in argv:
        if joined and joined[-1] in _PLACED and _SOUTH_OR_WEST.match(text):
            joined[-1] += f"={text}"
        else:
            joined.append(text)
    return joined


_PLACED = ("--near", "--box", "--area")
_SOUTH_OR_WEST = re.compile(r"-[0-9.]")


def _question(given: argparse.Namespace) -> Question | None:
    """Read what is asked beside ids; raises _UsageError and BadQuestion."""
    options = {name: getattr(given, name) for name in QUESTION_OPTIONS}
    question = None
    if any(value not in (None, False) for value in options.values()):
        from aqi_service.client.questions import question_of  # noqa: PLC0415 - an id needs none of it

        question = question_of(options)
    if question is None and not given.ids:
        kinds = "--sensor, --near, --box, --country, --area, --history or --days"
        raise _UsageError(
            f"the following arguments are required: ID, or {kinds}; --help shows how it is used"
        )
    if question is not None and given.ids:
        raise _UsageError(
            f"a record's id ({given.ids[0][:40]!r}) and --{question.kind} are two questions; ask one"
        )
    return question


def _tls(given: argparse.Namespace) -> Tls | None:
    """Tell whether TLS is to be spoken, which any of its files implies, and with which of them."""
    ca, cert, key = given.tls_ca or None, given.tls_cert or None, given.tls_key or None
    if key and not cert:
        raise _UsageError("--tls-key needs --tls-cert; --help shows how it is used")
    return Tls(ca, cert, key) if given.tls or ca or cert else None


def _parser() -> _Parser:
    env = os.environ.get
    parser = _Parser(
        prog="aqi-client",
        description="Look up air-quality records by id: CSV on standard output, and a file data_ID.csv each.",
        epilog=_ENDS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("ids", nargs="*", metavar="ID", help="a record's id, 1 to 20 digits; - reads ids from standard input")
    add("--host", default=env("AQI_SERVER_HOST") or "127.0.0.1", help="AQI_SERVER_HOST; default 127.0.0.1")
    port = env("AQI_SERVER_PORT") or "12000"
    add("--port", default=port, type=_port, help="AQI_SERVER_PORT; default 12000")
    tls = _switch("AQI_SERVER_TLS")
    add("--tls", action="store_true", default=tls, help="speak TLS; AQI_SERVER_TLS=1; the others imply it")
    add("--tls-ca", metavar="FILE", default=env("AQI_SERVER_TLS_CA"),
        help="authorities to trust; AQI_SERVER_TLS_CA; default the system's")  # fmt: skip
    add("--tls-cert", metavar="FILE", default=env("AQI_SERVER_TLS_CERT"),
        help="certificate to show; AQI_SERVER_TLS_CERT")  # fmt: skip
    add("--tls-key", metavar="FILE", default=env("AQI_SERVER_TLS_KEY"),
        help="its key; AQI_SERVER_TLS_KEY; default in the file of --tls-cert")  # fmt: skip
    add(
        "--timeout",
        default=30.0,
        type=_seconds,
        metavar="SECONDS",
        help="for each reply, and to ask a busy server again; default 30",
    )
    add("--output-dir", metavar="DIR",
        help="where files are saved; default here for ids, else nowhere")  # fmt: skip
    add("--no-save", action="store_true", help="save no files")
    add("--format", choices=("csv", "json", "table"), default="csv",
        help="of standard output; json: an object a line; table: for people")  # fmt: skip
    _add_questions(parser)
    return parser


def _add_questions(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "by sensor, by place, over time",
        "PLACE is LAT,LON or a city's name, which may end in ,CC; T is 2023-12-20 or 2023-12-20T18:55, UTC",
    ).add_argument
    add("--sensor", metavar="ID", help="a sensor's newest record")
    add("--near", metavar="PLACE", help="the sensors nearest to it")
    add("-n", metavar="N", dest="number", help="how many; default 5, at most 100")
    add("--box", metavar="S,W,N,E", help="the sensors in a box, in degrees")
    add("--country", metavar="CC", help="the sensors of a country")
    add("--area", metavar="PLACE", help="medians and index of the sensors around it")
    add("--km", metavar="K", help="within so many kilometres, 0.1 to 100")
    add("--history", metavar="ID", help="a sensor's records; default of the last 7 days")
    add("--days", metavar="ID", nargs="?", const="",
        help="a sensor's days, default the last 30; without ID of all sensors of the place")  # fmt: skip
    add("--since", metavar="T", help="of --history and --days")
    add("--until", metavar="T", help="likewise; default now")
    add("--indoor", action="store_true", help="indoor sensors as well")
    add("--clean", action="store_true", help="no sensors that are flagged stale, high or low")
    add("--scale", metavar="NAME", help="daqi or us-epa; default what the server scores on")


def _ids(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the ids as typed, those of standard input in the place of `-`, and sentences on its other texts.

    Raises BadId for another text on the command line, which a person has just typed.
    """
    ids: list[str] = []
    left_out: list[str] = []
    for text in given:
        if text != "-":
            ids.append(checked_id(text))
            continue
        for number, word in _words_of_stdin():
            try:
                ids.append(checked_id(word))
            except BadId as error:
                left_out.append(f"standard input, line {number}: {error}; left out")
    return ids, left_out


def _words_of_stdin() -> Iterator[tuple[int, str]]:
    """Give each word with the number of its line; raises _UsageError for an input that cannot be read."""
    if sys.stdin is not None:
        try:
            data = sys.stdin.buffer.read()
        except OSError as error:
            raise _UsageError(f"standard input cannot be read: {error.strerror}") from error
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell's `>` writes
            data = data.decode("utf-16", "replace").encode()
        for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
            yield from ((number, word) for word in line.decode("utf-8", "replace").split())


def _switch(name: str) -> bool:
    text = os.environ.get(name, "").lower()
    if text not in _SWITCHES:
        raise _UsageError(f"{name}={text[:40]!r} is neither 1, true or yes nor 0, false or no")
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


def _after_help(code: int) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    return code
