"""What commit a9f23d7 left behind is opened, loaded and looked up, and opened by that commit again.

One rule: what it did not make by itself is not tested here: the files are its own, and so is the program.
"""

import asyncio
import json
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import first_version
from tests.doubles.first_table import COMMIT
from tests.doubles.first_version import STORED
from tests.doubles.load_helpers import document, written
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran, running

LATER = "data_23_11_26_16_00.json"
NEW = (70000000001, 70000000002)
"""Records of a snapshot an hour later."""

BY_GIT = pytest.mark.skipif(
    first_version.git() is None,
    reason=f"this repository has no commit {COMMIT}: fetch all of it",
)

Rows = list[tuple[Any, ...]]


def rows(folder: Path, statement: str) -> Rows:
    with closing(sqlite3.connect(f"{(folder / 'air_quality.db').as_uri()}?mode=ro", uri=True)) as file:
        return file.execute(statement).fetchall()


def columns(folder: Path) -> dict[str, Rows]:
    """Give each table's columns."""
    tables = rows(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: rows(folder, f"PRAGMA table_xinfo({name})") for (name,) in tables}


async def load(cwd: Path, *options: str, env: Mapping[str, str] | None = None, **how: Any) -> Ran:
    done = await ran("--load-only", *options, cwd=cwd, env=env, **how)
    assert done.code == 0, done.err
    return done


async def answers(
    cwd: Path, options: Sequence[str], ids: Sequence[int], env: Mapping[str, str] | None = None
) -> list[bytes]:
    """Serve, look all of these up, and stop in order."""
    async with running("--serve-only", *options, "--port", "0", "--no-http", cwd=cwd, env=env) as program:
        found = await program.ask(*(b"%d" % each for each in ids))
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0
    return found


def later(folder: Path) -> str:
    """Write the snapshot of an hour later; give its path."""
    return str(written(folder, document(*NEW, timestamp="2026-11-23 15:59:00"), LATER))


def assert_found(replies: Sequence[bytes], ids: Sequence[int]) -> None:
    assert [reply.splitlines()[1].partition(b",")[0] for reply in replies] == [b"%d" % each for each in ids]


async def test_a_folder_of_it_is_loaded_and_looked_up_and_only_columns_are_added(tmp_path: Path) -> None:
    folder = first_version.local(tmp_path)
    before, were = columns(folder), rows(folder, "SELECT * FROM items ORDER BY id")
    about = rows(folder, "SELECT table_id FROM about")
    options = ("--local", str(folder))
    assert len(were) == STORED

    done = await load(tmp_path, "--from", "archive", *options)
    assert [(each["status"], each["unchanged"], each["stored"]) for each in done.reports] == [
        ("complete", STORED, 0)
    ]
    names = ", ".join(column[1] for column in before["items"])
    assert rows(folder, f"SELECT {names} FROM items ORDER BY id") == were  # noqa: S608 - the file's own names
    assert rows(folder, "SELECT table_id FROM about") == about
    after = columns(folder)
    assert {name: after[name][: len(there)] for name, there in before.items()} == before
    assert rows(folder, "PRAGMA user_version") == [(1,)]

    assert (await load(tmp_path, later(tmp_path), *options)).reports[0]["stored"] == len(NEW)
    ids = [*(row[0] for row in were), *NEW]
    assert_found(await answers(tmp_path, options, ids), ids)


async def test_a_table_and_a_bucket_of_it_are_loaded_and_looked_up(moto: Moto, tmp_path: Path) -> None:
    first_version.on_aws(moto)
    options, env = ("--bucket", moto.bucket, "--table", moto.table), moto.environment
    described = moto.client("dynamodb").describe_table(TableName=moto.table)["Table"]
    skipped = await load(tmp_path, "--from", "archive", *options, env=env)
    assert [each["status"] for each in skipped.reports] == ["unchanged"]  # its manifest counts
    forced = await load(tmp_path, "--from", "archive", "--force", *options, env=env)
    assert [(each["unchanged"], each["stored"]) for each in forced.reports] == [(STORED, 0)]
    assert (await load(tmp_path, later(tmp_path), *options, env=env)).reports[0]["stored"] == len(NEW)
    after = moto.client("dynamodb").describe_table(TableName=moto.table)["Table"]
    assert [after[name] for name in ("KeySchema", "AttributeDefinitions", "CreationDateTime")] == [
        described[name] for name in ("KeySchema", "AttributeDefinitions", "CreationDateTime")
    ]
    ids = [*(int(item["id"]["S"]) for item in first_version.recorded()["items"]), *NEW]
    assert_found(await answers(tmp_path, options, ids, env), ids)


