"""Scored records as Parquet in a folder: a file a snapshot, whole or absent, and every number as it was."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.items import ATTRIBUTES, TIMES, Item
from aqi_service.core.report import Status
from tests.doubles.documents import QUICK, document_of
from tests.doubles.exports import FIRST, SECOND, exported
from tests.doubles.load_helpers import document, manifest_of, records, run, written
from tests.doubles.local_helpers import files, files_up_to
from tests.doubles.outside import needs_package
from tests.doubles.storage_doubles import MemoryArchive, in_memory
from tests.doubles.storage_items import FULL

pytestmark = needs_package("pyarrow")

DAY = "snapshot_date=2023-12-20"
FACTS = {"licence": "ODbL", "version": "0"}
LONG = "7.1234567890123456789"


@asynccontextmanager
async def into(folder: Path) -> AsyncIterator[Any]:
    """Export into a folder."""
    from aqi_service.storage.local.export_parquet import FolderTarget, open_parquet_export  # noqa: PLC0415

    async with open_parquet_export(FolderTarget(folder), FACTS) as export:
        yield export


def made_of(items: Sequence[Item], group_rows: int = 100) -> Any:
    """Write items, one by one, and open the file."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from aqi_service.storage.local.parquet_file import ParquetFile  # noqa: PLC0415

    sink = pa.BufferOutputStream()
    file = ParquetFile(sink, FACTS, group_rows)
    for item in items:
        file.add([item])
    file.close({"snapshot": FIRST})
    return pq.ParquetFile(pa.BufferReader(sink.getvalue()))


def row(items: Sequence[Item]) -> dict[str, Any]:
    """Write items and read the first row."""
    found: dict[str, Any] = made_of(items).read().to_pylist()[0]
    return found


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_row_has_every_attribute_under_its_name_as_a_number_text_or_time() -> None:
    whole = FULL._replace(hours_p25="24", hours_p10="18")
    read = row([whole])
    for field, name, kind in ATTRIBUTES:
        value = getattr(whole, field)
        if field in TIMES:
            assert read[name] == datetime.fromtimestamp(value, UTC), name
        else:
            assert read[name] == (value if kind == "S" else Decimal(value)), name
    assert list(read)[: len(ATTRIBUTES)] == [name for _, name, _ in ATTRIBUTES]


def test_what_an_item_does_not_have_is_null() -> None:
    assert {name for name, value in row([Item("7")]).items() if value is not None} == {"id"}


def test_the_types_are_those_that_the_page_and_other_programs_go_by() -> None:
    schema = made_of([FULL]).schema_arrow
    assert {str(schema.field(name).type) for name in ("latitude", "P2.5", "P10")} == {"decimal128(38, 18)"}
    assert str(schema.field("measured_at").type) == "timestamp[ms, tz=UTC]"
    assert [str(schema.field(name).type) for name in ("id", "AQI", "sensor_id", "indoor", "P2.5_text")] == [
        *("string", "int32", "int64", "int8", "string")
    ]


def test_metadata_say_licence_version_and_which_snapshot() -> None:
    kept = made_of([FULL]).metadata.metadata
    assert {name: kept[name.encode()].decode() for name in (*FACTS, "snapshot")} == FACTS | {
        "snapshot": FIRST
    }


def test_rows_wait_for_their_group_alone() -> None:
    file = made_of([FULL._replace(id=str(number)) for number in range(25)], group_rows=10)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [10, 10, 5]
    assert file.read().column("id").to_pylist() == [str(number) for number in range(25)]


@QUICK
@given(st.lists(st.from_regex(r"-?[0-9]{1,22}(\.[0-9]{1,20})?", fullmatch=True), min_size=1, max_size=20))
def test_a_number_is_exact_in_its_column_or_a_text_beside_it(texts: list[str]) -> None:
    numbers = [canonical(text) for text in texts]
    table = made_of([Item("1", pm25=number) for number in numbers]).read()
    for number, held, text in zip(
        numbers, table.column("P2.5").to_pylist(), table.column("P2.5_text").to_pylist(), strict=True
    ):
        assert (held is None) == (number is None or text is not None)
        assert text in (None, number)
        assert held is None or held == Decimal(number or "")


