"""What an item costs to write: one unit in the table, and what happens in the index by sensor."""

import re

import pytest

from aqi_service.core.costs import (
    ITEM_UNITS,
    MOST_BURST,
    MOST_ITEM_UNITS,
    PRICE_PER_MILLION,
    PRICE_SINCE,
    WINDOW_SECONDS,
    bucket,
    estimate,
    write_units,
)
from aqi_service.core.items import Item
from tests import ROOT

SCALING = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
NEW = Item("1", sensor_id="7", measured_at=100)
FOREIGN = Item("1", timestamp="2023-12-20 18:55:00")
"""One that something else wrote: it is not in the index."""


@pytest.mark.parametrize(
    ("new", "old", "units"),
    [
        (NEW, None, ITEM_UNITS),
        (NEW, NEW._replace(aqi="3"), ITEM_UNITS),
        (NEW, FOREIGN, ITEM_UNITS),
        (NEW, NEW._replace(measured_at=99), MOST_ITEM_UNITS),
        (NEW, NEW._replace(sensor_id="8"), MOST_ITEM_UNITS),
        (FOREIGN, None, 1),
        (FOREIGN, FOREIGN._replace(aqi="3"), 1),
        (FOREIGN, NEW, 2),
    ],
)
def test_an_item_costs_a_unit_in_the_table_and_one_for_each_change_of_the_index(
    new: Item, old: Item | None, units: int
) -> None:
    assert write_units(new, old) == units


def test_units_and_price_are_those_of_the_formula_of_docs_scaling() -> None:
    assert re.findall(r"READ, WRITE = 0\.125e-6, ([0-9.]+)e-6", SCALING) == [f"{PRICE_PER_MILLION}"]
    assert f"as of {PRICE_SINCE}, when DynamoDB's units became half as dear" in SCALING
    assert f"writes, reads = {ITEM_UNITS} * loads * stored" in SCALING


def test_an_estimate_is_two_units_an_item_at_the_price_and_the_time_under_the_cap() -> None:
    found = estimate(450_000, 0.625, None)
    assert (found.items, found.units, found.hours) == (450_000, 900_000, None)
    assert found.dollars == pytest.approx(0.5625)
    hours = estimate(450_000, 1.0, 500).hours
    assert hours == pytest.approx(900_000 / 495 / 3600)
    assert estimate(0, 0.625, 1) == (0, 0, 0.0, 0.0)


@pytest.mark.parametrize("per_second", [1, 3, 7, 50, 51, 4_000])
def test_a_bucket_and_ten_seconds_of_its_filling_are_the_cap_s(per_second: int) -> None:
    holds, a_second = bucket(per_second)
    assert MOST_ITEM_UNITS <= holds <= MOST_BURST
    assert holds + WINDOW_SECONDS * a_second == pytest.approx(WINDOW_SECONDS * per_second)
    assert a_second > 0
