"""The lease, as a port: who may load the live feed into a table, and what is asked before each request then.

One rule: a guard raises LeaseLost when nothing further may be asked; it waits for nothing.
"""

from collections.abc import Callable
from typing import Protocol

from aqi_service.errors import LeaseLost

LEASE_SECONDS = 30.0
"""How long a lease stands without renewal before another may take it over."""

RENEW_SECONDS = 10.0
"""Time between two renewals."""


class Lease(Protocol):
    """Who may load the live feed into a table: at most one holder at a time."""

    async def take(self) -> str | None:
        """Try once to take the lease, or to take it over; return None if it is ours now, else its holder."""

    async def renew(self) -> None:
        """Prolong it; raises LeaseLost when another holds it, or it vanished."""

    async def release(self) -> None:
        """Give it back if it is ours; `check` raises from then on."""

    def check(self) -> None:
        """Raise LeaseLost unless it is certainly ours now; called before each request that relies on it.

        Waits for nothing and may be called on any thread. A request that it let go may still be on its way
        when the lease ends: the time between is a part of the lease that its holder does not use.
        """


def still_held(check: Callable[[], None]) -> bool:
    """Tell whether `Lease.check` lets a request go now."""
    try:
        check()
    except LeaseLost:
        return False
    return True


def no_guard() -> None:
    """Let every request go: the guard of writes that need no lease."""
