"""The lease as a port: who may load the live feed into a table, and the check before each request.

One rule: a guard raises LeaseLost if no more requests are allowed; it never waits.
"""

from collections.abc import Callable
from typing import Protocol

from aqi_service.errors import LeaseLost

LEASE_SECONDS = 30.0
"""Seconds that a lease lasts without renewal before another may take it over."""

RENEW_SECONDS = 10.0
"""Seconds between two renewals."""


class Lease(Protocol):
    """The right to load the live feed into a table: at most one holder at a time."""

    async def take(self) -> str | None:
        """Try once to take the lease, or to take it over; return None if it is ours now, else its holder."""

    async def renew(self) -> None:
        """Renew it; raises LeaseLost if another holds it, or it vanished."""

    async def release(self) -> None:
        """Give it back if it is ours; `check` raises from then on."""

    def check(self) -> None:
        """Raise LeaseLost unless it is certainly ours now; called before each request that relies on it.

        It never waits, and may be called on any thread. A request that it let go may still be under way when
        the lease would end: for that, the last part of a lease is not used by its holder.
        """


def still_held(check: Callable[[], None]) -> bool:
    """Tell whether `Lease.check` allows a request now."""
    try:
        check()
    except LeaseLost:
        return False
    return True


def no_guard() -> None:
    """Allow every request: the guard for writes that need no lease."""
