"""The indices: every edge of every table, typed here anew."""

import pytest

from aqi_service.core.scales import DAQI, FAILED_FROM, NOT_MASS, REPORT, SCALES, US_EPA
from aqi_service.core.scoring import Score, score
from tests.doubles.scales import DAQI_BANDS, DAQI_PM10, DAQI_PM25, pm10, pm25


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
