"""The library's questions by sensor, by place and over time."""

import pytest

from aqi_service.client import Area, Choice, Client, Day, Measurement, Place
from aqi_service.client.rows import columns
from aqi_service.core.days import DAYS_HEADER
from aqi_service.core.places import PLACE_HEADER
from aqi_service.core.sensor_rows import AREA_HEADER, NEAR_HEADER
from aqi_service.errors import BadQuestion, Refused, ServerGone
from tests.doubles.asked_world import asked
from tests.doubles.wire_fixtures import on_each_loop, serving


@pytest.mark.parametrize(
    ("kind", "header"),
    [(Measurement, NEAR_HEADER), (Area, AREA_HEADER), (Day, DAYS_HEADER), (Place, PLACE_HEADER.decode())],
)
def test_a_value_has_the_columns_that_the_server_writes(kind: type, header: str) -> None:
    assert ",".join(columns(kind)) == header.rstrip()


@on_each_loop
async def test_each_question_has_its_values() -> None:
    async with asked() as there, Client("127.0.0.1", int(there.options[1])) as client:
        sensor = await client.sensor(142)
        assert sensor is not None
        assert (sensor.id, sensor.pm25, sensor.aqi, sensor.scale) == ("12", "37", "4", "daqi")
        assert sensor.distance_km == ""
        assert await client.sensor("77") is None
        near = await client.near(48.78, 9.18, 3, Choice(indoor=True))
        assert [(each.sensor_id, each.distance_km) for each in near[:2]] == [
            ("141", "0.000"),
            ("142", "1.112"),
        ]
        assert [each.sensor_id for each in await client.box(-34, "151", -33, 152.5)] == ["900"]
        assert [each.sensor_id for each in await client.country("AU")] == ["900"]
        area = await client.area(48.78, 9.18, 5, Choice(indoor=True, scale="us-epa"))
        assert (area.sensors, area.pm25, area.scale) == ("3", "0.9", "us-epa")
        places = await client.place("Frankfurt,DE")
        assert places[0].name == "Frankfurt am Main"
        assert await client.place("Atlantis on Sea") == []


@on_each_loop
async def test_a_long_time_is_one_list() -> None:
    async with asked() as there, Client("127.0.0.1", int(there.options[1])) as client:
        days = await client.days(141, "2022-01-01", "2023-12-20", scale="us-epa")
        records = await client.history(141, "2023-10-01", "2023-12-20T18:00")
    assert (days[0].date, len(days), days[0].scale) == ("2022-01-01", 718, "us-epa")
    assert (records[-1].id, len(records)) == ("11", 81)


@on_each_loop
async def test_what_cannot_be_asked_is_not_sent_and_what_is_refused_is_said() -> None:
    async with asked() as there, Client("127.0.0.1", int(there.options[1])) as client:
        with pytest.raises(BadQuestion, match="a time is"):
            await client.days(141, "yesterday")
        assert there.requests == []
        with pytest.raises(Refused, match=r"^Bad request: a latitude is"):
            await client.near(91, 0)
        assert await client.country("FR") == []


@on_each_loop
@pytest.mark.parametrize("reply", [b"", b"\xff", b"a,a\r\n", b"a,b\r\n1\r\n", b'a\r\n"1'])
async def test_a_broken_reply_of_rows_is_an_error_with_a_sentence(reply: bytes) -> None:
    async def answer(_: bytes) -> bytes:
        return reply

    async with serving(answer) as served, Client("127.0.0.1", served.port) as client:
        with pytest.raises(ServerGone, match="broken reply"):
            await client.country("DE")
        with pytest.raises(ServerGone, match="broken reply"):
            await client.area(1, 2, 3)
