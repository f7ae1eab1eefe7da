"""A day's daily files into one record a sensor: means, hours, and what a bad row or file costs."""

import gzip
import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.day_names import DayName, parse_day_name
from aqi_service.core.items import Item
from aqi_service.core.parse.day_csv import DayCounts, DayDocument
from aqi_service.core.parse.day_means import LEAST_HOURS
from aqi_service.core.parse.day_rows import LINE_LIMIT, MOST_PLACES, DayRows, DayValues
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.scales import DAQI
from aqi_service.errors import SnapshotRejected
from tests.doubles.day_files import (
    PMS5003,
    SDS011,
    SPS30,
    csv_of,
    day_of,
    hours,
    name_of,
    reference,
    row,
)
from tests.doubles.documents import QUICK

END = 1_703_116_799
"""2023-12-20T23:59:59Z."""

RULES = ScoringRules(DAQI, END, daily=True)

Files = Sequence[tuple[str, bytes]]


def read(files: Files, step: int = 1 << 20, limit: int = 1 << 30) -> tuple[bytes, DayCounts]:
    """Read files, so many bytes at a time."""
    names = [parse_day_name(file) for file, _ in files]
    document = DayDocument([name for name in names if name], limit)
    out = b""
    for name, (_, body) in zip(names, files, strict=True):
        assert name
        reader = document.open(name)
        for start in range(0, len(body), step):
            reader.feed(body[start : start + step])
        reader.close()
        out += document.close(name)
    return out + document.end(), document.counts


def outcomes(files: Files, step: int = 1 << 20) -> tuple[list[Item], list[Rejection], DayCounts]:
    text, counts = read(files, step)
    reader = DocumentReader(RULES)
    batches = [*reader.feed(text), *reader.close()]
    return [i for b in batches for i in b.items], [r for b in batches for r in b.rejections], counts


def one(*rows: Any, header: str = SDS011, file: str = name_of(), end: str = "\n") -> Item:
    [item], _, _ = outcomes([(file, csv_of(rows, header, end))])
    return item


def why(*rows: Any, header: str = SDS011, file: str = name_of()) -> str:
    _, [rejection], _ = outcomes([(file, csv_of(rows, header))])
    return rejection.reason


def test_a_day_is_one_item_with_its_id_its_last_second_and_the_hours_behind_its_means() -> None:
    [item], [], counts = outcomes([(name_of(), day_of())])
    assert item == Item(
        id="9202312200000000123", latitude="48.8", longitude="9.2", timestamp="2023-12-20 23:59:59",
        date="2023-12-20", pm25="7.5", pm10="12.5", aqi="1", aqi_range="Low", sensor_id="123",
        sensor_type="SDS011", indoor="0", measured_at=END, snapshot_at=END, scale="daqi",
        aqi_pollutant="P2.5", hours_p25="24", hours_p10="24",
    )  # fmt: skip
    assert (counts.files, counts.days, counts.hours_missing, dict(counts.warnings)) == (1, 1, 0, {})


def test_a_mean_is_of_hourly_means_so_an_hour_with_many_values_counts_once() -> None:
    many = [row(f"00:{minute:02}:00", p1="100", p2="50") for minute in range(60)]
    item = one(*many, *hours(*range(1, 24), p1="4", p2="2"))
    assert (item.pm10, item.pm25) == ("8", "4")  # (100 + 23 * 4) / 24, and half of it


@pytest.mark.parametrize(
    ("last", "mean"), [("0.12", "0.01"), ("0.119", "0"), ("0.36", "0.02"), ("0.121", "0.01")]
)
def test_a_mean_has_two_decimals_half_up(last: str, mean: str) -> None:
    assert one(*hours(*range(23), p2="0"), *hours(23, p2=last)).pm25 == mean  # 0.12 / 24 is 0.005


