"""Snapshots that are named ahead of the clock: told of in the log.

One rule: they count for nothing, and nothing of them is deleted.
"""

import logging
from collections.abc import Sequence

log = logging.getLogger("aqi_service")

MOST_NAMES = 5
"""How many names one line has."""


def tell_ahead(names: Sequence[str]) -> None:
    """Name in the log snapshots that count for nothing, since a wrong clock named them; of many a few."""
    if not names:
        return
    some = ",".join(names[:MOST_NAMES]) + (",..." if len(names) > MOST_NAMES else "")
    hint = "their names are ahead of this machine's clock; they count for nothing until it gets there"
    log.warning("snapshots_ahead", extra={"count": len(names), "names": some, "hint": hint})
