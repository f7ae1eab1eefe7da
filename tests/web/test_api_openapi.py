"""The description of the API says what the API does."""

import importlib
import re
from typing import Any

import orjson
import pytest

from aqi_service.web.openapi import description
from aqi_service.web.paths import BASE, PATHS, Path
from tests.doubles.api_world import capture_served

DOCUMENT = orjson.loads(description().pieces[0])
PARTS = DOCUMENT["components"]
WORLD = {"south": "-90", "west": "-180", "north": "90", "east": "180"}
ASKED = {
    "records/{}": ("250451653", {}),
    "sensors/{}": ("1118", {"scale": "us-epa"}),
    "near": ("", {"place": "Stuttgart", "n": "9"}),
    "box": ("", WORLD),
    "countries/{}": ("DE", {"clean": "true"}),
    "area": ("", {"place": "Stuttgart", "km": "3"}),
    "places": ("", {"q": "Frankfurt"}),
    "sensors/{}/history": ("1118", {"since": "2017-08-09", "until": "2017-08-12"}),
    "sensors/{}/days": ("1118", {"since": "2017-08-09", "until": "2017-08-12"}),
    "scales": ("", {}),
    "snapshot": ("", {}),
    "rejects": ("", {}),
    "latest": ("", {}),
    "metrics": ("", {"sensor": "1118", "area": "Stuttgart,48.782,9.177,3"}),
}
"""What is asked for at each path: the word in it, and parameters."""

EACH = [(path, ending) for path in PATHS for ending in path.forms]


def operation(path: Path, ending: str) -> Any:
    name = "cc" if path.words.startswith("countries") else "id"
    return DOCUMENT["paths"][f"{BASE}/{path.words.replace('{}', f'{{{name}}}')}{ending}"]["get"]


def parameters(described: Any) -> list[Any]:
    return [PARTS["parameters"][each["$ref"].rpartition("/")[2]] for each in described["parameters"]]


def test_it_describes_every_path_in_each_form_and_no_other() -> None:
    described = {re.sub(r"\{[a-z]+\}", "{}", path) for path in DOCUMENT["paths"]}
    assert described == {f"{BASE}/{path.words}{ending}" for path, ending in EACH} | {f"{BASE}/openapi.json"}


@pytest.mark.parametrize(("path", "ending"), EACH)
def test_it_names_the_parameters_that_are_known_and_requires_those_that_are(path: Path, ending: str) -> None:
    asked = [each for each in parameters(operation(path, ending)) if each["in"] == "query"]
    assert {name for each in asked for name in names(each)} == set(path.endpoint.known)
    required = {name for name in path.endpoint.required if not (path.endpoint.has_point and name != "km")}
    point = {"lat", "lon", "place"} if path.endpoint.has_point else set()
    assert {name for each in asked if each["required"] for name in names(each)} == required | point


def names(parameter: Any) -> set[str]:
    """Give the names that a parameter has in an address: an object's are those of its properties."""
    if parameter["schema"].get("type") != "object":
        return {parameter["name"]}
    assert (parameter["style"], parameter["explode"]) == ("form", True)
    return {name for each in parameter["schema"]["oneOf"] for name in each["properties"]}


@pytest.mark.parametrize(("path", "ending"), EACH)
async def test_answers_are_of_the_type_and_the_form_that_it_says(path: Path, ending: str) -> None:
    word, values = ASKED[path.words]
    query = "&".join(f"{name}={value}" for name, value in values.items())
    async with capture_served() as world:
        reply = await world.ask(f"/{path.words.replace('{}', word)}{ending}?{query}")
    (content_type, content), *_ = operation(path, ending)["responses"]["200"]["content"].items()
    assert reply.status == 200
    assert reply.headers["Content-Type"].partition(";")[0] == content_type
    if "json" in content_type:
        assert faults(content["schema"], reply.json) == []


def faults(schema: Any, found: Any) -> list[str]:
    jsonschema: Any = importlib.import_module("jsonschema")  # it brings no types
    whole = {**closed(schema), "components": {"schemas": PARTS["schemas"]}}
    return [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(found)]


def closed(schema: Any) -> Any:
    """Return a schema that allows nothing that it does not name."""
    return {"allOf": [schema], "unevaluatedProperties": schema["$ref"].endswith("GeoJSON")}


def test_what_is_not_as_it_says_is_noticed() -> None:
    schema = {"$ref": "#/components/schemas/Places"}
    good = {"count": 0, "places": [], "attribution": "x", "licence": "y"}
    assert faults(schema, good) == []
    assert faults(schema, good | {"count": "0"})
    assert faults(schema, good | {"novelty": 1})


async def test_it_is_served_and_known_by_its_etag() -> None:
    async with capture_served() as world:
        reply = await world.ask("/openapi.json")
        known = await world.ask("/openapi.json", headers={"If-None-Match": reply.headers["Etag"]})
        wrong = await world.ask("/openapi.json?x=1")
    assert reply.json == DOCUMENT
    assert reply.json["openapi"] == "3.1.0"
    assert (known.status, wrong.status) == (304, 400)


@pytest.mark.parametrize("length", [8_200, 20_000])
async def test_a_request_line_that_is_too_long_is_refused_in_the_type_that_it_says(length: int) -> None:
    async with capture_served() as world:
        reply = await world.ask(f"/metrics?area={'a' * length},1,2,3")
        fits = await world.ask(f"/metrics?area={'a' * 8_000},1,2,3")
    described = PARTS["responses"]["BadRequest"]["content"]
    assert reply.status == fits.status == 400
    assert {reply.headers["Content-Type"].partition(";")[0], "application/problem+json"} == set(described)
    assert fits.headers["Content-Type"] == "application/problem+json"
