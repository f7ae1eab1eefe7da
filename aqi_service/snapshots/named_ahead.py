"""Logs snapshots that are named ahead of the clock.

One rule: such snapshots count for nothing, and nothing of them is deleted.
"""

import logging
from collections.abc import Sequence

log = logging.getLogger("aqi_service")

MOST_NAMES = 5
"""Most names in one line."""


def tell_ahead(names: Sequence[str]) -> None:
    """Log the names of snapshots that count for nothing, since a wrong clock named them; at most a few."""
    if not names:
        return
    some = ",".join(names[:MOST_NAMES]) + (",..." if len(names) > MOST_NAMES else "")
    hint = "their names are ahead of this machine's clock; they count for nothing until it gets there"
    log.warning("snapshots_ahead", extra={"count": len(names), "names": some, "hint": hint})