@BY_GIT
async def test_the_first_version_goes_on_with_a_folder_that_this_one_has_used(tmp_path: Path) -> None:
    folder, program = first_version.local(tmp_path), first_version.program(tmp_path)
    options = ("--local", str(folder))
    await load(tmp_path, "archive", later(tmp_path), *options)
    after = columns(folder)
    await old_goes_on(tmp_path, program, options)
    assert columns(folder) == after
    ids = [row[0] for row in rows(folder, "SELECT id FROM items ORDER BY id")]
    assert len(ids) == STORED + len(NEW) + 1
    assert_found(await answers(tmp_path, options, ids), ids)


@BY_GIT
async def test_the_first_version_goes_on_with_a_table_that_this_one_has_used(
    moto: Moto, tmp_path: Path
) -> None:
    first_version.on_aws(moto)
    program, env = first_version.program(tmp_path), moto.environment
    options = ("--bucket", moto.bucket, "--table", moto.table)
    await load(tmp_path, "archive", later(tmp_path), "--force", *options, env=env)
    await old_goes_on(tmp_path, program, options, env)
    ids = [*(int(item["id"]["S"]) for item in first_version.recorded()["items"]), *NEW, 70000000003]
    assert_found(await answers(tmp_path, options, ids, env), ids)


async def old_goes_on(
    folder: Path, program: Path, options: Sequence[str], env: Mapping[str, str] | None = None
) -> None:
    """Have the first version load the archive and another snapshot, and serve all that is there."""
    how: dict[str, Any] = {"env": env, "preexec": lambda: None}  # a process of its own: of another program
    body = document(70000000003, timestamp="2026-11-23 16:59:00")
    last = str(written(folder, body, "data_23_11_26_17_00.json"))
    done = await load(program, "--from", "archive", "--from", last, "--force", *options, **how)
    assert [(each["version"], each["stored"]) for each in done.reports] == [
        ("0.1.0", each) for each in (0, 0, 1)
    ]
    ids = [28600001332, *NEW, 70000000003]
    assert_found(await answers(program, options, ids, env), ids)


async def test_a_second_table_that_is_filled_from_the_archive_equals_the_first(
    moto: Moto, tmp_path: Path
) -> None:
    """Four snapshots with records that change and come late, loaded in an order that is not theirs."""
    env = moto.environment
    bodies = {
        "data_23_11_26_15_00.json": first_version.snapshot(),
        "data_23_11_26_16_00.json": document(1, 2, timestamp="2026-11-23 15:30:00"),
        "data_23_11_26_17_00.json": document(2, 3, timestamp="2026-11-23 15:00:00"),
        "data_23_11_26_18_00.json": document(1, 3, 4, timestamp="2026-11-23 17:30:00"),
    }
    paths = [written(tmp_path, body, name) for name, body in bodies.items()]
    first = ("--bucket", moto.bucket, "--table", moto.table)
    await load(tmp_path, "--create", str(paths[2]), *first, env=env)
    await load(tmp_path, *map(str, (paths[3], paths[0], paths[1])), *first, env=env)

    second = ("--bucket", moto.bucket, "--table", f"{moto.table}-second")
    await load(tmp_path, "--create", "--from", "-", *second, env=env, stdin=b"[]")
    shards = [
        load(tmp_path, "--from", "archive", "--shard", f"{shard}/2", *second, env=env) for shard in (1, 0)
    ]
    await asyncio.gather(*shards)
    tables = [items_of(moto, name) for name in (moto.table, f"{moto.table}-second")]
    assert tables[0] == tables[1]
    assert len(tables[0]) == STORED + 4


def items_of(moto: Moto, table: str) -> list[str]:
    """Give all items of a table, as JSON."""
    found, start = list[str](), dict[str, Any]()
    while True:
        page = moto.client("dynamodb").scan(TableName=table, **start)
        found += [json.dumps(item, sort_keys=True) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return sorted(found)
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