def test_eighteen_hours_make_a_day_and_seventeen_do_not() -> None:
    assert one(*hours(*range(LEAST_HOURS))).hours_p25 == "18"
    assert why(*hours(*range(LEAST_HOURS - 1))) == "too_few_hours"


def test_a_pollutant_of_too_few_hours_is_left_out_and_its_hours_say_why() -> None:
    item = one(*hours(*range(17)), *hours(*range(17, 24), p1=""))
    assert (item.pm10, item.pm25, item.hours_p10, item.hours_p25) == (None, "7.5", "17", "24")


@pytest.mark.parametrize(
    ("kind", "text"),
    [("P2", "999"), ("P2", "-1"), ("P1", "1999.90"), ("P2", "nan"), ("P2", "1e2"), ("P2", "unavailable")],
)
def test_values_out_of_range_and_no_numbers_do_not_count(kind: str, text: str) -> None:
    rows = [each | {kind: text} for each in hours(*range(20))]
    [item], [], counts = outcomes([(name_of(), csv_of([*rows, *hours(*range(19))]))])
    assert (item.hours_p10, item.hours_p25) == (("19", "20") if kind == "P1" else ("20", "19"))
    assert counts.warnings == {"bad_value": 20}


def test_a_day_of_failed_values_alone_has_no_value() -> None:
    assert why(*hours(*range(24), p1="1999.9", p2="999.9")) == "no_pm_value"


def test_a_sensor_that_counts_particles_does_not_count() -> None:
    rows = hours(*range(24), sensor_type="PPD42NS")
    assert why(*rows, file=name_of(kind="ppd42ns")) == "not_mass"


@pytest.mark.parametrize("kind", ["PPD42NS", "ppd42ns", ""])
def test_particles_that_were_counted_are_in_no_mean_of_what_else_a_sensor_sent(kind: str) -> None:
    counted = csv_of([each | {"sensor_type": kind} for _ in range(3) for each in hours(*range(24), p2="900")])
    files = [(name_of(kind="ppd42ns"), counted), (name_of(), day_of())]
    for some in (files, files[::-1]):
        [item], [], counts = outcomes(some)
        assert (item.pm25, item.hours_p25, item.sensor_type) == ("7.5", "24", "SDS011")
        assert counts.warnings == {}


@pytest.mark.parametrize("header", [PMS5003, SPS30, ";".join(reversed(PMS5003.split(";")))])
def test_columns_are_found_by_their_names(header: str) -> None:
    item = one(*hours(*range(24), P0="1", P4="9999", N05="5"), header=header)
    assert (item.pm10, item.pm25, item.latitude) == ("12.5", "7.5", "48.8")


@pytest.mark.parametrize("step", [7, 1 << 20])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    "second", [SDS011, PMS5003.replace("P1;P2", "P2;P1"), ";".join(reversed(SDS011.split(";")))]
)
def test_each_header_of_files_put_one_behind_the_other_counts_for_what_follows(
    second: str, mark: str, step: int
) -> None:
    body = csv_of(hours(*range(12)), PMS5003) + mark.encode() + csv_of(hours(*range(12, 24)), second)
    [item], [], counts = outcomes([(name_of(), body)], step)
    assert (item.pm10, item.pm25, item.hours_p10, item.hours_p25) == ("12.5", "7.5", "24", "24")
    assert counts.warnings == {}


@pytest.mark.parametrize(("missing", "has"), [("P1", "pm25"), ("P2", "pm10")])
def test_a_file_may_have_one_pollutant_alone(missing: str, has: str) -> None:
    header = ";".join(name for name in PMS5003.split(";") if name != missing)
    item = one(*hours(*range(24)), header=header)
    assert [field for field in ("pm25", "pm10", "hours_p25", "hours_p10") if getattr(item, field)] == [
        has, f"hours_p{has[2:]}",
    ]  # fmt: skip


