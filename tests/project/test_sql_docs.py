"""The queries in docs/sql.md give what stands below them, in the shell that the page names and in Python."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.local_helpers import other_program
from tests.doubles.program import CAPTURE, ran

PAGE = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    done = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=tmp_path)
    assert done.code == 0
    return tmp_path / "d"


def printed(connection: sqlite3.Connection, query: str) -> Iterator[str]:
    for row in connection.execute(query):
        yield "|".join("" if value is None else str(value) for value in row) + "\n"


async def test_every_query_gives_what_stands_below_it(folder: Path) -> None:
    assert len(QUERIES) == 5
    with other_program(folder) as connection:
        assert ["".join(printed(connection, query)) for query, _ in QUERIES] == [text for _, text in QUERIES]


async def test_what_the_page_warns_of_is_so_and_what_it_advises_works(folder: Path) -> None:
    [faster] = re.findall(r"`(SELECT \* FROM air WHERE id IN .*?)`", PAGE)
    with other_program(folder) as connection:
        assert connection.execute("SELECT max(pm25), max(pm25_number) FROM items").fetchone() == (
            "9.97",
            722.37,
        )
        plan = connection.execute(f"EXPLAIN QUERY PLAN {faster}").fetchall()
        assert any("items_by_sensor" in step[3] for step in plan)
        assert not any(step[3].startswith("SCAN items") for step in plan)
        found = connection.execute(faster).fetchall()
        assert found
        assert found == connection.execute("SELECT * FROM air WHERE sensor_id = 3843").fetchall()


async def test_the_query_in_readme_works_on_a_file_that_is_only_read(folder: Path) -> None:
    [query] = re.findall(r"^    sqlite3 -readonly data/air_quality\.db '(.*)'$", README, re.MULTILINE)
    with closing(sqlite3.connect(f"{(folder / 'air_quality.db').as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute(query).fetchall() == [(722.37, 39)]
