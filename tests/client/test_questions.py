"""The command's questions by sensor, by place and over time, as a process beside a server that knows some."""

import csv
import io
import json
from pathlib import Path

import pytest

from aqi_service.client import answers
from aqi_service.client import requests as client_requests
from aqi_service.core import requests as core_requests
from aqi_service.core.days import DAYS_HEADER
from aqi_service.core.sensor_rows import AREA_HEADER, NEAR_HEADER, SENSOR_HEADER
from tests.doubles.asked_world import asked
from tests.doubles.client_command import Ran, command, files
from tests.doubles.wire_fixtures import serving


def rows(ran: Ran, code: int = 0) -> list[dict[str, str]]:
    assert (ran.code, ran.err) == (code, "")
    return list(csv.DictReader(io.StringIO(ran.out.decode(), newline="")))


@pytest.mark.parametrize(
    ("arguments", "header", "sensors"),
    [
        ("--sensor 142", SENSOR_HEADER, ["142"]),
        ("--near 48.78,9.18 -n 2", NEAR_HEADER, ["141", "142"]),
        ("--near 48.78,9.18 --indoor -n 3", NEAR_HEADER, ["141", "142", "143"]),
        ("--near -33.9,151.2 -n 1", NEAR_HEADER, ["900"]),
        ("--near=-33.9,151.2 -n 1", NEAR_HEADER, ["900"]),
        ("--box -35,150,-33,152", SENSOR_HEADER, ["900"]),
        ("--box 48,9,49,10 --clean --indoor", SENSOR_HEADER, ["141", "142", "143"]),
        ("--country au", SENSOR_HEADER, ["900"]),
        ("--country FR", SENSOR_HEADER, []),
    ],
)
async def test_a_question_is_answered_by_its_rows_and_saves_nothing(
    arguments: str, header: str, sensors: list[str], tmp_path: Path
) -> None:
    async with asked() as there:
        ran = await command(*there.options, *arguments.split(), cwd=tmp_path)
    assert ran.out.startswith(header.encode())
    assert [row["sensor_id"] for row in rows(ran)] == sensors
    assert files(tmp_path) == {}


async def test_a_name_is_looked_up_and_one_place_of_that_name_is_taken_without_a_word(tmp_path: Path) -> None:
    async with asked() as there:
        ran = await command(*there.options, "--area", "Stuttgart,DE", "--km", "5", cwd=tmp_path)
    assert ran.out.startswith(AREA_HEADER.encode())
    assert (rows(ran)[0]["sensors"], rows(ran)[0]["left_out"]) == ("2", "1")
    assert there.requests[0] == "place Stuttgart,DE"
    assert there.requests[1].startswith("area 48.7")


async def test_of_several_places_the_largest_is_taken_and_stderr_says_how_to_name_another(
    tmp_path: Path,
) -> None:
    async with asked() as there:
        ran = await command(*there.options, "--near", "Frankfurt", "-n", "1", cwd=tmp_path)
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    assert len(ran.err.splitlines()) == 1
    assert "Frankfurt is taken for Frankfurt am Main,DE" in ran.err
    assert "Frankfurt (Oder),DE" in ran.err
    assert "give name and country like this" in ran.err


