"""The state of the service in one line for a person: the last load, and how old the data is."""

from itertools import pairwise

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age_text(seconds: float) -> str:
    """Write an age in whole units: `48 s`, `14 min`, `3 h 5 min`, `2 d 4 h`; smaller units are left out."""
    age = max(0, int(seconds))
    if age < 3_600:
        return f"{age // 60} min" if age >= 60 else f"{age} s"
    (large, name), (small, other) = next(pair for pair in pairwise(UNITS) if age >= pair[0][0])
    rest = age % large // small
    return f"{age // large} {name}" + (f" {rest} {other}" if rest else "")


def status_line(load: str, newest: int | None, now: float) -> str:
    """Write the line; `load` is the text about loads.

    `newest` is when the newest record was measured (None if not known); `now` is the clock's time (both epoch
    seconds).
    """
    data = "age of the data unknown" if newest is None else f"newest record {age_text(now - newest)} old"
    return f"{load}; {data}"
