"""What docs/data.md shows is so: its queries, in DuckDB and pandas, give what the table has."""

import contextlib
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.decimals import canonical
from aqi_service.core.export_rows import COLUMNS, DECIMALS, TEXT_SUFFIX, ColumnType
from aqi_service.core.items import ATTRIBUTES
from tests.doubles.data_page import (
    ATHENA,
    COSTS,
    IN_SQLITE,
    PAGE,
    PANDAS,
    QUESTION,
    VIEW,
    WITHOUT_LIMIT,
)
from tests.doubles.documents import record
from tests.doubles.local_helpers import other_program
from tests.doubles.outside import needs_package
from tests.doubles.program import CAPTURE, environment, ran

HIVE = {
    ColumnType.TEXT: "string",
    ColumnType.DECIMAL: "decimal(38,18)",
    ColumnType.INDEX: "int",
    ColumnType.SMALL: "tinyint",
    ColumnType.NUMBER: "bigint",
    ColumnType.TIME: "timestamp",
}
NAMES = (
    "data_20_12_23_18_00.json",
    "data_20_12_23_18_00-2.json",
    "data_01_01_24_06_00.json",
    "data_20_12_23_12_00.json",
)

needs_both = (needs_package("duckdb"), needs_package("pyarrow"))


def measured(draw: random.Random, record_id: int) -> dict[str, Any]:
    """Make a measurement that another snapshot may have in another form."""
    time = draw.choice(("2023-12-20 05:00:00", "2023-12-20 11:00:00", "2023-12-20 11:30:00"))
    place = {"latitude": "51.5", "longitude": "-0.1", "country": ("DE", "GB", "NL")[record_id % 3]}
    sensor = {"id": record_id % 40, "sensor_type": {"name": "SDS011"}}
    values = draw.choice(("3.5", "15", "15.01", "40.25")), draw.choice(("10", "44.99", "45.1", "80"))
    return record(record_id, *values, timestamp=time, location=place, sensor=sensor)


def made(folder: Path) -> list[str]:
    """Write snapshots that have many ids in common, some of them twice at one time; name the files."""
    draw = random.Random(21)  # noqa: S311 (drawn measurements)
    for name in NAMES:
        ids = [draw.randrange(150) for _ in range(120)]
        (folder / name).write_text(json.dumps([measured(draw, number) for number in ids]))
    return [str(folder / name) for name in NAMES]


@contextlib.contextmanager
def asked(folder: Path) -> Iterator[Any]:
    """Open DuckDB with the page's view over a folder's export."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.execute(VIEW.replace("'air/", f"'{folder}/air/"))
        yield connection


def texts(rows: Iterable[tuple[object, ...]]) -> list[tuple[str | None, ...]]:
    """Write rows as a table keeps them, in one order."""
    return sorted((tuple(map(told, row)) for row in rows), key=lambda row: row[0] or "")


def told(value: object) -> str | None:
    """Write a value as a table keeps it."""
    if isinstance(value, Decimal):
        return canonical(f"{value:f}")
    return None if value is None else str(value)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundled capture's export, made as the page says."""
    folder = tmp_path_factory.mktemp("capture")
    options = ("--load-only", "--dry-run", str(CAPTURE), "--export", "air/")
    subprocess.run(
        [sys.executable, "-m", "aqi_service", *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=True,
    )
    return folder


@needs_both[0]
@needs_both[1]
async def test_the_newest_row_an_id_is_just_the_table_and_the_question_has_the_table_s_answer(
    tmp_path: Path,
) -> None:
    sources = made(tmp_path)
    for some in ((2, 0), (3, 1)):
        options = ("--load-only", "--local", "d", *(sources[number] for number in some))
        assert (await ran(*options, "--export", "air", cwd=tmp_path)).code == 0
    columns = [(field, name) for field, name, _ in ATTRIBUTES if not field.endswith("_at")]
    fields, names = ", ".join(field for field, _ in columns), ", ".join(f'"{name}"' for _, name in columns)
    with asked(tmp_path) as duck, other_program(tmp_path / "d") as lite:
        kept = lite.execute(f"SELECT {fields} FROM items").fetchall()  # noqa: S608 (names of ours)
        found = duck.sql(f"SELECT {names} FROM air").fetchall()  # noqa: S608
        assert len(kept) > 100
        assert texts(found) == texts(kept)
        [(rows,)] = duck.read_parquet(f"{tmp_path}/air/*/*.parquet").count("*").fetchall()
        assert rows == 4 * 120
        answer = lite.execute(IN_SQLITE).fetchall()
        assert len(answer) == 3
        assert duck.sql(WITHOUT_LIMIT).fetchall() == answer


@needs_both[0]
@needs_both[1]
@needs_package("pandas")
def test_duckdb_and_pandas_answer_of_the_capture_what_stands_there(capture: Path) -> None:
    [text] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    with asked(capture) as duck:
        answer = duck.sql(QUESTION).fetchall()
    assert "".join("|".join(map(str, row)) + "\n" for row in answer) == text
    names: dict[str, Any] = {}
    with contextlib.chdir(capture), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(PANDAS, "data.md", "exec"), names)  # noqa: S102  # the page's own code
    table = names["answer"].sort_values("size", ascending=False).head()
    assert [
        (*place, *row) for place, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    ] == answer


def test_athena_s_columns_are_in_their_order_those_of_the_files() -> None:
    inside = ATHENA.partition("(\n")[2].partition("\n)")[0]
    columns = [tuple(each.split(None, 1)) for each in re.split(r",\s+", inside.strip())]
    wanted = [(column.name, HIVE[column.type]) for column in COLUMNS]
    wanted += [(column.name + TEXT_SUFFIX, "string") for column in DECIMALS]
    hive_names = {"P2.5": "pm25", "P10": "pm10", "P2.5_text": "pm25_text", "P10_text": "pm10_text"}
    assert [(name.strip("`"), kind) for name, kind in columns] == [
        (hive_names.get(name, name.lower()), kind) for name, kind in wanted
    ]


def test_the_table_of_what_a_question_costs_is_what_the_formula_gives() -> None:
    names: dict[str, Any] = {}
    exec(compile(COSTS, "data.md", "exec"), names)  # noqa: S102  # the page's own code
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| [\d,]+ \| \d", line)]
    assert len(rows) == 4
    for days, interval, *told_of in rows:
        assert tuple(map(float, told_of)) == names["a_question"](int(days.replace(",", "")), int(interval))


@needs_both[1]
def test_a_row_takes_what_the_costs_go_by(capture: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    names: dict[str, Any] = {}
    exec(compile(COSTS, "data.md", "exec"), names)  # noqa: S102  # the page's own code
    [file] = capture.glob("air/*/*.parquet")
    meta = pq.read_metadata(file)
    sizes = {
        column.path_in_schema: column.total_compressed_size
        for column in map(meta.row_group(0).column, range(meta.num_columns))
    }
    asked_for = ("id", "country", "date", "P2.5", "P10", "sensor_id", "measured_at", "snapshot_at")
    assert round(file.stat().st_size / meta.num_rows) == names["ROW"]
    assert round(sum(sizes[name] for name in asked_for) / meta.num_rows) == names["ASKED"]