def test_a_sensor_without_particles_is_passed_over() -> None:
    text, _ = read([(name_of(kind="bme280"), csv_of(hours(1), "sensor_id;timestamp;temperature"))])
    reader = DocumentReader(RULES)
    assert [*reader.feed(text), *reader.close()][0].items == []
    assert (reader.counts.records, reader.counts.without_pm) == (1, 1)


@pytest.mark.parametrize(
    ("timestamp", "hour"),
    [
        ("2023-12-20T05:10:00", 5), ("2023-12-20 05:10:00", 5), ("2023-12-20T05:10:00Z", 5),
        ("2023-12-20T05:10:00.123456", 5), ("2023-12-20T05:10:00+00:00", 5),
        ("2023-12-21T00:30:00+01:00", 23),
        ("2023-12-20 00:30:00-05:00", 5),
    ],
)  # fmt: skip
def test_timestamps_are_utc_with_or_without_t_fraction_and_zone(timestamp: str, hour: int) -> None:
    others = hours(*(n for n in range(18) if n != 5))
    item = one(*others, row(timestamp))
    assert item.hours_p25 == "18"
    assert one(*hours(*range(18)), row(timestamp)).hours_p25 == ("19" if hour == 23 else "18")


def test_rows_of_another_day_or_sensor_and_torn_ones_cost_themselves_alone() -> None:
    good = csv_of(hours(*range(18))).decode().splitlines()
    bad = [
        "123;SDS011;62;48.8;9.2;2023-12-21T00:00:00;1;;;1;;",
        "123;SDS011;62;48.8;9.2;2023-12-20T00:00:00+01:00;1;;;1;;",
        "124;SDS011;62;48.8;9.2;2023-12-20T20:00:00;1;;;1;;",
        "123;SDS011;62;48.8;9.2;2023-12-20T20:00",
        "123;SDS011;62;48.8;9.2;2023-12-20T24:00:00;1;;;1;;",
        "123;SDS011;62;48.8;9.2;2023-12-20T20:00:00;1;;;1;;;;",
        "x" * (LINE_LIMIT + 10),
        "",
    ]
    [item], [], counts = outcomes([(name_of(), "\n".join([*good, *bad, good[1], ""]).encode())], step=1000)
    assert (item.pm25, item.hours_p25) == ("7.5", "18")
    assert counts.warnings == {"other_day": 2, "other_sensor": 1, "bad_row": 4}


def test_a_line_that_is_too_long_is_passed_over_whatever_pieces_it_comes_in() -> None:
    long = csv_of(hours(19, durP1="x" * LINE_LIMIT))
    body = b"y" * (LINE_LIMIT + 1) + b"\n" + csv_of(hours(*range(18))) + long[len(SDS011) + 1 :]
    for tail, odd in ((b"", {"bad_row": 2}), (b"z" * (LINE_LIMIT + 1), {"bad_row": 3})):
        whole = read([(name_of(), body + tail)])
        assert whole[1].warnings == odd
        assert b'"hours":{"P1":18,"P2":18}' in whole[0]
        for step in (999, LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, len(long)):
            assert read([(name_of(), body + tail)], step) == whole


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_file_cut_in_its_last_line_costs_that_line(cut: int) -> None:
    body = csv_of(hours(*range(20)), PMS5003)
    [item], [], counts = outcomes([(name_of(), body[:-cut])])
    assert (item.hours_p25, counts.warnings) == (
        "19" if cut > 1 else "20",
        {"cut_line": 1} if cut > 1 else {},
    )


def test_a_last_line_that_may_be_cut_within_a_value_is_not_taken() -> None:
    header = PMS5003.removesuffix(";P0")
    [item], [], counts = outcomes([(name_of(), csv_of(hours(*range(20)), header)[:-1])])
    assert (item.hours_p25, counts.warnings) == ("19", {"cut_line": 1})


