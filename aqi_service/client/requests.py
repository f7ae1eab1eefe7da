"""Requests by sensor, by place and over time: their words, and a long time split into parts.

Rule: the server judges requests; this file refuses only words that would make another request, or none.
"""

import math
from collections.abc import Iterator
from decimal import Decimal

from aqi_service.client.choice import USUAL, Choice
from aqi_service.core.frames import MAX_REQUEST
from aqi_service.core.redaction import printable
from aqi_service.core.times import DAY, EARLIEST, iso, typed_time
from aqi_service.errors import BadQuestion

Number = str | int | float | Decimal

MOST_DAYS = {"history": 31, "days": 400}
"""Most days of one request."""

USUAL_DAYS = {"history": 7, "days": 30}
"""Days before UNTIL if SINCE is not given."""

Times = tuple[int | None, int | None]
"""SINCE and UNTIL in epoch seconds; None if not given."""


def request(name: str, *words: Number, choice: Choice = USUAL) -> str:
    """Make a request of words; raise BadQuestion if one is no word, or the request is too long.

    Only the name of a place may have several words.
    """
    parts = [name, *map(_word, words), *choice.words()]
    if name == "place":
        parts = [name, *" ".join(parts[1:]).split()]
    elif wrong := [part for part in parts if part.split() != [part]]:
        raise BadQuestion(f"{printable(wrong[0][:80])!r} is not one word")
    text = " ".join(parts)
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise BadQuestion(f"{printable(text[:80])} is no text in UTF-8") from None
    if length > MAX_REQUEST:
        raise BadQuestion(f"{printable(text[:80])}... is too long: at most {MAX_REQUEST} bytes")
    return text


def _word(value: Number) -> str:
    """Write a number as plain decimal text, without an exponent; a text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadQuestion(f"{value} is no number to ask with")
        value = Decimal(repr(value))
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def seconds_of(text: str | None) -> int | None:
    """Read a typed time as epoch seconds; raise BadQuestion for any other text."""
    seconds = None if text is None else typed_time(text)
    if text is not None and seconds is None:
        raise BadQuestion(f"a time is 2023-12-20 or 2023-12-20T18:55, UTC, not {printable(text[:40])}")
    return seconds


def over_time(
    name: str, sensor_id: str | int, times: Times, now: float, choice: Choice = USUAL
) -> Iterator[str]:
    """Return the requests, `history` or `days`, that together cover a time; `now` is in epoch seconds."""
    for window in windows(times, now, MOST_DAYS[name], USUAL_DAYS[name]):
        yield request(name, sensor_id, *map(_time, window), choice=choice)


def windows(times: Times, now: float, most_days: int, usual_days: int) -> Iterator[tuple[int, ...]]:
    """Split a time into parts of at most `most_days`: (), (since,) or (since, until), in epoch seconds.

    If the end is not given, or far ahead, the last part is left open, so that it ends by the server's clock;
    the parts before it are a day or two shorter, so the clocks may differ by a day. Raises BadQuestion if the
    end does not come after the beginning.
    """
    since, until = times
    if since is None and until is None:
        yield ()
        return
    start = max(EARLIEST, until - usual_days * DAY if since is None and until is not None else since or 0)
    if since is not None and until is not None and since >= until:
        raise BadQuestion(f"the time since {_time(since)} is not before the time until {_time(until)}")
    if until is None or until - now > 2 * DAY:
        while now - start > (most_days - 1) * DAY:
            yield start, start + (most_days - 2) * DAY
            start += (most_days - 2) * DAY
        yield (start,)
        return
    while start < until:
        yield start, min(until, start + most_days * DAY)
        start += most_days * DAY


def _time(seconds: int) -> str:
    return iso(seconds)[: len("2023-12-20T18:55")] + "Z"
