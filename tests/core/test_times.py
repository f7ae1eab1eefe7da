"""Times as texts: the feed's two forms, what a person types, and what reports show."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqi_service.core.times import DAY, EARLIEST, day_of, feed_time, http_time, is_old, iso, typed_time
from tests.doubles.documents import QUICK

MOMENTS = st.datetimes(
    datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)  # noqa: DTZ001
).map(lambda moment: moment.replace(microsecond=0))  # fmt: skip


@QUICK
@given(MOMENTS, st.sampled_from(" T"))
def test_a_timestamp_of_the_feed_is_read_as_utc_with_a_blank_or_a_t(moment: datetime, between: str) -> None:
    text = moment.replace(tzinfo=None).isoformat(between)
    assert feed_time(text) == int(moment.timestamp())


FRACTIONS = st.one_of(st.just(""), st.integers(0, 10**9 - 1).map(".{:09d}".format), st.just(".5"))


@QUICK
@given(
    MOMENTS.filter(lambda moment: 2 <= moment.year <= 9998),
    st.sampled_from(" T"),
    FRACTIONS,
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.booleans(),
)
def test_a_fraction_is_dropped_and_an_offset_is_converted(
    moment: datetime, between: str, fraction: str, minutes: int, colon: bool
) -> None:
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    zone = there.isoformat()[-6:]
    written = there.replace(tzinfo=None).isoformat(between) + fraction
    assert feed_time(written + (zone if colon else zone.replace(":", ""))) == int(moment.timestamp())
    assert feed_time(moment.replace(tzinfo=None).isoformat(between) + fraction + "Z") == int(
        moment.timestamp()
    )


@QUICK
@given(st.integers(EARLIEST, 2**33))
def test_a_day_is_that_of_utc(seconds: int) -> None:
    assert day_of(seconds) == iso(seconds)[:10]


def test_a_snapshot_is_old_when_its_newest_record_is_over_a_day_older() -> None:
    assert not is_old(1_703_091_600, 1_703_091_600 + DAY)
    assert is_old(1_703_091_600, 1_703_091_600 + DAY + 1)


def test_a_moment_is_shown_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert iso(1_703_091_600.9) == "2023-12-20T17:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_examples_of_the_specification_are_read() -> None:
    assert feed_time("2023-12-20 17:00:00") == 1_703_091_600
    assert feed_time("2017-01-16T14:26:02") == 1_484_576_762


NO_TIMES = [
    *(
        "",
        "2023-12-20",
        "2023-12-20 17:00",
        "2023-12-20  17:00:00",
        "2023-12-20t17:00:00",
        " 2023-12-20 17:00:00",
    ),
    *("2023-12-20 17:00:00z", "2023-12-20T17:00:00 Z", "2023-12-20 17:00:00.", "2023-12-20 17:00:00\n"),
    *("2023-12-20 17:00:00,5", "2023-12-20 17:00:00.5 Z", "2023-12-20T17:00:00+1", "2023-12-20T17:00:00+01"),
    *(
        "2023-12-20T17:00:00+24:00",
        "2023-12-20T17:00:00+01:60",
        "2023-12-20T17:00:00Z+01:00",
        "2023-12-20+01:00",
    ),
    *("2023-02-29 00:00:00", "2023-13-01 00:00:00", "2023-00-10 00:00:00", "2023-12-00 00:00:00"),
    *("2023-12-20 24:00:00", "2023-12-20 17:60:00", "2023-12-20 17:00:60", "0000-01-01 00:00:00"),
    *(
        "20231220 17:00:00",
        "2023-W51-3 17:00:00",
        "23-12-20 17:00:00",
        "2023-12-20 1:00:00",
        "2023-12-20 -1:00:00",
    ),
    "\u0662023-12-20 17:00:00",
]


@pytest.mark.parametrize("value", [*NO_TIMES, None, 1_703_091_600, True, [], {}, b"2023-12-20 17:00:00"])
def test_anything_else_is_no_timestamp(value: object) -> None:
    assert feed_time(value) is None


def test_a_leap_day_is_a_day() -> None:
    assert feed_time("2024-02-29 00:00:00") == int(datetime(2024, 2, 29, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-12-20", 1_703_030_400),
        ("2023-12-20T18:55", 1_703_098_500),
        ("2023-12-20T18:55Z", 1_703_098_500),
        ("2023-12-20T00:00", 1_703_030_400),
    ],
)
def test_a_person_types_a_day_or_a_minute_always_in_utc(text: str, seconds: int) -> None:
    assert typed_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-12-20T",
        "2023-12-20T18",
        "2023-12-20T18:55+01:00",
        "2023-12-20T25:00",
        "2023-02-30",
        "20.12.2023",
        "2023-12-20T18:55ZZ",
        "2023-12-20\n",
        "٢023-12-20",
    ],
)
def test_any_other_text_is_no_typed_time(text: str) -> None:
    assert typed_time(text) is None


@QUICK
@given(st.integers(0, 2**33), st.floats(0, 0.999))
def test_times_are_shown_in_whole_seconds_of_utc(seconds: int, part: float) -> None:
    shown = iso(seconds + part)
    assert shown.endswith("Z")
    assert datetime.fromisoformat(shown).timestamp() == seconds


@QUICK
@given(MOMENTS.map(lambda moment: moment.replace(second=0)))
@example(datetime(1, 1, 5, tzinfo=UTC))
def test_a_time_that_is_shown_is_read_again_when_somebody_types_it(moment: datetime) -> None:
    seconds = int(moment.timestamp())
    assert typed_time(iso(seconds).removesuffix(":00Z") + "Z") == seconds
    assert day_of(seconds) == f"{moment.year:04}-{moment.month:02}-{moment.day:02}"


def test_the_earliest_time_is_the_beginning_of_2010_and_a_day_has_86400_seconds() -> None:
    assert iso(EARLIEST) == "2010-01-01T00:00:00Z"
    assert iso(EARLIEST + DAY) == "2010-01-02T00:00:00Z"


@QUICK
@given(MOMENTS.filter(lambda moment: moment.year > 999))
def test_the_date_of_an_http_answer_is_read(moment: datetime) -> None:
    assert http_time(format_datetime(moment, usegmt=True)) == moment.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "now", "1703098500", "2023-12-20T18:55:00Z", "Wed, 32 Dec 2023 18:55:00 GMT"),
        *("Wed, 20 Dec 2023 18:55:00", "Wed, 20 Dec 2023 18:55:00 -0000"),  # of whose zone?
        *("Wed, 20 Dec 99999 18:55:00 GMT", "Wed, 20 Dec 2023 18:55:00 +99999999"),
    ],
)
def test_what_is_no_date_of_an_http_answer_is_none(text: str) -> None:
    assert http_time(text) is None


@QUICK
@given(st.text())
def test_whatever_an_http_answer_calls_its_date_it_is_read_or_is_none(text: str) -> None:
    assert http_time(text) is None or isinstance(http_time(text), float)
