"""What docs/api.md shows is what the API answers."""

import re

import orjson
import pytest

from aqi_service.core.query import Endpoint
from aqi_service.core.requests import (
    MOST_DAYS,
    MOST_LOADS,
    MOST_METRIC_AREAS,
    MOST_METRIC_SENSORS,
    MOST_PAGE,
    MOST_REJECTS,
    MOST_ROWS,
)
from aqi_service.lookup.latest import LEAST_SECONDS, MOST_ASKED
from aqi_service.server.large_replies import HTTP_SLOTS, PATIENCE_SECONDS
from aqi_service.web.bodies import SEND_SECONDS
from aqi_service.web.paths import PATHS
from aqi_service.web.problems import RETRY_SECONDS
from tests import ROOT
from tests.doubles.api_world import capture_served

API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^`GET /api/v1(\S+)`\n\n```(json|csv|text)\n(.*?)^```$", API, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == API.count("`GET ") == API.count("```") // 2 >= 8


@pytest.mark.parametrize(("path", "form", "shown"), EXAMPLES)
async def test_an_example_is_what_is_answered(path: str, form: str, shown: str) -> None:
    async with capture_served() as world:
        reply = await world.ask(path)
    assert form in reply.headers["Content-Type"]
    if form == "json":
        assert orjson.loads(shown) == reply.json
    else:
        assert shown == reply.body.decode().replace("\r\n", "\n")


def test_the_table_has_every_path_with_its_parameters_and_forms() -> None:
    rows = re.findall(r"^\| (`/[^|]*?) \|\s*([^|]*?)\s*\| [^|]*? \| ([^|]*?) \|$", API, re.MULTILINE)
    shown = {re.sub(r"\{\w+\}", "{}", re.split(r"[`.]/?", each)[1]).strip("/"): each for each, *_ in rows}
    assert set(shown) - {"openapi"} == {path.words for path in PATHS}
    for path in PATHS:
        row = next(row for row in rows if row[0] == shown[path.words])
        assert set(re.findall(r"`(\w+)`", row[1])) == set(path.endpoint.known) - {"scale"}
        if path.words != "latest":
            forms = ["text"] if path.words == "metrics" else ["JSON", "CSV", "GeoJSON"]
            assert row[2].split(", ") == forms[: len(path.forms)]


def test_the_paths_without_a_scale_are_those_that_are_named() -> None:
    without = [path.endpoint for path in PATHS if not path.endpoint.scale]
    named = re.search(r"\(all but (.*?)\)", API.replace("\n", " "))
    assert named is not None
    assert re.findall(r"`(\w+)`", named[1]) == [
        {"place": "places"}.get(each.kind, each.kind) for each in without if isinstance(each, Endpoint)
    ]


def test_the_limits_are_those_of_the_code() -> None:
    text = " ".join(API.split())
    for said in (
        f"at most {MOST_PAGE:,} records a page",
        f"a request has at most {MOST_DAYS}",
        f"the last {MOST_LOADS}",
        f"rejected, at most {MOST_REJECTS:,}",
        f"{MOST_ROWS:,} rows",
        f"more than {MOST_ASKED:,} records to the table",
        f"may be {LEAST_SECONDS:g} s behind",
        f"of {MOST_METRIC_SENSORS} sensors and {MOST_METRIC_AREAS} areas at most",
        f"`sensor=ID` at most {MOST_METRIC_SENSORS} times",
        f"`area=NAME,LAT,LON,KM` at most {MOST_METRIC_AREAS} times",
        f"{HTTP_SLOTS} are made and sent at once over HTTP",
        f"waits {PATIENCE_SECONDS:g} s",
        f"not taken after {SEND_SECONDS:g} s",
        *(f"503, `Retry-After: {seconds}`" for seconds in RETRY_SECONDS.values()),
    ):
        assert said in text
