"""The client's standard streams: a sentence on stderr, and an end to stdout when nobody reads it.

Rule: a stream that is closed or broken ends nothing.
"""

import contextlib
import os
import sys

from aqi_service.core.redaction import printable


def print_error(sentence: str) -> None:
    """Say what went wrong on stderr, if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(printable(f"aqi-client: {sentence}"), file=sys.stderr)


def abandon_stdout() -> None:
    """Let what Python still holds for stdout vanish, or it would complain of it at its own end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
