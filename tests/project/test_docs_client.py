"""What README and docs/options.md show of the client: commands in a shell, and the library's lines."""

import re
import textwrap
import time
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from aqi_service.client import Area, Day
from tests import ROOT
from tests.doubles.api_world import capture_on_wire
from tests.doubles.shown_commands import README, installed, lines, run

__all__ = ["installed"]

OPTIONS = (ROOT / "docs" / "options.md").read_text(encoding="utf-8").partition("\n## The client\n")[2]
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = PROGRAM.findall(OPTIONS)
COMMANDS = lines(PROGRAM.sub("", OPTIONS))
SHOWN = re.findall(r"^\$ (aqi-client .*)\n((?:[^$`\n].*\n)+)", README, re.MULTILINE)


@pytest.fixture
async def there(installed: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    """An environment in which the commands are installed and find a server with the capture, years later."""
    async with capture_on_wire(time.time()) as port:
        yield installed | {"AQI_SERVER_PORT": str(port)}


def test_there_are_examples() -> None:
    assert [command.split()[:2] for command in COMMANDS] == [
        ["aqi-client", "--near"], ["aqi-client", "--area"], ["aqi-client", "--box"]
    ]  # fmt: skip
    assert len(PROGRAMS) == OPTIONS.count("```") // 2 == 2
    assert [re.findall(r" --(sensor|near|area|days)", command) for command, _ in SHOWN] == [
        ["sensor"], ["near"], ["area"], ["days"]
    ]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_of_the_options_is_answered(
    command: str, there: dict[str, str], tmp_path: Path
) -> None:
    code, out, err = await run(command, there, tmp_path)
    if target := command.partition(" > ")[2]:
        out += (tmp_path / target).read_text(encoding="utf-8")
    assert code == 0, err
    assert re.match("(sensor_id|latitude)[, ]", out)


@pytest.mark.parametrize(("command", "shown"), SHOWN)
async def test_a_command_of_the_readme_prints_what_is_shown(
    command: str, shown: str, there: dict[str, str], tmp_path: Path
) -> None:
    code, out, _ = await run(command, there, tmp_path)
    assert (code, out.replace("\r\n", "\n")) == (0, shown)


async def test_the_lines_for_the_library_work() -> None:
    async with capture_on_wire(time.time()) as port:
        names = [await ran(program.replace("12000", str(port))) for program in PROGRAMS]
    assert names[0]["record"]["AQI"] == "4"
    assert '"AQI": "4"' in PROGRAMS[0]
    place, near, area, days = (names[1][name] for name in ("place", "near", "area", "days"))
    assert (place.name, len(near), area.scale, days) == ("Stuttgart", 3, "us-epa", [])
    assert set(re.findall(r"\barea\.(\w+)", PROGRAMS[1])) <= names_of(Area)
    assert set(re.findall(r"(\w+)=\.\.\.", PROGRAMS[1])) <= names_of(Day)


def names_of(kind: type[Area | Day]) -> set[str]:
    return {field.name for field in fields(kind)}


async def ran(program: str) -> dict[str, Any]:
    """Run lines of a program as the body of an async function; give its variables."""
    names: dict[str, Any] = {}
    imports, _, body = program.partition("\n\n")
    text = f"{imports}\nasync def main():\n{textwrap.indent(body, '    ')}\n    return locals()\n"
    exec(compile(text, "options.md", "exec"), names)  # noqa: S102  # the page's own code
    found: dict[str, Any] = await names["main"]()
    return found
