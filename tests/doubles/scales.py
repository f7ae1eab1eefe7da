"""The edges of the indices, typed from their sources once more, and one pollutant's score.

One rule: the tables of the package are not read here.
"""

from decimal import Decimal

from aqi_service.core.scoring import Scale, score

DAQI_PM25 = (11, 23, 35, 41, 47, 53, 58, 64, 70)

DAQI_PM10 = (16, 33, 50, 58, 66, 75, 83, 91, 100)

DAQI_BANDS = ("Low", "Low", "Low", "Medium", "Medium", "Medium", "High", "High", "High", "Very High")

EPA_INDEX = ((0, 50), (51, 100), (101, 150), (151, 200), (201, 300), (301, 500))

EPA_BANDS = (
    "Good",
    "Moderate",
    "Unhealthy for Sensitive Groups",
    "Unhealthy",
    "Very Unhealthy",
    "Hazardous",
)


def pm25(scale: Scale, value: str) -> tuple[int, str]:
    """Score PM2.5 alone."""
    return score(scale, None, value)[:2]


def pm10(scale: Scale, value: str) -> tuple[int, str]:
    """Score PM10 alone."""
    return score(scale, value, None)[:2]


def epa(unit: int, ranges: tuple[str, ...], value: Decimal) -> tuple[int, str]:
    """Compute the US AQI in whole numbers alone, with the table's last digit as unit."""
    cut = int(value * unit)
    rows = [tuple(int(Decimal(edge) * unit) for edge in row.split()) for row in ranges]
    row = next((n for n, (_, high) in enumerate(rows) if cut <= high), len(rows) - 1)
    (low, high), (index_low, index_high) = rows[row], EPA_INDEX[row]
    twice = 2 * (index_high - index_low) * (cut - low) + (high - low)
    return index_low + twice // (2 * (high - low)), EPA_BANDS[row]
