"""The ordinary record has its own way: what comes of it is what the careful way gives, to the last letter."""

import json
from collections import Counter
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.parse.ordinary import LONGEST, PAUSE, OrdinaryDecoder, Record, plain
from aqi_service.core.parse.ordinary_items import MOST_REMEMBERED, Memo
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.parse.splitter import WINDOW
from aqi_service.core.scales import DAQI, SCALES
from bench.lib.feed import NEWEST, feed
from tests.doubles.documents import (
    QUICK,
    REFUSED,
    RULES,
    SNAPSHOT_AT,
    cut_at,
    document_of,
    pieces,
    record,
)
from tests.doubles.near_ordinary import ODD, near_ordinary
from tests.doubles.plain_reading import CAPTURES
from tests.doubles.readings import Read

FEED = b"".join(feed(100_000))
FEED_RULES = ScoringRules(DAQI, int(NEWEST.timestamp()))


def both(parts: list[bytes], rules: ScoringRules = RULES, window: int = WINDOW) -> tuple[Read, Read]:
    return Read(parts, rules, window), Read([b"".join(parts)], rules, careful=True)


@QUICK
@given(
    st.integers(0, 2**32),
    st.builds(
        ScoringRules,
        st.sampled_from(list(SCALES.values())),
        st.just(SNAPSHOT_AT),
        st.sampled_from([None, 86_400]),
        st.sampled_from([frozenset(), frozenset({0, 7}), frozenset(range(6))]),
    ),
    st.sampled_from([300, 1500, WINDOW]),
    st.lists(st.integers(0, 100_000), max_size=4),
)
def test_both_ways_give_the_same_of_documents_that_are_nearly_ordinary(
    seed: int, rules: ScoringRules, window: int, cuts: list[int]
) -> None:
    parts = cut_at(near_ordinary(seed), cuts)
    own, careful = both(parts, rules, window)
    assert own.seen == careful.seen


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize(("scale", "ttl"), [*product(SCALES, [None]), ("daqi", 86_400)])
def test_both_ways_give_the_same_of_captures(name: str, scale: str, ttl: int | None) -> None:
    document, _ = CAPTURES[name]
    taken = 1_502_364_180 if name != "generated" else int(NEWEST.timestamp())
    own, careful = both(pieces(document, 50_001), ScoringRules(SCALES[scale], taken, ttl))
    assert own.seen == careful.seen
    assert len(own.items) > 50


def test_of_an_ordinary_feed_no_record_goes_the_careful_way() -> None:
    own, careful = both([FEED], FEED_RULES)
    assert own.seen == careful.seen
    assert own.counts.careful == 0
    assert own.counts.records > 200


def test_an_odd_record_in_a_window_sends_only_itself_the_careful_way() -> None:
    records = orjson.loads(FEED)
    for number, place in enumerate(range(20, len(records), 60)):
        records[place]["location"]["new"] = number
    own, careful = both([orjson.dumps(records)], FEED_RULES)
    assert own.seen == careful.seen
    assert own.counts.careful == len(range(20, len(records), 60))


@pytest.mark.parametrize("odd", REFUSED.values(), ids=REFUSED)
def test_an_element_that_no_decoder_takes_sends_only_itself_the_careful_way(odd: bytes) -> None:
    texts = [orjson.dumps(each) for each in orjson.loads(FEED)]
    texts.insert(30, odd)
    own, careful = both([b"[" + b",".join(texts) + b"]"], FEED_RULES)
    assert own.seen == careful.seen
    assert own.counts.reasons == {"unreadable": 1}
    assert own.counts.careful <= 2