async def test_a_name_of_a_place_may_have_blanks(tmp_path: Path) -> None:
    async with asked() as there:
        ran = await command(*there.options, "--near", " New  York ", cwd=tmp_path)
    assert ran.code == 0
    assert there.requests[0] == "place New York"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--sensor", "77"], "sensor 77: Item not found"),
        (["--history", "77"], "sensor 77: Item not found"),
        (["--days", "77", "--since", "2023-01-01", "--until", "2023-12-20"], "sensor 77: Item not found"),
        (["--near", "Atlantis on Sea"], "Atlantis on Sea: no such place is known"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json", "table"])
async def test_an_unknown_sensor_or_place_is_exit_code_1(
    arguments: list[str], says: str, form: str, tmp_path: Path
) -> None:
    async with asked() as there:
        ran = await command(*there.options, *arguments, "--format", form, cwd=tmp_path)
    assert (ran.code, ran.out) == (1, b"")
    assert says in ran.err


@pytest.mark.parametrize(("kind", "header"), [("--days", DAYS_HEADER), ("--history", SENSOR_HEADER)])
@pytest.mark.parametrize(
    "times", [("2011-01-01", "2013-01-01"), ("2005-01-01", "2006-01-01")], ids=["before it", "before all"]
)
async def test_a_known_sensor_without_a_record_in_that_time_is_the_header_line_alone(
    kind: str, header: str, times: tuple[str, str], tmp_path: Path
) -> None:
    since, until = times
    async with asked() as there:
        ran = await command(*there.options, kind, "141", "--since", since, "--until", until, cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, header.encode(), "")


async def test_a_time_of_any_length_is_one_csv_in_requests_that_the_server_answers(tmp_path: Path) -> None:
    async with asked() as there:
        days = await command(
            *there.options, *["--days", "141", "--since", "2021-11-01", "--until", "2023-12-20"], cwd=tmp_path
        )
        assert len(there.requests) == 2
        span = ("--since", "2022-12-20", "--until", "2023-12-20")
        year = await command(*there.options, "--history", "141", *span, cwd=tmp_path)
        assert len(there.requests) == 2 + 12
    assert days.out.count(b"sensor_id") == 1
    dates = [row["date"] for row in rows(days)]
    assert dates == sorted(set(dates))
    assert (dates[-1], len(dates)) == ("2023-12-19", 779)
    times = [row["timestamp"] for row in rows(year)]
    assert times == sorted(set(times))
    assert len(times) == 365


async def test_without_an_end_the_server_says_what_now_is(tmp_path: Path) -> None:
    async with asked() as there:
        await command(*there.options, "--history", "141", cwd=tmp_path)
        await command(*there.options, "--days", "141", "--until", "2023-12-10T12:00", cwd=tmp_path)
    assert there.requests == ["history 141", "days 141 2023-11-10T12:00Z 2023-12-10T12:00Z"]


async def test_the_days_of_every_sensor_of_a_place_are_one_csv(tmp_path: Path) -> None:
    arguments = "--box 48,9,49,10 --indoor --days --since 2023-12-10 --until 2023-12-21 --scale us-epa"
    async with asked() as there:
        ran = await command(*there.options, *arguments.split(), cwd=tmp_path)
    found = rows(ran)
    assert [row["sensor_id"] for row in found] == ["141"] * 11 + ["142", "143"]
    assert {row["scale"] for row in found if row["scale"]} == {"us-epa"}
    assert there.requests[0] == "box 48 9 49 10 indoor"
    assert ran.out.count(b"sensor_id") == 1


async def test_the_days_of_no_sensor_are_the_header_line_alone(tmp_path: Path) -> None:
    async with asked() as there:
        ran = await command(*there.options, *["--country", "FR", "--days"], cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, DAYS_HEADER.encode(), "")


async def test_the_days_of_over_500_sensors_are_not_asked_for(tmp_path: Path) -> None:
    payloads: list[bytes] = []

    async def answer(payload: bytes) -> bytes:
        payloads.append(payload)
        return b"id,sensor_id\r\n" + b"".join(b"1,%d\r\n" % number for number in range(501))

    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "--country", "DE", "--days", cwd=tmp_path)
    assert (ran.code, ran.out, payloads) == (2, b"", [b"country DE"])
    assert "501 sensors" in ran.err
    assert "at most 500" in ran.err


async def test_rows_are_saved_in_one_file_where_a_folder_is_named(tmp_path: Path) -> None:
    async with asked() as there:
        arguments = ["--near", "Stuttgart,DE", "--format", "json", "--output-dir", "."]
        ran = await command(*there.options, *arguments, cwd=tmp_path)
    (saved,) = files(tmp_path).items()
    assert saved[0] == "data_near_Stuttgart_DE.csv"
    assert saved[1].startswith(NEAR_HEADER.encode())
    assert len(saved[1].splitlines()) - 1 == len(ran.out.splitlines()) == 3


async def test_what_did_not_come_whole_is_printed_and_not_saved(tmp_path: Path) -> None:
    replies = iter(
        [
            DAYS_HEADER.encode() + b"7,2022-01-01,1,,,,,,,,,,\r\n",
            b"Unavailable: used up",
            DAYS_HEADER.encode(),
        ]
    )

    async def answer(_: bytes) -> bytes:
        return next(replies)

    arguments = ["--days", "7", "--since", "2020-01-01", "--until", "2023-01-01", "--output-dir", "."]
    async with serving(answer) as served:
        ran = await command("--port", str(served.port), *arguments, cwd=tmp_path)
    assert (ran.code, len(ran.out.splitlines())) == (3, 2)
    assert "days 7 2021-02-04T00:00Z 2022-03-11T00:00Z: Unavailable: used up" in ran.err
    assert "no file is saved" in ran.err
    assert files(tmp_path) == {}


async def test_json_has_the_numbers_digit_for_digit(tmp_path: Path) -> None:
    async with asked() as there:
        here, form = "48.78,9.18", ["--format", "json"]
        ran = await command(*there.options, "--near", here, "-n", "1", *form, cwd=tmp_path)
        area = await command(*there.options, "--area", here, "--km", "5", "--indoor", *form, cwd=tmp_path)
    found = json.loads(ran.out, parse_float=str, parse_int=int)
    assert (found["distance_km"], found["P2.5"], found["indoor"]) == ("0.000", "0.9", 0)
    assert (found["id"], found["sensor_id"], found["humidity"]) == ("11", "141", None)
    summed = json.loads(area.out, parse_float=str)
    assert (summed["sensors"], summed["radius_km"], summed["P2.5_q1"]) == (3, 5, "0.9")