def test_a_packed_file_cut_short_or_damaged_gives_what_can_be_read() -> None:
    noise = random.Random(5)  # noqa: S311  # no secret
    rows = [each | {"P0": noise.random()} for each in hours(*range(24)) for _ in range(40)]
    packed = gzip.compress(csv_of(rows, PMS5003), mtime=0)
    [item], [], counts = outcomes([(name_of(ending=".csv.gz"), packed[: len(packed) * 9 // 10])])
    assert 18 <= int(item.hours_p25 or 0) < 24
    assert counts.warnings["damaged_file"] == 1
    broken = packed[:200] + bytes([packed[200] ^ 255]) + packed[201:]
    _, _, counts = outcomes([(name_of(), broken)])
    assert counts.warnings["damaged_file"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>404</body></html>\n", b"sensor_id;lat\n123;5\n", gzip.compress(b"", mtime=0)]
)
def test_a_file_that_is_no_daily_file_says_so(body: bytes) -> None:
    _, [rejection], counts = outcomes([(name_of(), body)])
    assert (rejection.reason, rejection.id, counts.days) == ("bad_header", "9202312200000000123", 0)


def test_a_sensor_is_indoors_if_a_file_of_it_says_so() -> None:
    assert one(*hours(*range(24)), file=name_of(ending="_indoor.csv")).indoor == "1"


def test_a_sensor_that_moved_is_where_most_of_its_rows_are_in_whatever_order() -> None:
    rows = [*hours(*range(10), lat="1"), *hours(*range(10, 24), lat="2")]
    for order in (rows, rows[::-1], sorted(rows, key=str)):
        assert one(*order).latitude == "2"
    tie = [*hours(*range(12), lat="1"), *hours(*range(12, 24), lat="2")]
    assert {one(*order).latitude for order in (tie, tie[::-1])} == {"1"}


def test_a_file_of_endless_places_is_kept_in_bounded_memory() -> None:
    values = DayValues("sds011")
    reading = DayRows(DayName(19_711, "sds011", 123, indoor=False), values, Counter())
    reading.feed(csv_of(row("00:00:00", lat=f"{n}" * 100) for n in range(MOST_PLACES + 50)))
    assert len(values.places) == MOST_PLACES
    assert max(len(cell) for place in values.places for cell in place) == 64


def test_the_type_is_the_names_where_no_row_has_it() -> None:
    assert one(*hours(*range(24), sensor_type=""), file=name_of(kind="sps30")).sensor_type == "SPS30"


def test_a_byte_order_mark_is_no_part_of_the_first_columns_name() -> None:
    [item], [], _ = outcomes([(name_of(), b"\xef\xbb\xbf" + day_of())])
    assert item.hours_p25 == "24"


@pytest.mark.parametrize("header", [SDS011, ";".join(reversed(PMS5003.split(";")))])
@pytest.mark.parametrize("end", ["\r\n", "\r\r\n"])
def test_line_ends_may_be_those_of_windows(header: str, end: str) -> None:
    assert one(*hours(*range(24)), header=header, end=end).pm25 == "7.5"


def test_a_carriage_return_within_a_number_makes_no_other_number_of_it() -> None:
    item = one(*hours(*range(23), p2="7"), *hours(23, p2="9\r9"))
    assert (item.pm25, item.hours_p25) == ("7", "23")


@pytest.mark.parametrize(("start", "end"), [("", "\n"), ("\ufeff", "\r\n")])
def test_cells_may_be_quoted_whole_and_a_quote_within_a_number_makes_no_other_number_of_it(
    start: str, end: str
) -> None:
    rows = [*hours(*range(22), p2="7"), *hours(22, p2='9"9'), *hours(23, p2='"9')]
    lines = csv_of(rows, SDS011).decode().splitlines()
    quoted = start + "".join(";".join(f'"{cell}"' for cell in line.split(";")) + end for line in lines)
    [item], [], counts = outcomes([(name_of(), quoted.encode())])
    assert (item.pm25, item.hours_p25, item.hours_p10) == ("7", "22", "24")
    assert counts.warnings == {"bad_value": 2}


def test_files_of_one_sensor_are_one_record_and_hours_missing_are_those_without_any_value() -> None:
    files = [
        (name_of(), csv_of(hours(*range(12)))),
        (name_of(7), day_of(7, 20)),
        (name_of(ending=".csv.gz"), gzip.compress(csv_of(hours(*range(10, 24))))),
        (name_of(9), b""),
    ]
    items, [no_header], counts = outcomes(files)
    assert [(item.sensor_id, item.hours_p25) for item in items] == [("7", "20"), ("123", "24")]
    assert (counts.files, counts.days, counts.hours_missing, no_header.reason) == (4, 2, 4, "bad_header")


def test_a_record_of_the_feed_has_no_hours_and_no_reason_of_its_own_whatever_it_says() -> None:
    text, _ = read([(name_of(), day_of(count=3))])
    reader = DocumentReader(ScoringRules(DAQI, END))
    [batch] = [*reader.feed(text), *reader.close()][:1]
    assert [rejection.reason for rejection in batch.rejections] == ["no_pm_value"]


def test_a_day_larger_than_allowed_is_rejected_whichever_file_it_shows_in() -> None:
    files = [(name_of(1), day_of(1)), (name_of(2, ending=".csv.gz"), gzip.compress(day_of(2) * 100))]
    with pytest.raises(SnapshotRejected, match=r"the day's files are larger than 10000 bytes; --max-bytes"):
        read(files, limit=10_000)


# Beside another way of reading.

TEXTS = st.one_of(
    st.decimals(-5, 2100, places=2).map(str),
    st.decimals(0, 100, places=9).map(lambda value: f"{value:f}"),
    st.sampled_from(
        ["", "0", ".5", "7.5", "999", "1999", "998.999999999", "nan", "unavailable", "1e3", "+5"]
    ),
)
USABLE = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)")


def is_usable(text: str) -> bool:
    return USABLE.fullmatch(text) is not None


@st.composite
def days(draw: st.DrawFn) -> list[Any]:
    """Rows of most hours, some with several, some odd, in any order."""
    picked = draw(st.lists(st.integers(0, 23), min_size=15, max_size=24, unique=True))
    more = draw(st.lists(st.integers(0, 23), max_size=12))
    rows = [
        row(f"{hour:02}:{draw(st.integers(0, 59)):02}:00", p1=draw(TEXTS), p2=draw(TEXTS))
        for hour in [*picked, *more]
    ]
    return draw(st.permutations(rows))


@QUICK
@given(
    days(), st.sampled_from([SDS011, PMS5003, SPS30]), st.integers(1, 300), st.integers(1, 3), st.randoms()
)
def test_values_are_those_of_another_way_of_reading_whatever_the_order_and_the_pieces(
    rows: list[Any], header: str, step: int, parts: int, chance: random.Random
) -> None:
    bodies = [csv_of(rows[part::parts], header) for part in range(parts)]
    files = [(name_of(ending=chance.choice([".csv", ".csv.gz"])), body) for body in bodies]
    chance.shuffle(files)
    files = [(file, gzip.compress(body) if file.endswith(".gz") else body) for file, body in files]
    [record] = orjson.loads(read(files, step)[0])
    given = {each["value_type"]: each["value"] for each in record["sensordatavalues"]}
    for kind in ("P1", "P2"):
        value, count = reference(bodies, kind, is_usable)
        assert (given.get(kind), record["hours"][kind]) == (value, count)


@QUICK
@given(st.lists(st.binary(max_size=60) | st.sampled_from([f"{SDS011}\n".encode(), day_of(), b"123;", b"\n"])))
def test_whatever_bytes_a_file_has_it_is_one_record_in_any_pieces(parts: list[bytes]) -> None:
    body = b"".join(parts)
    whole, counts = read([(name_of(), body)])
    assert len(orjson.loads(whole)) == 1
    assert read([(name_of(), body)], 7) == (whole, counts)
