"""The client's door: `Client` for programs, `command` for people (`python -m aqi_service.client`).

Rule: nothing is imported before it is used; the import of asyncio alone takes longer than the whole of
`--help`.
"""

import sys

from aqi_service.client.interrupt import leave_at_signals, run_and_leave
from aqi_service.client.old_python import EXIT_CODE, too_old

TYPE_CHECKING = False  # typing takes as long to import as all else here
if TYPE_CHECKING:
    from aqi_service.client.choice import Choice
    from aqi_service.client.cli import main
    from aqi_service.client.client import Client
    from aqi_service.client.csv_text import Record
    from aqi_service.client.rows import Area, Day, Measurement, Place

__all__ = ["Area", "Choice", "Client", "Day", "Measurement", "Place", "Record", "main"]

_HOMES = {
    "main": "cli",
    "Choice": "choice",
    "Client": "client",
    "Record": "csv_text",
    **dict.fromkeys(("Area", "Day", "Measurement", "Place"), "rows"),
}
"""The modules in which these names are defined."""


def __getattr__(name: str) -> object:
    """Import one of the names when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - this module's one rule

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def command() -> int:
    """Run `aqi-client`; Ctrl-C and SIGTERM end it silently, also while it is still being imported."""
    leave_at_signals()
    if wrong := too_old("aqi-client"):
        print(wrong, file=sys.stderr)
        return EXIT_CODE
    from aqi_service.client.cli import main  # noqa: PLC0415 - takes a moment in which Ctrl-C may come

    return run_and_leave(main)
