"""The sensors of docs/integrations.md for Home Assistant: templates rendered as there, on real replies.

It hands them `value`, the reply's text, and `value_json` where that is JSON, whatever the status. A value is
text. An availability is rendered strictly, is a Python literal, and counts as available if it fails.
"""

from ast import literal_eval
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from aqi_service.core.items import Item
from aqi_service.core.times import HOUR
from tests.doubles.api_world import ApiWorld, capture_items, capture_served, index_of, served
from tests.doubles.integrations_page import EXAMPLES
from tests.doubles.storage_doubles import MemoryStore

RESOURCES: list[dict[str, Any]] = yaml.safe_load(EXAMPLES["configuration.yaml"])["rest"]
HERE = "http://localhost:8080/api/v1"

PM25, INDEX, FLAGS, AREA = "aqi_1118_pm25", "aqi_1118_index", "aqi_1118_flags", "aqi_stuttgart_index"

KNOWN = {
    "name",
    "unique_id",
    "device_class",
    "state_class",
    "unit_of_measurement",
    "value_template",
    "availability",
}
UNITS = {"pm25": "µg/m³", "aqi": None, None: None}
"""What Home Assistant takes for the unit of such a device."""


def rendered(text: str, variables: Mapping[str, Any], undefined: type[Undefined]) -> str:
    return ImmutableSandboxedEnvironment(undefined=undefined).from_string(text).render(variables).strip()


def state(sensor: Mapping[str, str], body: bytes) -> str:
    """Give what a sensor shows of a reply."""
    variables: dict[str, Any] = {"value": body.decode()}
    with suppress(ValueError):
        variables["value_json"] = orjson.loads(body)
    try:
        available = literal_eval(rendered(sensor["availability"], variables, StrictUndefined))
    except TemplateError:
        pytest.fail("an error counts as available")
    assert isinstance(available, bool)
    return rendered(sensor["value_template"], variables, Undefined) if available else "unavailable"


async def states(world: ApiWorld) -> dict[str, str]:
    """Ask as Home Assistant does; give what each sensor shows, by its id."""
    found = dict[str, str]()
    for each in RESOURCES:
        reply = await world.ask(each["resource"].removeprefix(HERE))
        found |= {sensor["unique_id"]: state(sensor, reply.body) for sensor in each["sensor"]}
    return found


def test_a_sensor_is_set_up_as_home_assistant_wants_it() -> None:
    sensors = [sensor for each in RESOURCES for sensor in each["sensor"]]
    assert [sensor["unique_id"] for sensor in sensors] == [PM25, INDEX, FLAGS, AREA]
    for each in RESOURCES:
        assert set(each) == {"resource", "scan_interval", "sensor"}
        assert each["resource"].startswith(HERE)
    for sensor in sensors:
        assert set(sensor) <= KNOWN
        assert sensor.get("unit_of_measurement") == UNITS[sensor.get("device_class")]


async def test_the_sensors_show_what_the_service_answers() -> None:
    async with capture_served() as world:
        assert await states(world) == {PM25: "1.1", INDEX: "1", FLAGS: "none", AREA: "1"}


async def test_what_is_over_three_hours_old_is_not_shown_as_the_air_now() -> None:
    async with capture_served() as world:
        world.now += 3 * HOUR
        later = await states(world)
    assert later == {PM25: "unavailable", INDEX: "unavailable", FLAGS: "none", AREA: "unavailable"}


def changed(**changes: Any) -> tuple[Item, ...]:
    """Give a few of the capture's records, that of sensor 1118 with changes."""
    item = next(item for item in capture_items() if item.sensor_id == "1118")
    return (item._replace(**changes), *capture_items()[:2])


async def shown(*items: Item) -> dict[str, str]:
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world):
        return await states(world)


async def test_a_sensor_that_is_unknown_and_an_area_of_too_few_are_unavailable() -> None:
    assert set((await shown(*capture_items()[:2])).values()) == {"unavailable"}


async def test_a_service_that_has_nothing_yet_is_unavailable() -> None:
    async with served(ApiWorld()) as world:
        assert set((await states(world)).values()) == {"unavailable"}


async def test_of_a_sensor_without_pm25_the_index_is_shown_alone() -> None:
    states = await shown(*changed(pm25=None, pm10="60", aqi="5"))
    assert (states[PM25], states[INDEX]) == ("unavailable", "5")


NO_AGE = b'{"record": {"AQI": 1, "P2.5": {"value": 1}}, "AQI": 1, "age_seconds": null}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b"{}", b'{"record": null}', NO_AGE])
def test_a_reply_of_something_else_is_unavailable(body: bytes) -> None:
    sensors = [sensor for each in RESOURCES for sensor in each["sensor"]]
    assert {state(sensor, body) for sensor in sensors} == {"unavailable"}
