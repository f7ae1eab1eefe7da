"""The indices: every edge of every table, typed here anew, and the report's function bit for bit."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.scales import DAQI, FAILED_FROM, NOT_MASS, REPORT, SCALES, US_EPA, Scale, Score, score
from tests.core.helpers import QUICK

DAQI_PM25 = (11, 23, 35, 41, 47, 53, 58, 64, 70)
DAQI_PM10 = (16, 33, 50, 58, 66, 75, 83, 91, 100)
DAQI_BANDS = ("Low", "Low", "Low", "Medium", "Medium", "Medium", "High", "High", "High", "Very High")

EPA_PM25 = ("0.0 9.0", "9.1 35.4", "35.5 55.4", "55.5 125.4", "125.5 225.4", "225.5 325.4")
EPA_PM10 = ("0 54", "55 154", "155 254", "255 354", "355 424", "425 604")
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


def test_the_three_scales_are_found_by_name_and_say_where_they_come_from() -> None:
    assert {name: scale.name for name, scale in SCALES.items()} == {
        "daqi": "daqi",
        "us-epa": "us-epa",
        "report": "report",
    }
    assert all(scale.source and scale.date for scale in SCALES.values())


def test_daqi_begins_at_1_and_goes_up_by_1_behind_each_edge_of_pm25() -> None:
    assert pm25(DAQI, "0") == (1, "Low")
    for aqi, edge in enumerate(DAQI_PM25, 1):
        assert pm25(DAQI, str(edge)) == (aqi, DAQI_BANDS[aqi - 1])
        assert pm25(DAQI, f"{edge}.4999999999999999999999") == (aqi, DAQI_BANDS[aqi - 1])
        assert pm25(DAQI, f"{edge}.5") == (aqi + 1, DAQI_BANDS[aqi])
        assert pm25(DAQI, str(edge + 1)) == (aqi + 1, DAQI_BANDS[aqi])


def test_daqi_begins_at_1_and_goes_up_by_1_behind_each_edge_of_pm10() -> None:
    assert pm10(DAQI, "0") == (1, "Low")
    for aqi, edge in enumerate(DAQI_PM10, 1):
        assert pm10(DAQI, str(edge)) == (aqi, DAQI_BANDS[aqi - 1])
        assert pm10(DAQI, f"{edge}.4999999999999999999999") == (aqi, DAQI_BANDS[aqi - 1])
        assert pm10(DAQI, f"{edge}.5") == (aqi + 1, DAQI_BANDS[aqi])
        assert pm10(DAQI, str(edge + 1)) == (aqi + 1, DAQI_BANDS[aqi])


@pytest.mark.parametrize(
    ("p1", "p2", "aqi", "band", "decided"),
    [
        (None, "11.4", 1, "Low", "P2.5"),
        (None, "11.5", 2, "Low", "P2.5"),
        ("16.4", None, 1, "Low", "P10"),
        ("16.5", None, 2, "Low", "P10"),
        ("100.4", None, 9, "High", "P10"),
        ("100.5", None, 10, "Very High", "P10"),
        ("1998.99", None, 10, "Very High", "P10"),
        (None, "998.99", 10, "Very High", "P2.5"),
        ("101", "64.4", 10, "Very High", "P10"),
        ("10", "64.5", 9, "High", "P2.5"),
        ("50", "35", 3, "Low", "P2.5"),
        ("50.5", "35", 4, "Medium", "P10"),
    ],
)
def test_daqi_takes_the_highest_index_and_pm25_decides_at_a_tie(
    p1: str | None, p2: str | None, aqi: int, band: str, decided: str
) -> None:
    assert score(DAQI, p1, p2) == Score(aqi, band, decided)


def epa(unit: int, ranges: tuple[str, ...], value: Decimal) -> tuple[int, str]:
    """Compute the US AQI in whole numbers alone, with the table's last digit as unit."""
    cut = int(value * unit)
    rows = [tuple(int(Decimal(edge) * unit) for edge in row.split()) for row in ranges]
    row = next((n for n, (_, high) in enumerate(rows) if cut <= high), len(rows) - 1)
    (low, high), (index_low, index_high) = rows[row], EPA_INDEX[row]
    twice = 2 * (index_high - index_low) * (cut - low) + (high - low)
    return index_low + twice // (2 * (high - low)), EPA_BANDS[row]


