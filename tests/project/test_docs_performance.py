"""docs/performance.md: its one table has a row for every figure of the bench, with the bench's own goals."""

import re

import pytest

from bench.__main__ import PARTS
from tests import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| (\d+|Pace) \| ", line)
]
"""Of each row: figure, what it means, goal, what was seen, part."""


def source(figure: str) -> str:
    """Give the text of a figure's file, and of what another file has of it."""
    name = f"figure_{int(figure):02}_*.py" if figure.isdigit() else f"figure_{figure.lower()}_*.py"
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "bench").glob(name)]
    assert len(texts) == 1, name
    also = {"3": "figure_11_load_over_filled_table.py"}.get(figure)
    return texts[0] + ((ROOT / "bench" / also).read_text(encoding="utf-8") if also else "")


def test_every_figure_has_a_row_and_the_row_names_its_part() -> None:
    told = {(row[0], row[4].strip("`")) for row in ROWS}
    files = {(file.split("_")[1].lstrip("0"), part) for part, names in PARTS.items() for file in names}
    assert {(figure.lower(), part) for figure, part in told} == files


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1][:40]}")
def test_a_goal_is_the_one_that_the_bench_judges_by(row: list[str]) -> None:
    figure, _, goal, seen, _ = row
    edges = re.findall(r"[0-9][0-9,.]*", goal)
    code = re.sub(r"(?<=\d)_(?=\d)", "", source(figure))
    for edge in edges:
        assert re.search(rf"(?<![\d.]){re.escape(edge.replace(',', ''))}(\.0)?(?![\d.])", code), (
            f"{figure}: {edge}"
        )
    assert edges or "not reached" not in seen


def test_what_is_over_its_goal_is_said_to_be() -> None:
    plain = [
        (goal.split(), seen) for _, _, goal, seen, _ in ROWS if re.fullmatch(r"at (most|least) [\d,.]+", goal)
    ]
    assert len(plain) > 20
    for (_, which, edge), seen in plain:
        if value := re.match(r"[\d,.]*\d", seen):
            reached, wanted = float(value[0].replace(",", "")), float(edge.replace(",", ""))
            missed = reached > wanted if which == "most" else reached < wanted
            assert missed is ("not reached" in seen), seen
