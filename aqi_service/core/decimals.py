"""Numbers as decimal text: which texts are numbers, and the one form in which each is written.

One rule: no number passes through a binary float on its way from the feed to a table, a CSV or a reply.
"""

import re
from decimal import Decimal
from functools import lru_cache

MAX_DIGITS = 38
"""Most significant digits of a number (DynamoDB's limit)."""

MAX_PLACES = 130
"""Most digits after the point (DynamoDB takes no number below 1E-130)."""

MAX_WHOLE = 126
"""Most digits before the point (DynamoDB takes no number of 1E126 or more)."""

MAX_INTEGER = 2**63 - 1

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
PLAIN_NUMBER = r"-?(?:0|[1-9][0-9]{0,18}+)(?:\.[0-9]{1,19}+(?<!0))?(?<!-0)"
"""A number that already has its final form, as most have; longer numbers take the slow way."""

_PLAIN = re.compile(PLAIN_NUMBER)

_CACHED_LENGTH = 48
_LARGE = 10**MAX_WHOLE


def canonical(value: object) -> str | None:
    """Write a JSON value as plain decimal text without surplus zeros (`48.80` -> `48.8`).

    Takes a text `-?(digits[.digits]|.digits)` of at most MAX_DIGITS significant digits, or a JSON number,
    which counts as its repr. Returns None for anything else.
    """
    if type(value) is str:
        if _PLAIN.fullmatch(value):
            return value
    else:
        if type(value) is not int and type(value) is not float:
            return None
        if not -_LARGE < value < _LARGE:
            return None
        value = repr(value)
    return _cached(value) if len(value) <= _CACHED_LENGTH else _canonical(value)


def _canonical(text: str) -> str | None:
    if not _NUMBER.fullmatch(text):
        return None
    sign = "-" if text[0] == "-" else ""
    whole, _, places = text.removeprefix("-").partition(".")
    whole, places = whole.lstrip("0"), places.rstrip("0")
    digits = (whole + places).strip("0")
    if len(digits) > MAX_DIGITS or len(places) > MAX_PLACES or len(whole) > MAX_WHOLE:
        return None
    if not digits:
        return "0"
    return f"{sign}{whole or '0'}.{places}" if places else sign + whole


_cached = lru_cache(maxsize=16_384)(_canonical)


def plain(value: float) -> str | None:
    """Write a float, such as a requested coordinate, as plain decimal text: its repr without exponent.

    Returns None for anything that is no such number.
    """
    return canonical(f"{Decimal(repr(value)):f}")


def integer(value: object) -> str | None:
    """Write an integer from 0 to 2^63-1, given as a JSON integer or a digit text, as decimal digits.

    Returns None for anything else: `true`, a float, a sign, a blank, non-ASCII digits.
    """
    if type(value) is str:
        if not (value.isascii() and value.isdigit()):
            return None
        value = value.lstrip("0") or "0"
        return value if len(value) <= 19 and int(value) <= MAX_INTEGER else None
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return str(value)
    return None
