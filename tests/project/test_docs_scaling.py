"""What docs/scaling.md says that a replica holds is what docs/performance.md shows, and its formula gives."""

import re
from typing import Any

import pytest

from aqi_service.core.snapshot_index import MOST_RECORDS
from aqi_service.lookup.refresh import POLL_SECONDS
from tests import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
SEEN = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
REPLICA = PAGE.partition("\n## What a replica holds\n")[2].partition("\n## ")[0]
BACKFILL = PAGE.partition("\n## A backfill of years\n")[2].partition("\n## ")[0]


def formulas(text: str) -> dict[str, Any]:
    """Run the blocks of a section, and give what they define."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "scaling.md", "exec"), names)  # noqa: S102  # the page's own code
    return names


def rows(text: str, columns: int) -> list[list[str]]:
    """Give the rows of a section's tables with so many columns that begin with a number."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d", line)]
    return [row for row in cells if len(row) == columns]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def seen(figure: str, words: str, unit: str) -> str:
    """Give the number before a unit in what was seen of a figure, in the one row that has those words."""
    lines = [line.strip("| ").split(" | ") for line in SEEN.splitlines() if line.startswith(f"| {figure} | ")]
    [(*_, cell, _part)] = [row for row in lines if words in row[1]]
    return re.findall(rf"([0-9][0-9,.]*) {unit}", cell)[0]  # type: ignore[no-any-return]  # a text


@pytest.mark.parametrize(
    ("said", "figure", "words"),
    [
        ("one at a time on 50 connections", "6", "one at a time on 50 connections"),
        ("the same on 500 connections", "6", "the same on 500 connections"),
        ("16 deep on 50 connections", "6", "16 deep on 50 connections"),
        ("that memory does not have", "7", "lookups that only DynamoDB can answer"),
    ],
)
def test_the_rates_of_a_replica_are_those_of_the_figures(said: str, figure: str, words: str) -> None:
    told = re.findall(rf"^\| [^|]*{said} \| ([0-9,]+) \|", REPLICA, re.MULTILINE)
    assert told == [seen(figure, words, "a second")]


def test_the_memory_of_connections_is_that_of_the_figure() -> None:
    each = seen("9", "an idle connection", "KiB")
    assert re.findall(r"each of ([0-9.]+) KiB", REPLICA) == [each]
    assert f"{10_000 * float(each) * 1024 / 1e6:.0f} MB" in REPLICA


def test_the_formula_goes_by_the_worst_rate_and_gives_the_table_beside_it() -> None:
    replicas = formulas(REPLICA)["replicas"]
    assert number(seen("6", "the same on 500 connections", "a second")) >= 40_000
    table = rows(REPLICA, 3)
    assert len(table) == 4
    for lookups, connections, told in table:
        assert replicas(number(lookups), number(connections)) == number(told)


def test_what_the_page_says_of_memory_and_of_looking_is_what_the_code_has() -> None:
    assert f"{MOST_RECORDS:,}, some 19 MB for 30,000" in REPLICA
    looks = 30 * 86_400 / POLL_SECONDS
    assert f"looks at `latest.json` every {POLL_SECONDS:.0f} s ({looks:,.0f} GETs a month" in REPLICA


def test_what_a_backfill_takes_is_what_its_formula_gives_by_the_rate_of_the_figure() -> None:
    names, table = formulas(BACKFILL), rows(BACKFILL, 6)
    assert len(table) >= 4
    for years, shards, *told in table:
        assert list(map(number, told)) == list(names["backfill"](number(years), number(shards)))
    one = seen("18", "two shards of a backfill beside one", "items a second")
    assert names["OF_A_CORE"] == pytest.approx(number(one), rel=0.1)
    assert f"some {names['OF_A_CORE']:,} items a second of a core" in BACKFILL


def test_a_backfill_goes_by_the_template_and_the_prices_of_the_costs() -> None:
    template = (ROOT / "deploy" / "cloudformation.yml").read_text(encoding="utf-8")
    for name in re.findall(r"\$\(of (\w+)\)", BACKFILL):
        assert f"  {name}:\n" in template
    assert '{ Type: VCPU, Value: "0.5" }' in template  # `cores` of the formula
    costs = formulas(PAGE.partition("\n## What it costs\n")[2].partition("\n## ")[0])
    assert f"(2 * {costs['WRITE'] * 1e6:g}e-6 + {costs['READ'] * 1e6:g}e-6)" in BACKFILL
