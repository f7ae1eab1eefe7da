"""Snapshots that hypothesis makes up: few ids, times and values, so that they meet all the time.

One rule: every document is JSON that any parser takes; what is wrong is wrong within a record.
"""

import json
from typing import Any

from hypothesis import strategies as st

from tests.doubles.delivery_reference import Snapshot

NOW = 1_703_095_265.0
"""2023-12-20T18:01:05Z: when everything is loaded."""

LIVE_TAKEN = 1_703_095_260
HOUR = 3600
TAKEN = tuple(LIVE_TAKEN - HOUR * ago for ago in (5, 4, 3, 2, 1))
"""When replayed snapshots were taken: all before the live one."""

TTLS = st.sampled_from([None, 25 * HOUR])
"""For how long items are kept; if not for ever, the oldest of FAR_TIMES is expired beside any other."""

IDS = ("1", 28_012_345_678)
TIMES = ("2023-12-20 12:00:00", "2023-12-20 17:00:00")
FAR_TIMES = (
    "2023-12-19 10:00:00",
    "2023-12-20T17:00:00",  # the same as with a blank, but another text
    "2023-12-21 15:00:00",  # more than a day ahead of the first snapshots, not of the last
)
BAD_IDS = ("x", -1, None, 1.5)
BAD_TIMES = ("1970-01-01 00:00:00", "2023-13-01 00:00:00", "never", None)
P1 = ("12.5", "60", 7, "1999.90")
P2 = ("7.5", "7.50", ".9", "999.90", None)
COUNTS_PARTICLES = 9
"""The sensor whose records are rejected."""

Elements = list[Any]


def element(record_id: Any, timestamp: Any, sensor: int, **values: Any) -> dict[str, Any]:
    """Make a record; `values` by their type."""
    return {
        "id": record_id,
        "timestamp": timestamp,
        "location": {"country": "DE"},
        "sensor": {
            "id": sensor,
            "sensor_type": {"name": "PPD42NS" if sensor == COUNTS_PARTICLES else "SDS011"},
        },
        "sensordatavalues": [{"value_type": kind, "value": value} for kind, value in values.items()],
    }


def often(usual: tuple[Any, ...], *seldom: Any) -> st.SearchStrategy[Any]:
    """Give one of the usual, and now and then one of the others."""
    return st.sampled_from(usual * (1 + 3 * len(seldom) // len(usual)) + seldom)


@st.composite
def neighbours(draw: st.DrawFn) -> Elements:
    """Give a record, two halves of one, or one that is alone, in any shape the feed has."""
    record_id, sensor = draw(often(IDS, *BAD_IDS)), draw(often((7,), 8, COUNTS_PARTICLES))
    timestamp = draw(often(TIMES, *FAR_TIMES, *BAD_TIMES))
    p1, p2 = {"P1": draw(st.sampled_from(P1))}, {"P2": draw(st.sampled_from(P2))}
    without = element(record_id, timestamp, sensor, temperature="3")
    one, other = element(record_id, timestamp, sensor, **p1), element(record_id, timestamp, sensor, **p2)
    whole = element(record_id, timestamp, sensor, **p1, **p2)
    shapes: tuple[Elements, ...] = (
        *([whole], [whole], [whole], [one, other], [other, one], [one, without, other]),
        *([one], [other], [without], [one, 5, other], ["no record"]),
    )
    return draw(st.sampled_from(shapes))


@st.composite
def snapshots(draw: st.DrawFn, taken: st.SearchStrategy[int]) -> Snapshot:
    """Give a document of a few records, and its time."""
    groups = draw(st.lists(neighbours(), min_size=1, max_size=8))
    body = json.dumps([one for group in groups for one in group]).encode()
    return Snapshot(draw(taken), body)


REPLAYED = snapshots(st.sampled_from(TAKEN))
LIVE = snapshots(st.just(LIVE_TAKEN))
