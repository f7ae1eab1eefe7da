"""Keys of the feed's records that this program does not know: each is logged once.

One rule: a new key costs speed, never a record, but somebody should know about it.
"""

import logging

log = logging.getLogger("aqi_service")

MOST_TOLD = 20
"""Most keys that a process logs: a document may have any number of them."""

_told: set[str] = set()


def tell_new_key(key: str | None) -> None:
    """Log a record's key with its place in the record, unless this process has already done so."""
    if key is None or key in _told or len(_told) >= MOST_TOLD:
        return
    _told.add(key)
    hint = "records with it are read the careful way, which takes longer"
    log.warning("feed_key_new", extra={"key": key, "hint": hint})
