"""Times as text: the feed's timestamps, and the forms that a person types.

One rule: everything is UTC, and everything is epoch seconds inside.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

HOUR, DAY = 3600, 86_400
EARLIEST = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp())
"""No sensor of the network measured before 2010: an earlier timestamp comes from a clock that was never
set."""

_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_ZONE = r"Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]"
_FEED = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_CLOCK}:([0-5][0-9])(?:\.[0-9]{{1,9}})?({_ZONE})?"
)
_HTTP = re.compile(rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ([A-Z][a-z]{{2}}) ([0-9]{{4}}) {_CLOCK}:([0-5][0-9]) GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TYPED = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:[ T]{_CLOCK}Z?)?")


def feed_time(text: object) -> int | None:
    """Read `2023-12-20 17:00:00`, or with a T, as epoch seconds; None for anything else.

    A fraction of a second (up to 9 digits) is dropped. `Z` or an offset (`+01:00`, `+0100`) may follow;
    without one it is UTC.
    """
    match = _FEED.fullmatch(text) if type(text) is str else None
    if match is None:
        return None
    day, hour, minute, second, zone = match.groups()
    midnight = _midnight(day)
    if midnight is None:
        return None
    return midnight + 3600 * int(hour) + 60 * int(minute) + int(second) - (_offset(zone) if zone else 0)


def day_of(seconds: int) -> str:
    """Write the day of epoch seconds as `2023-12-20`, in UTC."""
    return _day(seconds // DAY)


def is_old(newest: int, snapshot_time: int) -> bool:
    """Tell whether a snapshot's newest record is over a day older than the snapshot's time."""
    return snapshot_time - newest > DAY


def typed_time(text: str) -> int | None:
    """Read `2023-12-20`, `2023-12-20T18:55` or with `Z` as epoch seconds; None for anything else."""
    match = _TYPED.fullmatch(text)
    midnight = _midnight(match[1]) if match else None
    if match is None or midnight is None:
        return None
    return midnight + 3600 * int(match[2] or 0) + 60 * int(match[3] or 0)


def http_time(text: str) -> int | None:
    """Read `Wed, 20 Dec 2023 18:55:00 GMT` as epoch seconds; None for anything else (RFC 9110, 5.6.7)."""
    match = _HTTP.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    midnight = _midnight(f"{match[3]}-{_MONTHS.index(match[2]) + 1:02}-{match[1]}")
    return None if midnight is None else midnight + 3600 * int(match[4]) + 60 * int(match[5]) + int(match[6])


def iso(seconds: float) -> str:
    """Write epoch seconds as `2023-12-20T18:55:00Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()[:19] + "Z"  # strftime writes the year 1 as 1


@lru_cache(maxsize=4096)
def _midnight(day: str) -> int | None:
    try:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY, UTC).isoformat()[:10]


@lru_cache(maxsize=4096)
def _offset(zone: str) -> int:
    """Return how many seconds a clock of this zone is ahead of UTC."""
    if zone == "Z":
        return 0
    seconds = 3600 * int(zone[1:3]) + 60 * int(zone[-2:])
    return -seconds if zone[0] == "-" else seconds