async def test_a_table_is_aligned_and_stderr_says_what_the_numbers_are_not(tmp_path: Path) -> None:
    async with asked() as there:
        ran = await command(*there.options, *["--box", "48,9,49,10", "--format", "table"], cwd=tmp_path)
    header, *lines = ran.out.decode().splitlines()
    assert header.split()[:3] == ["sensor_id", "timestamp", "P2.5"]
    assert len(lines) == 2
    assert [line.index("0.9" if "0.9" in line else " 37") for line in lines] == [header.index("P2.5") + 1] * 2
    assert "\x1b" not in ran.out.decode()
    assert len(ran.err.splitlines()) == 1
    assert "scale daqi" in ran.err
    assert "no health advice" in ran.err


async def test_records_by_id_are_a_table_too(tmp_path: Path) -> None:
    async with asked() as there:
        ran = await command(*there.options, "11", "12", "--no-save", "--format", "table", cwd=tmp_path)
    header, *lines = ran.out.decode().splitlines()
    assert header.split()[:2] == ["id", "latitude"]
    assert [line.split()[0] for line in lines] == ["11", "12"]


async def test_an_older_servers_sentence_is_shown_as_it_is(tmp_path: Path) -> None:
    async def answer(_: bytes) -> bytes:
        return b"Bad request: a record id is 1 to 20 decimal digits"

    async with serving(answer) as served:
        for arguments in (["--near", "Stuttgart"], ["--country", "DE"]):
            ran = await command("--port", str(served.port), *arguments, cwd=tmp_path)
            assert (ran.code, ran.out) == (2, b"")
            assert ran.err.endswith(": Bad request: a record id is 1 to 20 decimal digits\n")


async def test_a_reply_of_four_mebibytes_is_taken(tmp_path: Path) -> None:
    row = b"1,7,%s\r\n" % (b"x" * 1000)
    body = b"id,sensor_id,note\r\n" + row * (4_190_000 // len(row))

    async def answer(_: bytes) -> bytes:
        return body

    async with serving(answer) as served:
        ran = await command("--port", str(served.port), "--country", "DE", cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, body, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["1", "--country", "DE"], "two questions"),
        (["--sensor", "1", "--country", "DE"], "--sensor and --country are two questions"),
        (["--country", "DE", "--days", "7"], "--country and --days are two questions"),
        (["--area", "48,9", "--km", "3", "--days"], "not with --area"),
        (["--days"], "--days needs a sensor's ID"),
        (["--sensor", "x"], "'x' is no sensor id"),
        (["--sensor", ""], "needs a sensor's ID"),
        (["--near", "48,9", "-n", "x"], "-n is a whole number"),
        (["--near", "48,9,10"], "a place is LAT,LON"),
        (["--near", ""], "a place is LAT,LON"),
        (["--near", "48,"], "a place is LAT,LON"),
        (["--area", "48,9"], "--area needs --km"),
        (["--area", "48,9", "--km", "x"], "--km is a number"),
        (["--box", "1,2,3"], "a box is S,W,N,E"),
        (["--country", "Germany"], "a country is two letters"),
        (["--days", "1", "--since", "yesterday"], "a time is 2023-12-20"),
        (["--days", "1", "--since", "2023-01-02", "--until", "2023-01-02"], "--since is not before --until"),
        (["--near", "48,9", "--since", "2023-01-02"], "--since goes with --history or --days"),
        (["--country", "DE", "-n", "3"], "-n goes with --near"),
        (["--sensor", "1", "--clean"], "--clean goes with"),
        (["1", "--scale", "daqi"], "--scale goes with"),
        (["--country", "DE", "--scale", "a b"], "'a b' is not one word"),
        (["--near", "x" * 2000], "too long"),
        (["--near", b"\xff".decode("utf-8", "surrogateescape")], "no text in UTF-8"),
        (["--country", "DE", "--output-dir", "missing"], "missing is no folder"),
    ],
)
async def test_a_question_that_says_nothing_is_one_sentence(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    async with asked() as there:
        ran = await command(*there.options, *arguments, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, b"")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert there.requests == []


def test_the_clients_limits_are_the_servers() -> None:
    most = {"history": core_requests.MOST_HISTORY_DAYS, "days": core_requests.MOST_DAYS}
    usual = {"history": core_requests.USUAL_HISTORY_DAYS, "days": core_requests.USUAL_DAYS}
    assert (most, usual) == (client_requests.MOST_DAYS, client_requests.USUAL_DAYS)
    assert answers.MOST_SENSORS == 500
