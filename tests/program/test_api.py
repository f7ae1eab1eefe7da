"""What the description of the API says, asked of a port in small (`make api` asks in large).

One rule: the requests are the same in each run.
"""

import orjson
import pytest

from aqi_service.core.query import DAYS, request_at
from aqi_service.web.openapi import description
from trials.api.__main__ import compare
from trials.api.rules import SENSORS, kept, known, series

SMALL = ("--max-examples=2", "--seed=1", "--phases=fuzzing", "--generation-deterministic")


async def test_schemathesis_finds_nothing_in_the_api(capfd: pytest.CaptureFixture[str]) -> None:
    found = await compare(*SMALL)
    told = capfd.readouterr().out
    assert found == 0, told
    count = len(orjson.loads(description().pieces[0])["paths"]) - 1  # all but where it has read that
    assert f"Selected: {count}/{count}" in told, told


def test_what_should_be_answered_keeps_the_rules_that_the_description_has_in_words() -> None:
    assert kept({"south": "9", "north": "-9.5", "west": "1"}) == {"south": "-9.5", "north": "9", "west": "1"}
    assert kept({"south": "1", "north": "2"}) == {"south": "1", "north": "2"}
    assert kept({"lat": "x"}) == {"lat": "x"}
    for given in ({"since": "0001-01-01"}, {"until": "9999-12-31T23:59Z"}):
        times = kept({"scale": "daqi", **given})
        assert request_at(DAYS, ["1"], times, 1_700_000_000.0)


def test_a_series_is_of_something_and_no_area_comes_twice() -> None:
    assert series(None) == series({}) == {"sensor": [SENSORS[0]]}
    assert series({"area": ["a,1,2,3", "a,1,2,4"]}) == {"area": ["a,1,2,3"]}


def test_an_id_is_now_and_then_that_of_a_sensor_that_there_is() -> None:
    assert known({"id": "3"})["id"] in SENSORS
    assert [known(words) for words in ({"id": "4"}, {"cc": "DE"})] == [{"id": "4"}, {"cc": "DE"}]