PLACE = record()["location"]
MODEL = {"id": 14, "name": "SDS011", "manufacturer": "x"}
MORE = {"value_type": "x", "value": -1.5}
HALF = {"sensordatavalues": [{"value_type": "P1", "value": "7.5"}]}
SAME_VALUES = {"sensordatavalues": [{"value_type": kind, "value": "7.5"} for kind in ("P2", "P1")]}
DOUBLE = {"sensordatavalues": [{"value_type": kind, "value": "7.5"} for kind in ("P1", "P2", "P1")]}
CAREFUL = {
    "half of a measurement": record(1, **HALF),
    "two values of a pollutant": record(1, **DOUBLE),
    "a failed sensor": record(1, "1999.90", "999.90"),
    "a value that is a number": record(1, 7.5, "5"),
    "a text that is no number": record(1, "unavailable", "5"),
    "more PM2.5 than PM10": record(1, "5", "7.5"),
    "more PM2.5 than PM10 by little": record(1, "5." + "0" * 17 + "1", "5." + "0" * 17 + "2"),
    "a sensor that counts": record(1, "7", "5", sensor={"id": 7, "sensor_type": {"name": "PPD42NS"}}),
    "a sensor type without a name": record(1, "7", "5", sensor={"id": 7, "sensor_type": {"name": ""}}),
    "no sensor": record(1, "7", "5", sensor=None),
    "an id that is a text": record("1", "7", "5"),
    "an id that is a float": record(1.0, "7", "5"),
    "a time with a zone": record(1, "7", "5", timestamp="2023-12-20 17:00:00Z"),
    "a time with a fraction": record(1, "7", "5", timestamp="2023-12-20 17:00:00.5"),
    "a time of an unset clock": record(1, "7", "5", timestamp="1970-01-01 00:00:00"),
    "a time over a day ahead": record(1, "7", "5", timestamp="2023-12-21 18:00:01"),
    "a time within the last minute of that day": record(1, "7", "5", timestamp="2023-12-21 18:00:00"),
    "a text that is longer than such are": record(1, "7", "5", sampling_rate="x" * (LONGEST + 1)),
    "a new key": record(1, "7", "5", elevation=3),
    **{
        f"{name} {value!r}": record(1, "7", "5", location=PLACE | {name: value})
        for name, value in (
            ("latitude", "90"), ("latitude", "05.5"), ("latitude", ""), ("latitude", None),
            ("latitude", 51.5),
            ("latitude", "1,2\n3"), ("latitude", "51.5\n"), ("latitude", "1,2,3\n4"), ("longitude", "180"),
            ("longitude", "1,2"), ("altitude", "5\n"), ("altitude", "5\n1,2,3"), ("altitude", "1e3"),
            ("altitude", "1234567"), ("country", "Deutschland"), ("indoor", 2), ("indoor", "1"),
        )
    },
}  # fmt: skip
ORDINARY = {
    "both in one": record(1, "7.50", "5.0"),
    "equal values": record(1, **SAME_VALUES),
    "a T in its time": record(1, "7", "5", timestamp="2023-12-20T17:00:59"),
    "no country": record(1, "7", "5", location={"latitude": "-0.0", "longitude": "-179.999"}),
    "no country or altitude": record(1, "7", "5", location=PLACE | {"altitude": "", "country": ""}),
    "values beside": record(1, sensordatavalues=[*DOUBLE["sensordatavalues"][:2], MORE]),
    "no particles": record(1),
    "all keys": record(
        1, "7", "5", sampling_rate=None, sensor={"id": 7, "pin": "1", "sensor_type": MODEL}
    ),
}  # fmt: skip


@pytest.mark.parametrize("odd", CAREFUL.values(), ids=CAREFUL)
def test_what_is_not_ordinary_goes_the_careful_way_and_its_neighbours_do_not(odd: dict[str, Any]) -> None:
    usual = [record(number, "12.5", "7.5") for number in (5, 6)]
    own, careful = both([document_of(usual[0], odd, usual[1])])
    assert own.seen == careful.seen
    assert own.counts.careful == 1


@pytest.mark.parametrize("usual", ORDINARY.values(), ids=ORDINARY)
def test_what_is_ordinary_goes_its_own_way(usual: dict[str, Any]) -> None:
    own, careful = both([document_of(usual)])
    assert own.seen == careful.seen
    assert own.counts.careful == 0


