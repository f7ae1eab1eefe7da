"""A sensor's values of one day, summed by the hour, and their means.

One rule: sums are exact, so a mean does not depend on the order of its values.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm

from aqi_service.core.decimals import canonical
from aqi_service.core.scales import FAILED_FROM

HOURS = 24

LEAST_HOURS = 18
"""A day's mean needs this many hours with a value, three quarters of 24: Defra's data capture for the DAQI.

Source: https://uk-air.defra.gov.uk/air-pollution/daqi?view=more-info
"""

_PLACES = 6
_UNIT = 10**_PLACES

Amount = int | Fraction
"""A concentration in millionths of a µg/m³; a Fraction if it has more places than that."""


_CACHED_LENGTH = 24


def amount_of(kind: str, text: str) -> Amount | None:
    """Read a value of `P1` or `P2`; None if it is no number, or outside a working sensor's range."""
    return _cached(kind, text) if len(text) <= _CACHED_LENGTH else _amount(kind, text)


def _amount(kind: str, text: str) -> Amount | None:
    number = canonical(text)
    if number is None or not 0 <= Decimal(number) < FAILED_FROM[kind]:
        return None
    exact = Fraction(number) * _UNIT
    return int(exact) if exact.denominator == 1 else exact


_cached = lru_cache(maxsize=16_384)(_amount)


class HourSums:
    """One pollutant's values of a day: for each hour their sum and their number."""

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.sums: list[Amount] = [0] * HOURS
        self.counts = [0] * HOURS

    @property
    def hours(self) -> int:
        """The number of hours with a value."""
        return HOURS - self.counts.count(0)

    def mean(self) -> str | None:
        """Return the mean of the hourly means, in µg/m³ to two decimals, half up; None without a value."""
        there = [(total, count) for total, count in zip(self.sums, self.counts, strict=True) if count]
        if not there:
            return None
        whole = lcm(*(count for _, count in there))
        total = sum((total * (whole // count) for total, count in there), Fraction(0))
        return _hundredths(total / (whole * len(there) * _UNIT))


def _hundredths(value: Fraction) -> str | None:
    """Write a value, not negative, to two decimals, half up, without surplus zeros."""
    hundredths = (value.numerator * 200 + value.denominator) // (value.denominator * 2)
    return canonical(f"{hundredths // 100}.{hundredths % 100:02}")
