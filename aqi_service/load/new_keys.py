"""Keys that the feed's records have and this program does not know: each is told of once, in the log.

One rule: a new key costs speed, never a record; but somebody should know that it is there.
"""

import logging

log = logging.getLogger("aqi_service")

MOST_TOLD = 20
"""Keys that a process tells of: a document may bring as many as it likes."""

_told: set[str] = set()


def tell_new_key(key: str | None) -> None:
    """Name in the log a key of a record, with where it is, unless this process has done so already."""
    if key is None or key in _told or len(_told) >= MOST_TOLD:
        return
    _told.add(key)
    hint = "records with it are read the careful way, which takes longer"
    log.warning("feed_key_new", extra={"key": key, "hint": hint})
