"""What docs/scaling.md says of costs is what its formulas give, of sizes and requests counted here."""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import DAQI
from aqi_service.core.snapshot_names import parse_name
from aqi_service.core.times import DAY
from aqi_service.storage.lease import RENEW_SECONDS
from tests import ROOT
from tests.doubles.daemons import on_aws
from tests.doubles.documents import assemble, real_capture
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import CAPTURE, ran
from tests.doubles.template import Stack

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
COSTS = PAGE.partition("\n## What it costs\n")[2].partition("\n## ")[0]


def formulas() -> dict[str, Any]:
    """Run the page's blocks, and give what they define."""
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", COSTS, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "scaling.md", "exec"), names)  # noqa: S102  # the page's own code
    return names


def rows(columns: int) -> list[list[str]]:
    """Give the rows of the page's table with so many columns."""
    cells = [line.strip("| ").split(" | ") for line in COSTS.splitlines() if re.match(r"\| \d", line)]
    return [row for row in cells if len(row) == columns]


def test_the_table_of_what_aws_costs_is_what_the_formula_gives() -> None:
    a_month, table = formulas()["a_month"], rows(10)
    assert {row[1] for row in table} == {"14", "none"}
    assert {row[2] for row in table} == {"1", "2", "5"}
    for interval, ttl, years, *told in table:
        got = a_month(int(interval), None if ttl == "none" else int(ttl), int(years))
        assert [float(cell.replace(",", "")) for cell in told] == list(got)


def test_what_the_template_says_that_loads_cost_is_what_the_formula_gives() -> None:
    names, said = formulas(), Stack().template["Parameters"]
    costs = re.findall(r"(\d+)(?: dollars a month)? at (\d+)", said["Interval"]["Description"])
    assert len(costs) == 3
    for told, interval in costs:
        _, writes, reads, *_ = names["a_month"](int(interval))
        assert int(told) == round((writes * names["WRITE"] + reads * names["READ"]) * 1e6)
    days = int(said["TtlDays"]["Default"])
    gigabytes = names["a_month"](3600, days)[3]
    dollars = gigabytes * (names["TABLE"] + names["RECOVERY"] / 2)
    assert f"{gigabytes} GB at {days}" in said["TtlDays"]["Description"]
    assert f"{dollars:.1f} dollars a month" in said["TtlDays"]["Description"]


def test_the_table_of_what_one_machine_keeps_is_what_the_formula_gives() -> None:
    gigabytes, table = formulas()["gigabytes"], rows(4)
    assert len(table) == 4
    for interval, ttl, keep, told in table:
        assert float(told) == gigabytes(int(interval), int(ttl), int(keep))


def test_without_a_ttl_the_bill_grows_and_with_one_it_does_not() -> None:
    a_month = formulas()["a_month"]
    dollars = {
        (ttl, years): a_month(3600, ttl, years, keep_days=30)[5] for ttl in (None, 14) for years in (1, 3)
    }
    assert dollars[None, 3] > dollars[None, 1] + 40
    assert dollars[14, 3] == dollars[14, 1]


def number_size(text: str) -> int:
    """Give the bytes of a number in DynamoDB: one for each two significant digits, and one; one for a minus.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def size(item: Item) -> int:
    """Give an item's bytes in DynamoDB: of names and values."""
    given = [
        (name, kind, str(value)) for (_, name, kind), value in zip(ATTRIBUTES, item, strict=True) if value
    ]
    return sum(len(name) + (number_size(text) if kind == "N" else len(text)) for name, kind, text in given)


def about(measured: float) -> object:
    """Give what a rounded figure may be: not less than measured, and at most 5 % more."""
    return pytest.approx(measured * 1.025, rel=0.025)


def test_the_bytes_of_an_item_and_of_a_record_are_those_of_the_capture() -> None:
    parsed = parse_name("data_10_08_17_11_23.json")
    assert parsed is not None
    body = real_capture()
    out, _ = assemble(body, rules=ScoringRules(DAQI, parsed[1], 14 * DAY))
    items = [size(item) for item in out if isinstance(item, Item)]
    names = formulas()
    assert names["ITEM"] == about(sum(items) / len(items))
    assert max(items) < 1024  # one write unit each
    assert names["RECORD"] == about(len(body) / 6874)


async def test_the_bytes_of_a_row_and_of_a_packed_record_are_those_of_the_capture(tmp_path: Path) -> None:
    await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=tmp_path)
    with closing(sqlite3.connect(tmp_path / "d" / "air_quality.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [count] = connection.execute("SELECT count(*) FROM items").fetchone()
    names = formulas()
    assert names["ROW"] == about((tmp_path / "d" / "air_quality.db").stat().st_size / count)
    [snapshot] = (tmp_path / "d" / "snapshots").glob("*.json.gz")
    assert names["PACKED"] == about(snapshot.stat().st_size / 6874)


async def test_a_load_writes_to_s3_and_lists_the_archive_as_often_as_the_page_says(
    tmp_path: Path, moto: Moto
) -> None:
    """From one load's first request to the next one's: the first of all looks for more."""
    feed_of = [(answer(document(number)),) for number in range(1, 5)]
    async with on_aws(tmp_path, moto) as aws, feed_server(*feed_of) as feed:
        options = ("--port", "0", "--no-http", "--interval", "1")
        async with aws.start("one", feed.url(), *options) as daemon:
            await daemon.report(3)
    calls = [record.call.operation for record in aws.journal.records if record.call.service == "s3"]
    first, second = [n for n, call in enumerate(calls) if call == "CreateMultipartUpload"][1:3]
    made, names = Counter(calls[first:second]), formulas()
    assert made["ListObjectsV2"] == names["LISTS"]
    writes = sum(
        count for call, count in made.items() if call.startswith(("Create", "Upload", "Complete", "Put"))
    )
    assert made["UploadPart"] == 1  # of 8 MiB: a snapshot of 12 MB has two
    assert writes + 1 <= names["PUTS"]


def test_the_lease_costs_what_the_page_says() -> None:
    names = formulas()
    assert f"a write every {RENEW_SECONDS:.0f} s, " in COSTS
    assert f"{30 * DAY / RENEW_SECONDS * names['WRITE'] * 100:.0f} cents a month" in COSTS
