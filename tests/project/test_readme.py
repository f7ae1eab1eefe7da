"""README as somebody follows it who has never seen the program: its commands, in the shell that it says."""

import asyncio
import re
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.patience import patience
from tests.doubles.shown_commands import README, installed, lines, run

__all__ = ["installed"]

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = re.compile(r"\]\(([^)#:]*)(#[^)]*)?\)")


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


async def test_what_install_says_to_try_works_without_a_network_and_the_hint_can_be_copied(
    installed: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "aqi_service").symlink_to(ROOT / "aqi_service")
    load, serve, ask, near, kill = lines(section("Install"))[-5:]
    code, _, err = await run(load, installed, tmp_path)
    hint = err.splitlines()[-1].partition("for instance: ")[2]
    assert (code, hint.split()[0]) == (0, "aqi-client")
    serve, _, rest = serve.partition(" & ")
    assert (rest, kill) == ("sleep 3", "kill %1")
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(*serve.split(), env=installed, cwd=tmp_path, stderr=pipe)
    try:
        async with patience():
            while not (await server.stderr.readline()).startswith(b"listening on"):  # type: ignore[union-attr]
                pass
        for line in (ask, f"{hint} --no-save"):
            code, out, err = await run(line, installed, tmp_path)
            record_id = re.findall(r" (\d{9,})\b", line)[0]
            assert (code, err, out.splitlines()[1].partition(",")[0]) == (0, "", record_id)
        async with patience():  # memory may not have the snapshot yet
            while (asked := await run(near, installed, tmp_path))[0] == 3:
                pass
        code, out, err = asked
        assert (code, len(out.splitlines()), len(err.splitlines())) == (0, 1 + 3, 1)
    finally:
        server.terminate()
        await server.communicate()
    assert server.returncode == 0


def test_every_user_has_a_start_of_three_lines() -> None:
    users = section("Where to start").strip().split("\n\n")
    assert [re.findall(r"^\*\*(.+?)\*\*", user)[0] for user in users] == [
        "At home", "On AWS", "With scripts", "With years of snapshots"
    ]  # fmt: skip
    assert [len(user.splitlines()) for user in users] == [3] * 4


def test_no_command_asks_for_an_id_that_is_in_nobody_s_table() -> None:
    asked = [
        (page.name, found)
        for page in PAGES
        for found in re.findall(
            r"^    aqi-client .*?(\d{8,})", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert asked == [("README.md", "250451653")]


def test_no_page_starts_a_python_that_stock_debian_does_not_have() -> None:
    for page in PAGES:
        assert not re.findall(
            r"(?:^ {4}|`)python (?:-m|tools).*", page.read_text(encoding="utf-8"), re.MULTILINE
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading_that_are_there(page: Path) -> None:
    for target, heading in LINKED.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert heading[1:] in anchors, f"{target}{heading}"


def test_make_run_starts_the_service_whether_or_not_there_is_a_network() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nrun: ")[2].partition("\n\n")[0]
    setup, start = recipe.splitlines()[1:]
    assert setup == "\t$(call setup)"
    assert start.startswith("\t@exec .venv/bin/aqi-service --local ./data --ttl-days 14 --keep-days 14 ")
