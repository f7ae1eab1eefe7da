"""The indices over whole ranges, and the report's function bit for bit on many random pairs."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.scales import DAQI, REPORT, US_EPA
from aqi_service.core.scoring import Scale, score
from tests.doubles.documents import QUICK
from tests.doubles.scales import DAQI_PM10, DAQI_PM25, epa, pm10, pm25

EPA_PM25 = ("0.0 9.0", "9.1 35.4", "35.5 55.4", "55.5 125.4", "125.5 225.4", "225.5 325.4")


EPA_PM10 = ("0 54", "55 154", "155 254", "255 354", "355 424", "425 604")


CONCENTRATIONS = (
    st.decimals(0, 998, places=3) | st.decimals(0, 110, places=2) | st.integers(0, 998).map(Decimal)
)


def aqi_cal(P1: str | None, P2: str | None) -> tuple[int, str]:  # noqa: C901, N803, PLR0911  # the report's
    """Do what AQI_cal of the report's appendix A.1 does."""
    p1 = float(P1) if P1 is not None else 0
    p2 = float(P2) if P2 is not None else 0
    if 0 <= p1 <= 11 or 0 <= p2 <= 16:
        return 1, "Low"
    if 11 < p1 <= 23 or 16 < p2 <= 33:
        return 2, "Low"
    if 23 < p1 <= 35 or 33 < p2 <= 50:
        return 3, "Low"
    if 35 < p1 <= 41 or 50 < p2 <= 58:
        return 4, "Medium"
    if 41 < p1 <= 47 or 58 < p2 <= 66:
        return 5, "Medium"
    if 47 < p1 <= 53 or 66 < p2 <= 75:
        return 6, "Medium"
    if 53 < p1 <= 58 or 75 < p2 <= 83:
        return 7, "High"
    if 58 < p1 <= 64 or 83 < p2 <= 91:
        return 8, "High"
    if 64 < p1 <= 70 or 91 < p2 <= 100:
        return 9, "High"
    if p1 > 70 or p2 > 100:
        return 10, "Very High"
    return 0, "Very_Low"


def test_us_epa_pm25_is_the_line_through_its_range_tenth_by_tenth() -> None:
    for tenths in [*range(3500), *range(3500, 9990, 7)]:
        value = Decimal(tenths).scaleb(-1)
        assert pm25(US_EPA, canonical(str(value)) or "") == epa(10, EPA_PM25, value)


def test_us_epa_pm10_is_the_line_through_its_range_at_every_whole_number() -> None:
    for whole in range(1999):
        assert pm10(US_EPA, str(whole)) == epa(1, EPA_PM10, Decimal(whole))


@pytest.mark.parametrize("scale", [DAQI, US_EPA], ids=lambda scale: scale.name)
@QUICK
@given(CONCENTRATIONS, CONCENTRATIONS, CONCENTRATIONS)
def test_more_of_a_pollutant_lowers_no_index(
    scale: Scale, one: Decimal, two: Decimal, other: Decimal
) -> None:
    low, high, beside = (canonical(f"{value:f}") for value in (*sorted((one, two)), other))
    assert score(scale, None, low).aqi <= score(scale, None, high).aqi
    assert score(scale, low, None).aqi <= score(scale, high, None).aqi
    assert score(scale, beside, low).aqi <= score(scale, beside, high).aqi
    assert score(scale, low, beside).aqi <= score(scale, high, beside).aqi


@pytest.mark.parametrize("scale", [DAQI, US_EPA], ids=lambda scale: scale.name)
@QUICK
@given(CONCENTRATIONS, CONCENTRATIONS)
def test_the_index_of_two_is_the_higher_and_a_missing_one_does_not_count(
    scale: Scale, one: Decimal, two: Decimal
) -> None:
    p1, p2 = canonical(f"{one:f}"), canonical(f"{two:f}")
    alone = {"P2.5": score(scale, None, p2), "P10": score(scale, p1, None)}
    assert {pollutant: s.pollutant for pollutant, s in alone.items()} == {"P2.5": "P2.5", "P10": "P10"}
    decides = "P10" if alone["P10"].aqi > alone["P2.5"].aqi else "P2.5"
    assert score(scale, p1, p2) == alone[decides]


def test_report_is_the_reports_function_bit_for_bit_on_100_000_random_pairs() -> None:
    chance = random.Random(20231220)  # noqa: S311  # reproducible, and no secret
    edges = (0, *DAQI_PM25, *DAQI_PM10)
    pool: list[str | None] = [None, "-0", "-0.5", "1999.90", "999.90", "5000", "9" * 38, "-" + "9" * 38]
    for edge in edges:
        pool += [str(edge), f"{edge}.00", f"{edge}.01", f"{edge - 1}.99", f"-{edge}"]
        pool += [f"{edge}." + "0" * n + "1" for n in range(10, 20)]
        pool += [f"{edge - 1}." + "9" * n for n in range(10, 20)]
    pool += [f"{chance.uniform(-5, 120):.{places}f}" for places in range(18) for _ in range(60)]
    written = {text: None if text is None else canonical(text) for text in pool}
    seen = set()
    for _ in range(100_000):
        p1, p2 = chance.choice(pool), chance.choice(pool)
        expected = aqi_cal(p1, p2)
        seen.add(expected[0])
        assert score(REPORT, written[p1], written[p2])[:2] == expected, (p1, p2)
    assert seen == set(range(11))
