"""The client's door: `Client` for programs, `command` for people (`python -m aqi_service.client`).

Rule: nothing is imported before it is used; asyncio alone takes longer than the whole of `--help`.
"""

import sys

from aqi_service.client.interrupt import leave_at_signals, run_and_leave
from aqi_service.client.old_python import EXIT_CODE, too_old

TYPE_CHECKING = False  # typing takes as long to import as all else here
if TYPE_CHECKING:
    from aqi_service.client.cli import main
    from aqi_service.client.client import Client, Record

__all__ = ["Client", "Record", "main"]


def __getattr__(name: str) -> object:
    """Import what one of the names stands for when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "main":
        from aqi_service.client import cli as client_cli  # noqa: PLC0415 - this module's one rule

        return client_cli.main
    from aqi_service.client import client as client_session  # noqa: PLC0415 - likewise

    return getattr(client_session, name)


def command() -> int:
    """Run `aqi-client`; Ctrl-C and SIGTERM end it without a word also while it is still being imported."""
    leave_at_signals()
    if wrong := too_old("aqi-client"):
        print(wrong, file=sys.stderr)
        return EXIT_CODE
    from aqi_service.client.cli import main  # noqa: PLC0415 - takes a moment in which Ctrl-C may come

    return run_and_leave(main)