def test_what_is_of_a_sensor_that_is_left_out_goes_the_careful_way_and_its_text_is_not_kept() -> None:
    place = record()["location"] | {"id": 5}
    weather = record(1, location=place, sensordatavalues=[{"value_type": "humidity", "value": "50"}])
    other = {"sensor": {"id": 8, "sensor_type": {"name": "x"}}, "location": place}
    failed = record(4, "1999.90", "999.90", **other)
    rules = ScoringRules(DAQI, SNAPSHOT_AT, excluded=frozenset({7}))
    own, careful = both(
        [document_of(weather, record(2, "7", "5"), record(3, "7", "5", **other), failed)], rules
    )
    assert own.seen == careful.seen
    assert own.counts.reasons == {"excluded": 1, "no_pm_value": 1}
    assert [bool(each.text) for each in own.rejections] == [False, True]
    assert own.boxes is not None
    assert own.boxes.of(3) is None


def test_a_half_that_is_pending_is_decided_by_the_ordinary_record_after_it() -> None:
    half, other = record(1, "7.5"), record(1, None, "5")
    for elements in (
        [half, record(2, "9", "8"), other],
        [half, record(2), other],
        [record(2, "9", "8"), half],
    ):
        own, careful = both([document_of(*elements)])
        assert own.seen == careful.seen
        assert [item.id for item in own.items][:1] == [str(elements[0]["id"])]


def test_of_equally_new_records_the_first_is_the_newest_whichever_way_it_went() -> None:
    forms = ["2023-12-20 17:00:00", "2023-12-20T17:00:00", "2023-12-20 17:00:00Z"]
    for turn in range(3):
        times = forms[turn:] + forms[:turn]
        own, _ = both([document_of(*(record(n, "7", "5", timestamp=time) for n, time in enumerate(times)))])
        assert own.counts.newest == (1_703_091_600, times[0])
    half = record(1, "7.5", timestamp=forms[1])
    own, careful = both([document_of(half, record(2, "7", "5", timestamp=forms[0]))])
    assert own.counts.newest == careful.counts.newest == (1_703_091_600, forms[1])


def test_a_record_dated_ahead_tells_how_old_the_data_is_only_where_all_are_whichever_way_it_went() -> None:
    past, soon, ahead, later = (
        "2023-12-20 17:00:00", "2023-12-20 19:00:00", "2023-12-20 19:00:01", "2023-12-21 12:00:00"
    )  # fmt: skip
    for times, newest in (
        ([past, later, ahead], past),
        ([later, ahead, soon, past], soon),
        ([later], later),
        ([ahead, later, ahead], later),
    ):
        own, careful = both(
            [document_of(*(record(n, "7", "5", timestamp=time) for n, time in enumerate(times)))]
        )
        assert own.counts.careful == 0
        for read in (own, careful):
            assert read.counts.newest is not None
            assert (read.counts.newest[1], len(read.items)) == (newest, len(times))


def test_the_humidity_of_a_box_is_the_same_both_ways() -> None:
    values = [{"value_type": "humidity", "value": value} for value in ("55.50", 60, 61.5)]
    weather = [record(10 + n, location={"id": n}, sensordatavalues=[each]) for n, each in enumerate(values)]
    place = PLACE
    sensors = [
        record(20 + n, "7", "5", location=place | {"id": n}, sensor={"id": n, "sensor_type": {"name": "x"}})
        for n in range(4)
    ]
    own, careful = both([document_of(*weather, *sensors)])
    assert own.seen == careful.seen
    assert own.boxes is not None
    assert [own.boxes.of(20 + n) for n in range(4)] == ["55.5", "60", "61.5", None]
    assert own.counts.careful == 0


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"elevation": 3}, "elevation"),
        ({"location": {"elevation": 3, "zone": 1}}, "location.elevation"),
        ({"sensor": {"id": 1, "sensor_type": {"unit": "x"}}}, "sensor.sensor_type.unit"),
        ({"sensordatavalues": [{"value": "1", "unit": "x"}]}, "sensordatavalues.unit"),
        ({"x" * 500: 1}, "x" * LONGEST),
        ({"location": "somewhere"}, None),
        ({}, None),
    ],
)
def test_the_first_new_key_is_named_with_where_it_is(changes: dict[str, Any], key: str | None) -> None:
    later = record(3, "7", "5", later=1)
    assert Read([document_of(record(1, "7", "5"), record(2, "x", **changes))], RULES).new_key == key
    named = Read([document_of(record(2, "7", "5", **changes), later)], RULES).new_key
    assert named == (key or "later")


