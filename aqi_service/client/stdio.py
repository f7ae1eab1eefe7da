"""The client's standard streams: a sentence on stderr, and their end when nobody reads.

Rule: a closed or broken stream never stops the program.
"""

import contextlib
import os
import sys

from aqi_service.core.redaction import printable


def print_error(sentence: str) -> None:
    """Print what went wrong to stderr, if there is a working one."""
    if sys.stderr is not None:
        try:
            print(printable(f"aqi-client: {sentence}"), file=sys.stderr)
        except OSError:  # or Python would try again at its own end, and that would be the exit code
            with contextlib.suppress(OSError, ValueError):
                _abandon(sys.stderr.fileno())


def abandon_stdout() -> None:
    """Drop what Python still holds for stdout: otherwise it would complain at its own end."""
    _abandon(sys.stdout.fileno())


def abandon_both() -> None:
    """Drop what Python still holds for stdout and stderr: otherwise it would wait for a reader at its end."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # it has no descriptor
                _abandon(stream.fileno())


def _abandon(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