async def test_each_snapshot_is_a_file_in_the_folder_of_its_day(tmp_path: Path) -> None:
    async with into(tmp_path / "air") as export:
        for name, body in ((FIRST, document(1, 2)), (SECOND, document(3))):
            assert (await exported(export, tmp_path, body, name)).status is Status.COMPLETE
    assert names(tmp_path / "air") == [
        f"{DAY}/data_20_12_23_17_00.parquet",
        f"{DAY}/data_20_12_23_18_00.parquet",
    ]
    assert (export.records, export.snapshots) == (3, 2)


async def test_numbers_that_are_kept_as_text_are_counted_in_the_report(tmp_path: Path) -> None:
    [one] = records((1,))
    values = [{"value_type": "P1", "value": "12.5"}, {"value_type": "P2", "value": LONG}]
    async with into(tmp_path / "air") as export:
        report = await exported(export, tmp_path, document_of(one | {"sensordatavalues": values}))
    assert report.warnings == {"decimals_as_text": 1}


async def test_a_snapshot_that_turns_out_bad_has_no_file(tmp_path: Path) -> None:
    async with into(tmp_path / "air") as export:
        report = await exported(export, tmp_path, document(*range(1, 601)) + b"]")
    assert (report.status, names(tmp_path / "air"), export.snapshots) == (Status.REJECTED, [], 0)


async def test_a_second_run_leaves_one_file_a_snapshot(tmp_path: Path) -> None:
    for body in (document(1), document(1, 2)):
        async with into(tmp_path / "air") as export:
            await exported(export, tmp_path, body)
    assert names(tmp_path / "air") == [f"{DAY}/data_20_12_23_17_00.parquet"]
    import pyarrow.parquet as pq  # noqa: PLC0415

    assert pq.read_metadata(tmp_path / "air" / names(tmp_path / "air")[0]).num_rows == 2


async def test_a_copy_is_the_same_snapshot_and_another_document_of_its_name_is_not(tmp_path: Path) -> None:
    async with into(tmp_path / "air") as export:
        await exported(export, tmp_path, document(1))
        await exported(export, tmp_path, document(1), "data_20_12_23_17_00 (1).json")
        await exported(export, tmp_path, document(2), "data_20_12_23_17_00.json.1")
    assert [name.rpartition("/")[2] for name in names(tmp_path / "air")] == [
        "data_20_12_23_17_00-2.parquet",
        "data_20_12_23_17_00.parquet",
    ]


async def test_what_the_archive_has_under_another_name_is_exported_under_that_name(tmp_path: Path) -> None:
    storage = in_memory()
    for name in (FIRST, "mine.json"):
        async with into(tmp_path / "air") as export:
            await run(written(tmp_path, document(1), name), storage, export=export)
    assert names(tmp_path / "air") == [f"{DAY}/data_20_12_23_17_00.parquet"]


async def test_what_a_dead_process_left_half_written_goes_at_the_next_run(tmp_path: Path) -> None:
    for name in ("export", "probe"):
        (tmp_path / f".{name}.0badcafe.partial").write_text("half")
    (tmp_path / ".mine.partial").write_text("not ours")
    async with into(tmp_path):
        assert files(tmp_path) == {".mine.partial"}


async def test_on_a_full_disk_there_is_no_half_file(tmp_path: Path) -> None:
    source = written(tmp_path, document(*range(1, 3001)), FIRST)
    with files_up_to(1000):
        async with into(tmp_path / "air") as export:
            report = await run(source, in_memory(), export=export)
    assert (report.status, report.error) == (Status.INCOMPLETE, export.error)
    assert (export.error or "").startswith(
        f"The export cannot be written to {tmp_path / 'air'}: the file would"
    )
    assert files(tmp_path / "air") == set()


async def test_a_file_that_gets_no_name_leaves_its_load_to_be_done_again(tmp_path: Path) -> None:
    archive, source = MemoryArchive(), written(tmp_path, document(1), FIRST)
    (tmp_path / "air").mkdir()
    blocked = tmp_path / "air" / DAY
    blocked.write_text("a file")
    async with into(tmp_path / "air") as export:
        report = await run(source, in_memory(archive), export=export)
    assert (report.status, manifest_of(archive.documents, FIRST)["status"]) == (
        Status.INCOMPLETE,
        "incomplete",
    )
    assert "a file is in the place of a folder" in (report.error or "")
    assert names(tmp_path / "air") == [DAY]
    blocked.unlink()
    async with into(tmp_path / "air") as export:
        await run(source, in_memory(archive), export=export)
    assert names(tmp_path / "air") == [f"{DAY}/data_20_12_23_17_00.parquet"]
