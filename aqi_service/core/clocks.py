"""Whether the wall clock can be right, what ages count from, and which snapshots a wrong one named.

One rule: nothing is deleted, or called absent, because of what one clock alone says.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from aqi_service import __released__
from aqi_service.core.snapshot_names import parse_name
from aqi_service.core.times import iso
from aqi_service.errors import ClockOff

TOLERANCE = 3600.0
"""Seconds by which two clocks may differ, and a snapshot may be named later than now."""

RELEASED = datetime.fromisoformat(__released__).replace(tzinfo=UTC).timestamp()
"""When this version was made, epoch seconds: a clock that says an earlier time is wrong."""

NAMED_UNTIL = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""From then on (epoch seconds) a snapshot's name, whose year has two digits, would mean a past year."""


def clock_trouble(now: float, released: float = RELEASED, heard: float | None = None) -> str | None:
    """Return why the clock that says `now` cannot be right; None if it may be (all in epoch seconds).

    `heard` is what a second clock says at the same moment, or None.
    """
    ours = f"clock_off: this machine's clock says {_shown(now)}"
    if now < released:
        return f"{ours}, which is before this program was made: set it"
    if now >= NAMED_UNTIL:
        return f"{ours}, which no snapshot's name can hold: set it"
    if heard is not None and abs(now - heard) > TOLERANCE:
        return f"{ours}, the source's {_shown(heard)}: set the one that is wrong"
    return None


def check_clock(now: float, released: float = RELEASED, heard: float | None = None) -> None:
    """Raise ClockOff where `clock_trouble` has a reason."""
    if trouble := clock_trouble(now, released, heard):
        raise ClockOff(trouble)


def check_time(snapshot_time: float, now: float) -> None:
    """Raise ClockOff if a snapshot's time (epoch seconds) is ahead of `now`."""
    if is_ahead(snapshot_time, now):
        raise ClockOff(
            f"clock_off: the snapshot is of {_shown(snapshot_time)}, and this machine's clock says "
            f"{_shown(now)}: set the clock, or give the snapshot its own time"
        )


def check_records(ahead: int, dated: int, now: float) -> None:
    """Raise ClockOff if most of the `dated` records are over a day ahead of `now` (epoch seconds).

    A few records may be wrong by themselves. If most are, then the source's clock is wrong, or ours is
    behind. (Some sources give no other sign of what time it is.)
    """
    if ahead * 2 > dated:
        raise ClockOff(
            f"clock_off: this machine's clock says {_shown(now)}, and {ahead} of {dated} records are over a "
            "day ahead of that: set the clock, unless the source's is wrong"
        )


def is_ahead(time: float, now: float) -> bool:
    """Tell whether a wrong clock gave a snapshot its time (epoch seconds)."""
    return time > counts_until(now)


def freshness(measured_at: int | None, snapshot_time: int | None) -> tuple[bool, int]:
    """Return the key that finds the newest record, which tells the data's age (all in epoch seconds).

    A record dated over an hour ahead of its snapshot's time ranks only among its like: otherwise a single one
    would hide for a day that no more data comes.
    """
    return not is_ahead(measured_at or 0, snapshot_time or 0), measured_at or 0


def counts_until(now: float) -> int:
    """Return the last time of a snapshot that counts at `now` (epoch seconds)."""
    return int(now + TOLERANCE)


def ages_from(now: float, data_time: float | None) -> float:
    """Return the time from which ages count: `now`, or the data's time if that is older (epoch seconds)."""
    return now if data_time is None else min(now, data_time)


def current(names: Iterable[str], now: float) -> list[str]:
    """Return the snapshots whose names count at `now` (epoch seconds): those that are not ahead of it."""
    return [name for name in names if (named := parse_name(name)) and not is_ahead(named[1], now)]


def ahead(names: Iterable[str], now: float) -> list[str]:
    """Return the snapshots whose names are ahead of `now` (epoch seconds): these count for nothing."""
    return [name for name in names if (named := parse_name(name)) and is_ahead(named[1], now)]


def _shown(seconds: float) -> str:
    try:
        return iso(seconds)
    except (ValueError, OverflowError, OSError):  # a year that has no four digits
        return f"{seconds:.0f} s after 1970"
