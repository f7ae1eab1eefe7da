"""Ctrl-C and SIGTERM while a command works, and before and after that: its end, at once, without a word.

One rule: only a command asks for this, no library; and a signal that was ignored at its start stays ignored.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # typing takes as long to import as all else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

EXIT_CODE = 130
"""128 and the number of SIGINT, as shells tell of it."""


def leave_at_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once, until something else listens to them.

    For as long as nothing is held that would have to be given back: while modules are imported, and while the
    interpreter ends. Python's own handler of SIGINT raises KeyboardInterrupt, which nobody catches then;
    SIGTERM has none, and Linux keeps it from the first process of a container that does not listen itself.
    """
    for number, usual in (
        (signal.SIGINT, (signal.default_int_handler, _raise)),
        (signal.SIGTERM, (signal.SIG_DFL,)),
    ):
        if signal.getsignal(number) in usual:
            signal.signal(number, _leave)


def hold_hangup() -> None:
    """Let SIGHUP wait until `heed_hangup`: a daemon that does not listen to it yet would be ended by it.

    The kernel keeps one that comes meanwhile, also for the first process of a container.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))


def heed_hangup() -> None:
    """Let SIGHUP through, the one that waited first: to whoever listens to it, else to end the process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))


def raise_at_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt again, where work begins that ends in order.

    By a handler of our own: asyncio puts its own in the place of Python's, and that one only asks the event
    loop, which may be held up by a reader of stdout who does not read.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, _raise)


def run_and_leave(main: Callable[[], int]) -> int:
    """Run a command's work and give its exit code; from its end on a signal ends the process at once."""
    try:
        code = main()
        leave_at_signals()
    except KeyboardInterrupt:
        return EXIT_CODE
    return code


def _raise(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _leave(number: int, _frame: object) -> None:
    if number == signal.SIGINT:
        os._exit(EXIT_CODE)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # as whoever waits for the process expects it to end by SIGTERM
    os._exit(128 + number)  # but to the first process of a container that does nothing
