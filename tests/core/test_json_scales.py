"""Scales as JSON: the limits that are said are those by which records are scored."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from aqi_service.core.json_scales import guideline_json, scale_json
from aqi_service.core.scales import DAQI, REPORT, SCALES, US_EPA, WHO
from aqi_service.core.scoring import PollutantTable, Scale, part

TABLES = [(scale, table) for scale in SCALES.values() for table in scale.tables]
LEAST = Decimal("0.000000000001")


def rows(scale: Scale, pollutant: str) -> list[Any]:
    found: list[Any] = scale_json(scale)["pollutants"][pollutant]["rows"]
    return found


def index(scale: Scale, table: PollutantTable, value: Decimal) -> int | None:
    return part(scale, table.pollutant, f"{value:f}").aqi


@pytest.mark.parametrize(("scale", "table"), TABLES, ids=lambda each: getattr(each, "name", ""))
def test_a_reported_value_falls_into_a_row_from_where_it_is_said_to_begin(
    scale: Scale, table: PollutantTable
) -> None:
    said = rows(scale, table.pollutant)
    just_above = LEAST if scale is REPORT else Decimal(0)
    for before, row in pairwise(said):
        begins = Decimal(str(row["begins"]))
        assert index(scale, table, begins + just_above) == row["index_from"]
        assert index(scale, table, begins + just_above - LEAST) == before["index_to"]


@pytest.mark.parametrize(("scale", "table"), TABLES, ids=lambda each: getattr(each, "name", ""))
def test_a_rows_first_and_last_concentration_have_its_first_and_last_index(
    scale: Scale, table: PollutantTable
) -> None:
    for row in rows(scale, table.pollutant):
        if scale is not REPORT:
            assert index(scale, table, Decimal(str(row["from"]))) == row["index_from"]
        if row["to"] is not None:
            assert index(scale, table, Decimal(str(row["to"]))) == row["index_to"]


def test_bands_join_without_a_gap_and_the_last_ends_where_the_scale_does() -> None:
    for scale in SCALES.values():
        bands = scale_json(scale)["bands"]
        assert [band["index_from"] for band in bands[1:]] == [band["index_to"] + 1 for band in bands[:-1]]
        assert bands[-1]["index_to"] == (None if scale is US_EPA else 10), "nothing is over 10 on the DAQI"


def test_it_says_which_scales_may_be_asked_for_and_which_pollutant_counts() -> None:
    said = [scale_json(scale) for scale in (DAQI, US_EPA, REPORT)]
    assert [(each["name"], each["may_be_asked"], each["decides"]) for each in said] == [
        ("daqi", True, "highest"),
        ("us-epa", True, "highest"),
        ("report", False, "lowest"),
    ]


def test_advice_begins_where_its_publisher_has_it_begin() -> None:
    assert {scale.name: scale.advice_from for scale in SCALES.values()} == {
        "daqi": 4,
        "us-epa": 101,
        "report": 4,
    }


def test_the_guideline_is_the_who_s_of_2021_for_24_hours() -> None:
    assert guideline_json(WHO)["limits"] == {"P2.5": 15, "P10": 45}


def test_what_a_missing_value_counts_as_is_said_and_that_it_does_not_count() -> None:
    said = {name: scale_json(scale)["pollutants"] for name, scale in SCALES.items()}
    assert {name: [table["missing"] for table in of.values()] for name, of in said.items()} == {
        "daqi": [None, None],
        "us-epa": [None, None],
        "report": [0, 0],
    }