def test_a_feed_in_which_all_is_odd_is_not_tried_again_with_each_window() -> None:
    decoder = OrdinaryDecoder()
    odd, usual = (json.dumps(each).encode() for each in (record(1, new=1), record(1)))
    assert [type(each) for each in decoder.bulk(b",".join([odd, usual, odd])) or []] == [dict, Record, dict]
    for _ in range(PAUSE):
        assert decoder.one(usual) == record(1)
        assert decoder.bulk(usual) == [record(1)]
    assert [plain(each) for each in decoder.bulk(usual) or []] == [orjson.loads(usual)]
    assert [type(each) for each in decoder.bulk(b",".join([usual, usual, odd])) or []] == [
        Record,
        Record,
        dict,
    ]
    assert [type(each) for each in decoder.bulk(usual) or []] == [Record]


def test_a_feed_that_stays_odd_is_tried_ever_more_seldom_until_something_ordinary_comes() -> None:
    decoder = OrdinaryDecoder()
    odd, usual = (json.dumps(each).encode() for each in (record(1, new=1), record(1)))

    def paused() -> int:
        """Count the windows that are not tried after one that is odd."""
        decoder.bulk(odd)
        return sum(1 for _ in iter(lambda: type((decoder.bulk(usual) or [None])[0]) is dict, False))

    tried_odd = [16, 32, 64, 128, 256, 256]
    for windows in tried_odd:
        for _ in range(windows + 1):
            decoder.bulk(odd)
    assert paused() == 256
    assert paused() == PAUSE


@pytest.mark.parametrize("token", ODD, ids=repr)
def test_an_odd_token_is_read_as_the_careful_decoder_reads_it_wherever_it_stands(token: bytes) -> None:
    usual = json.dumps(record(1, "7", "5", sampling_rate=None)).encode()
    for there in (
        b'"7"',
        b'"P1"',
        b": 1,",
        b'"2023-12-20 17:00:00"',
        b'"51.5"',
        b'"20"',
        b'"GB"',
        b"0}",
        b'"SDS011"',
        b"null",
    ):
        assert there in usual
        new = there.replace(there.strip(b":,} "), token)
        own, careful = both([b"[" + usual.replace(there, new) + b"," + usual + b"]"])
        assert own.seen == careful.seen


def test_what_is_remembered_is_forgotten_before_it_grows_without_bound() -> None:
    read: Counter[str] = Counter()

    def told(text: str) -> str:
        read[text] += 1
        return text.upper()

    memo = Memo[str, str](told)
    assert [memo["a"], memo["a"], memo["b"]] == ["A", "A", "B"]
    assert read == {"a": 1, "b": 1}
    for number in range(MOST_REMEMBERED + 1):
        assert memo[f"{number}"] == f"{number}"
    assert len(memo) <= MOST_REMEMBERED
    assert memo["a"] == "A"
    assert read["a"] == 2


def test_every_scale_reads_the_pollutants_as_the_ordinary_way_hands_them_to_it() -> None:
    assert {tuple(table.reads for table in scale.tables) for scale in SCALES.values()} == {("P2", "P1")}
