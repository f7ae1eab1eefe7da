"""Ctrl-C before and after a command's own work: exit code 130, without a word.

One rule: only a command asks for this, no library; and who was started with SIGINT ignored goes on doing so.
"""

import os
import signal
from collections.abc import Callable

EXIT_CODE = 130
"""128 and the number of SIGINT, as shells tell of it."""


def leave_at_interrupt() -> None:
    """Let SIGINT end the process at once, until something else listens to it.

    For as long as nothing is held that would have to be given back: while modules are imported, and while the
    interpreter ends. Python's own handler would raise KeyboardInterrupt there, which nobody catches.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_at_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt again, where work begins that ends in order."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run_and_leave(main: Callable[[], int]) -> int:
    """Run a command's work and give its exit code; from its end on SIGINT ends the process at once."""
    try:
        code = main()
        leave_at_interrupt()
    except KeyboardInterrupt:
        return EXIT_CODE
    return code


def _leave(*_: object) -> None:
    os._exit(EXIT_CODE)
