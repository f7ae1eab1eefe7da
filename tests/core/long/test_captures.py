"""All items of the captures, worked out here once more in the plainest way from the specification's text.

Nothing here reads the code under test but the tests themselves, at the end, which compare.
"""

import hashlib
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.parse.splitter import WINDOW
from aqi_service.core.scales import SCALES
from tests.doubles.documents import assemble, real_capture
from tests.doubles.plain_reading import (
    CAPTURES,
    plain,
)


def attributes(item: Item) -> dict[str, Any]:
    """What an item holds, by the names of its attributes."""
    return {
        attribute.name: value for attribute, value in zip(ATTRIBUTES, item, strict=True) if value is not None
    }


@cache
def loaded(name: str, scale: str) -> tuple[list[Item | Rejection], ParseCounts]:
    """What the program makes of a capture."""
    document, taken = CAPTURES[name]
    snapshot_at = int(datetime.strptime(taken + "Z", "%Y-%m-%d %H:%M%z").timestamp())
    return assemble(document, size=WINDOW, rules=ScoringRules(SCALES[scale], snapshot_at))


@pytest.mark.parametrize("scale", ["daqi", "us-epa", "report"])
@pytest.mark.parametrize("name", CAPTURES)
def test_every_item_of_a_capture_is_what_the_specification_makes_of_its_record(name: str, scale: str) -> None:
    document, taken = CAPTURES[name]
    expected = plain(document, scale, taken)
    out, counts = loaded(name, scale)
    assert [attributes(one) for one in out if isinstance(one, Item)] == expected.items
    assert [(one.reason, one.id) for one in out if isinstance(one, Rejection)] == expected.rejected
    assert (counts.merged, counts.without_pm) == (expected.merged, expected.without_pm)


def test_the_real_capture_is_the_file_that_its_sources_name() -> None:
    digest = "0d2ce8c8c07f2eaebebccd17876f7f3ca05993b914a2888d0f6451e46aaf3e41"
    assert hashlib.sha256(real_capture()).hexdigest() == digest


def test_of_the_real_capture_3565_become_items_but_not_40_particle_counts_and_7_failures() -> None:
    out, counts = loaded("real", "daqi")
    items = [one for one in out if isinstance(one, Item)]
    assert len(items) == 3_565
    assert counts.reasons == {"not_mass": 40, "no_pm_value": 7}
    failed = [one.text for one in out if isinstance(one, Rejection) and one.reason == "no_pm_value"]
    assert all(b'"1999.90"' in text and b'"999.90"' in text for text in failed)
    assert (counts.records, counts.pm_records + counts.merged, len(counts.sensors)) == (
        6_874,
        3_612,
        1_667,
    )
    assert counts.newest is not None
    assert counts.newest[1] == max(str(one.timestamp) for one in items)


def test_the_reports_index_understates_770_records_of_the_real_capture_and_overstates_none() -> None:
    by_scale = {}
    for name in ("daqi", "report"):
        out, _ = loaded("real", name)
        by_scale[name] = [int(one.aqi or 0) for one in out if isinstance(one, Item)]
    pairs = list(zip(by_scale["report"], by_scale["daqi"], strict=True))
    assert len(pairs) == 3_565
    assert sum(report < daqi for report, daqi in pairs) == 770
    assert not any(report > daqi for report, daqi in pairs)
