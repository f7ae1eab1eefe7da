"""Ctrl-C and SIGTERM end a command immediately and silently: while it works, before, and after.

One rule: only commands use this, no library; and a signal that was ignored at the start stays ignored.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # typing takes as long to import as all else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

EXIT_CODE = 130
"""128 plus the number of SIGINT, as shells report it."""


def leave_at_signals() -> None:
    """Let SIGINT and SIGTERM end the process immediately, until something else listens to them.

    This is for times when nothing must be given back: while modules are imported, and while the interpreter
    ends. Python's own handler of SIGINT raises KeyboardInterrupt, which nobody catches then. SIGTERM has no
    handler, and Linux does not deliver it to the first process of a container unless it listens.
    """
    for number, usual in (
        (signal.SIGINT, (signal.default_int_handler, _raise)),
        (signal.SIGTERM, (signal.SIG_DFL,)),
    ):
        if signal.getsignal(number) in usual:
            signal.signal(number, _leave)


def hold_hangup() -> None:
    """Let SIGHUP wait until `heed_hangup`: it would end a daemon that does not listen yet.

    The kernel keeps a signal that comes meanwhile, also for the first process of a container.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))


def heed_hangup() -> None:
    """Let SIGHUP through, also one that waited: to its listener, or else to end the process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))


def raise_at_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt again, before work that ends in order.

    This is a handler of our own: asyncio replaces Python's by one that only asks the event loop, and a reader
    of stdout who does not read may hold that up.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, _raise)


def run_and_leave(main: Callable[[], int]) -> int:
    """Run a command's work and return its exit code; after that a signal ends the process immediately."""
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
    os.kill(os.getpid(), number)  # as a parent process expects an end by SIGTERM
    os._exit(128 + number)  # but to the first process of a container that does nothing
