"""The command `aqi-client`: its command line, read and checked before anything is sent.

Rule: it always ends with an exit code and at most one sentence on stderr, never with a traceback.
"""

import argparse
import codecs
import re
import sys
from collections.abc import Iterator, Sequence

from aqi_service.client.arguments import UsageError, parser
from aqi_service.client.interrupt import EXIT_CODE, raise_at_interrupt
from aqi_service.client.options import QUESTION_OPTIONS, ClientOptions, Question, Tls
from aqi_service.client.stdio import abandon_both, abandon_stdout, print_error
from aqi_service.core.frames import checked_id
from aqi_service.errors import BadId, BadQuestion, ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Look up the ids of the command line and return the exit code; 130 after Ctrl-C."""
    try:
        asked = parse(argv)
        from aqi_service.client.output import run  # noqa: PLC0415 - asyncio takes longer than all of --help

        raise_at_interrupt()
        return run(asked)
    except (UsageError, BadId, BadQuestion, ConfigError) as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        abandon_both()
        return EXIT_CODE
    except SystemExit as end:  # --help, --version
        return _after_help(int(end.code or 0))


def parse(argv: Sequence[str] | None) -> ClientOptions:
    """Read and check the command line, the environment, and ids on standard input.

    Raises BadId and UsageError, and SystemExit after --help and --version.
    """
    given = parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    question = _question(given)
    ids, left_out = _ids(given.ids)
    if not (ids or left_out or question):
        raise UsageError("there is no id on standard input")
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
    """Join `--near -33.9,151.2` by `=`: argparse takes such a place for an option."""
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
    """Read the question, if there is one; raises UsageError and BadQuestion."""
    options = {name: getattr(given, name) for name in QUESTION_OPTIONS}
    question = None
    if any(value not in (None, False) for value in options.values()):
        from aqi_service.client.questions import question_of  # noqa: PLC0415 - an id needs none of it

        question = question_of(options)
    if question is None and not given.ids:
        kinds = "--sensor, --near, --box, --country, --area, --history or --days"
        raise UsageError(f"the following arguments are required: ID, or {kinds}; --help shows how it is used")
    if question is not None and given.ids:
        raise UsageError(
            f"a record's id ({given.ids[0][:40]!r}) and --{question.kind} are two questions; ask one"
        )
    return question


def _tls(given: argparse.Namespace) -> Tls | None:
    """Return the files of TLS; None if TLS is not used. Authorities or a certificate imply TLS."""
    ca, cert, key = given.tls_ca or None, given.tls_cert or None, given.tls_key or None
    if key and not cert:
        raise UsageError("--tls-key needs --tls-cert; --help shows how it is used")
    return Tls(ca, cert, key) if given.tls or ca or cert else None


def _ids(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the ids as typed, with those of standard input instead of `-`, and sentences on its other texts.

    Raises BadId for another text on the command line, since a person has just typed it.
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
    """Give each word with the number of its line; raises UsageError if the input cannot be read."""
    if sys.stdin is not None:
        try:
            data = sys.stdin.buffer.read()
        except OSError as error:
            raise UsageError(f"standard input cannot be read: {error.strerror}") from error
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell's `>` writes
            data = data.decode("utf-16", "replace").encode()
        for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
            yield from ((number, word) for word in line.decode("utf-8", "replace").split())


def _after_help(code: int) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    return code