def test_us_epa_pm25_is_the_line_through_its_range_tenth_by_tenth() -> None:
    for tenths in [*range(3500), *range(3500, 9990, 7)]:
        value = Decimal(tenths).scaleb(-1)
        assert pm25(US_EPA, canonical(str(value)) or "") == epa(10, EPA_PM25, value)


def test_us_epa_pm10_is_the_line_through_its_range_at_every_whole_number() -> None:
    for whole in range(1999):
        assert pm10(US_EPA, str(whole)) == epa(1, EPA_PM10, Decimal(whole))


@pytest.mark.parametrize(
    ("value", "aqi"),
    [
        ("0", 0),
        ("9.04", 50),
        ("9.09", 50),
        ("9.1", 51),
        ("35.49", 100),
        ("35.5", 101),
        ("55.4999", 150),
        ("55.5", 151),
        ("125.4", 200),
        ("125.5", 201),
        ("225.4", 300),
        ("225.5", 301),
        ("325.4", 500),
        ("325.49", 500),
        ("325.5", 500),
        ("325.7", 501),
        ("425.3", 699),
    ],
)
def test_us_epa_cuts_pm25_to_a_tenth_and_goes_on_along_the_last_line(value: str, aqi: int) -> None:
    assert pm25(US_EPA, value)[0] == aqi


@pytest.mark.parametrize(
    ("value", "aqi"),
    [
        ("0.99", 0),
        ("54", 50),
        ("54.999", 50),
        ("55", 51),
        ("154.9", 100),
        ("155", 101),
        ("254.9", 150),
        ("255", 151),
        ("354.9", 200),
        ("355", 201),
        ("424.9", 300),
        ("425", 301),
        ("604.9", 500),
        ("605", 501),
        ("783.99", 699),
        ("784", 700),
    ],
)
def test_us_epa_cuts_pm10_to_a_whole_number_and_goes_on_along_the_last_line(value: str, aqi: int) -> None:
    assert pm10(US_EPA, value)[0] == aqi


CONCENTRATIONS = (
    st.decimals(0, 998, places=3) | st.decimals(0, 110, places=2) | st.integers(0, 998).map(Decimal)
)


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


@pytest.mark.parametrize(
    ("p1", "p2", "expected"),
    [
        (None, None, (1, "Low", "P2.5")),
        ("80", "20", (2, "Low", "P2.5")),
        ("20", "120", (2, "Low", "P10")),
        ("20", "20", (2, "Low", "P2.5")),
        ("80", None, (1, "Low", "P2.5")),
        (None, "120", (1, "Low", "P10")),
        ("-1", "20", (2, "Low", "P2.5")),
        ("-1", "-1", (0, "Very_Low", "P2.5")),
        ("11.0000000000000000001", "120", (1, "Low", "P10")),
        ("11.000000000000002", "120", (2, "Low", "P10")),
    ],
)
def test_report_takes_p1_as_pm25_and_names_the_pollutant_whose_value_was_in_the_first_band(
    p1: str | None, p2: str | None, expected: tuple[int, str, str]
) -> None:
    assert score(REPORT, p1, p2) == expected


def test_the_limits_of_failed_sensors_and_the_sensors_that_count_particles_are_data() -> None:
    assert FAILED_FROM == {"P1": 1999, "P2": 999}
    assert set(NOT_MASS) == {"PPD42NS"}
    assert not REPORT.screened
    assert DAQI.screened
    assert US_EPA.screened
