"""CONTRIBUTING names the files that a scale, a store and a request need; here is what there is held to it."""

import json
import re
from typing import Any

import click
import pytest

from aqi_service.app.options import OPTIONS
from aqi_service.core.badge import SHORT
from aqi_service.core.request_words import KINDS
from aqi_service.core.requests import ASKED_SCALES
from aqi_service.core.scales import SCALES
from tests import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def files(title: str) -> list[str]:
    """Give the files that a section names, each by its path."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"`([\w/.]+\.\w+)`", section)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("title", ["Add a scale", "Add a store", "Add a request"])
def test_every_file_that_is_to_be_touched_is_there(title: str) -> None:
    named = [path for path in files(title) if "/" in path]
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def choices(option: str) -> list[str]:
    [declared] = [each for each in OPTIONS if option in each.opts]
    assert isinstance(declared.type, click.Choice)
    return list(declared.type.choices)


def test_every_scale_can_be_chosen_and_is_documented() -> None:
    assert choices("--scale") == list(SCALES)
    row = re.findall(r"^\| `--scale NAME` \| .*$", text("docs/options.md"), re.MULTILINE)[0]
    assert [name for name in SCALES if f"`{name}`" not in row] == []


@pytest.mark.parametrize("name", ASKED_SCALES)
def test_every_scale_that_may_be_asked_for_is_named_where_people_ask(name: str) -> None:
    assert name in SHORT
    short = re.findall(r"^const SHORT = (.*);$", text("aqi_service/web/page/words.js"), re.MULTILINE)[0]
    assert re.search(rf"\b{name}'?: '{SHORT[name]}'", short)
    openapi: dict[str, Any] = json.loads(text("aqi_service/web/openapi.json"))
    assert openapi["components"]["parameters"]["scale"]["schema"]["enum"] == list(ASKED_SCALES)
    asking = ("client/arguments.py", "client/choice.py")
    pages = ("docs/protocol.md", "docs/api.md")
    for path in (*(f"aqi_service/{each}" for each in asking), *pages):
        assert name in text(path), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_has_its_place_in_each_file_of_the_list(kind: str) -> None:
    assert f"    async def {kind}(" in text("aqi_service/client/client.py")
    assert re.search(rf"`{kind} [A-Z]", text("docs/protocol.md"))
    for path in ("trials/fuzz/strategies.py", "bench/figure_15_requests_by_kind.py"):
        assert re.search(rf"[\"']{kind}\b", text(path)), path
    assert f'b"{kind} ' in text("trials/fuzz/seeds.py")
    assert f"{kind.title()}Request" in text("trials/fuzz/words.py")
