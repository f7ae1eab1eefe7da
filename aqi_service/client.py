"""The client's door: `Client` for programs, `main` for the command line (`python -m aqi_service.client`).

Rule: nothing is imported before it is used; asyncio alone takes longer than the whole of `--help`.
"""

import sys
from typing import TYPE_CHECKING

from aqi_service.client_cli import main

if TYPE_CHECKING:
    from aqi_service.client_session import Client, Record

__all__ = ["Client", "Record", "main"]


def __getattr__(name: str) -> object:
    """Import the library when one of its names is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aqi_service import client_session  # noqa: PLC0415 - this module's one rule

    return getattr(client_session, name)


if __name__ == "__main__":
    sys.exit(main())
