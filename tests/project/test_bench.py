"""The bench: what it feeds, what takes it in, how figures are written; `.ci/run` runs all of it small."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from bench.__main__ import PARTS, chosen, main
from bench.figure_01_bytes_to_items import DUCKDB, OURS, Peer, Reached, Seen, beside
from bench.lib.cores import pin_to_first_core, waited_for_a_core
from bench.lib.feed import FIRST_ID, RECORD_BYTES, count, feed, write
from bench.lib.figures import Figure, Goal, Side, in_turns, table, verdict
from bench.lib.run import SIZES, Run
from bench.lib.standin.digest import digest
from bench.lib.standin.dynamodb import Table
from bench.lib.standin.s3 import Bucket
from tests import ROOT

SIZE = 400_000


def records(**options: Any) -> list[dict[str, Any]]:
    return list(orjson.loads(b"".join(feed(SIZE, **options))))


def particulate(record: dict[str, Any]) -> bool:
    return {"P1", "P2"} <= {value["value_type"] for value in record["sensordatavalues"]}


def test_a_feed_has_the_size_that_was_asked_for_and_one_record_in_two_is_particulate() -> None:
    made = records()
    assert len(made) == count(SIZE)
    assert abs(len(b"".join(feed(SIZE))) / len(made) - RECORD_BYTES) < 8
    assert [particulate(record) for record in made] == [bool(i % 2) for i in range(len(made))]


def test_ids_are_unique_and_grow() -> None:
    for made in (records(), records(changed=0.05)):
        ids = [record["id"] for record in made]
        assert ids == sorted(set(ids))
        assert ids[0] == FIRST_ID


def test_a_feed_has_several_types_of_sensors() -> None:
    kinds = {record["sensor"]["sensor_type"]["name"] for record in records()}
    assert kinds == {"SDS011", "SPS30", "PMS5003", "BME280", "DHT22"}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert b"".join(feed(SIZE)) == b"".join(feed(SIZE)) != b"".join(feed(SIZE, 2))


def test_of_a_changed_feed_the_share_that_was_asked_for_is_new_or_has_other_values() -> None:
    before = {record["id"]: record for record in records()}
    after = {record["id"]: record for record in records(changed=0.05)}
    new, other = (
        after.keys() - before.keys(),
        {i for i in after.keys() & before.keys() if after[i] != before[i]},
    )
    assert len(after) == len(before)
    assert abs(len(new | other) / len(after) - 0.05) < 0.005
    assert abs(len(new) - len(other)) <= 4
    assert {i for i in other if after[i]["timestamp"] <= before[i]["timestamp"]} == set()


def test_a_feed_in_a_file_is_the_same(tmp_path: Path) -> None:
    assert write(tmp_path / "feed.json", SIZE).read_bytes() == b"".join(feed(SIZE))


def test_works_are_taken_in_turns() -> None:
    turns: list[str] = []

    def work(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    assert in_turns(2, lambda: work("a"), lambda: work("b")) == [[1, 3], [2, 4]]
    assert turns == ["a", "b", "a", "b"]


def test_a_figure_shows_medians_least_and_greatest_and_says_where_a_goal_is_not_reached() -> None:
    figure = Figure(
        "1 rate",
        "MB/s",
        Side("ours", (10, 30, 20)),
        limit=Side("all", (10, 10, 5), "a tenth"),
        goal=Goal(2.5),
    )
    heading, line = table([figure]).splitlines()
    assert heading.split()[0] == "figure"
    assert "20.0 MB/s (10.0 to 30.0)" in line
    assert "limit: all (a tenth)" in line
    assert "2.00 (1.00 to 4.00)" in line
    assert line.endswith("at least 2.5  not reached")


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (Figure("x", "MB", Side("ours", (100,)), goal=Goal(150, at_most=True)), True),
        (Figure("x", "MB", Side("ours", (151,)), goal=Goal(150, at_most=True)), False),
        (Figure("x", "/s", Side("ours", (20,)), Side("peer", (10,)), Side("most", (40,)), Goal(2)), True),
        (Figure("x", "/s", Side("ours", (20,)), limit=Side("most", (40,)), goal=Goal(0.6)), False),
        (Figure("x", "/s", Side("ours", (20,))), True),
    ],
)
def test_a_goal_is_of_the_ratio_to_the_peer_else_to_the_limit_else_of_the_value(
    figure: Figure, kept: bool
) -> None:
    assert figure.is_kept is kept
    assert ("kept" in table([figure])) is (figure.goal is not None and kept)


def test_below_the_table_stands_how_many_goals_are_kept_and_which_are_not() -> None:
    good = Figure("good", "MB", Side("ours", (1,)), goal=Goal(1))
    free = replace(good, goal=None)
    assert verdict([free]) == ""
    assert verdict([good, free]) == "1 of 1 goals kept"
    missed = replace(good, name="missed", goal=Goal(2))
    beside = replace(missed, limit=Side("most", (2,)))
    assert verdict([good, missed, beside]) == "1 of 3 goals kept; not reached: missed; missed, beside most"


def test_every_figure_is_of_a_part_and_has_a_file_that_measures_it() -> None:
    files = sorted(path.stem for path in (ROOT / "bench").glob("figure_*.py"))
    assert sorted(file for part in PARTS.values() for file in part) == files
    assert all("def figures(run: Run)" in (ROOT / f"bench/{file}.py").read_text() for file in files)


def test_a_peer_that_is_not_installed_is_named_and_no_figure() -> None:
    absent = Peer("nowhere:absent", "nowhere", "Absent")
    reached = {OURS: Reached([4.0], [20.0]), DUCKDB.function: Reached([8.0], [100.0])}
    shown = list(beside("1 x", Seen(Path("x"), (DUCKDB, absent), {(1, 1)}, reached)))
    assert [(figure.name, figure.ratio) for figure in shown] == [
        ("1 x", 0.5),
        ("1 x; Absent, is not here", None),
        ("1 x: memory", 0.2),
    ]
    assert all(figure.is_kept for figure in shown)


def test_a_full_run_is_as_the_usual_one_but_for_what_has_a_size_of_its_own(tmp_path: Path) -> None:
    assert [Run(tmp_path, size).pick(1, 2) for size in SIZES] == [1, 2, 2]
    assert [Run(tmp_path, size).pick(1, 2, 3) for size in SIZES] == [1, 2, 3]


def test_parts_are_chosen_by_name() -> None:
    assert chosen("") == list(PARTS)
    assert chosen("start, index") == ["start", "index"]
    with pytest.raises(SystemExit, match="no part nonsense"):
        chosen("nonsense")


class Clock:
    """Seconds that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb(clock: Clock) -> Table:
    return Table(clock)


def item(record_id: int, **values: str) -> dict[str, Any]:
    return {"id": {"S": str(record_id)}} | {name: {"S": value} for name, value in values.items()}


def write_batch(dynamodb: Table, ids: range) -> tuple[int, Any]:
    body = {"RequestItems": {"t": [{"PutRequest": {"Item": item(i)}} for i in ids]}}
    status, text = dynamodb.answer("BatchWriteItem", orjson.dumps(body))
    return status, orjson.loads(text)


def test_what_was_written_is_read_back_and_counted(dynamodb: Table) -> None:
    assert write_batch(dynamodb, range(25)) == (200, {"UnprocessedItems": {}})
    keys = [item(24), item(25)]
    body = {"RequestItems": {"t": {"Keys": keys, "ConsistentRead": True}}}
    answer = orjson.loads(dynamodb.answer("BatchGetItem", orjson.dumps(body)).body)
    assert answer["Responses"] == {"t": [item(24)]}
    assert dynamodb.counts["items_written"] == dynamodb.counts["write_units"] == 25
    assert dynamodb.counts["read_half_units"] == 4
    assert dynamodb.seconds == {1000: [1, 25, 0]}


def test_an_item_costs_a_unit_for_each_kilobyte_that_it_begins(dynamodb: Table) -> None:
    for size, units in ((1000, 1), (1024, 1), (1025, 2), (3000, 3)):
        dynamodb.forget()
        text = {"Item": item(1, x="y" * (size - 4))}  # `id`, `1` and `x` are the other bytes
        dynamodb.answer("PutItem", orjson.dumps(text | {"TableName": "t"}))
        assert dynamodb.counts["write_units"] == units, size


def test_a_table_with_a_limit_takes_so_much_a_second_and_leaves_the_rest(
    dynamodb: Table, clock: Clock
) -> None:
    dynamodb.limit(10)
    status, answer = write_batch(dynamodb, range(25))
    assert status == 200
    assert len(answer["UnprocessedItems"]["t"]) == 15
    status, answer = write_batch(dynamodb, range(25))
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "ProvisionedThroughputExceededException")
    clock.now += 0.5
    _, answer = write_batch(dynamodb, range(25))
    assert len(answer["UnprocessedItems"]["t"]) == 20
    assert dynamodb.seconds == {1000: [3, 15, 3]}
    assert dynamodb.counts["items_refused"] == 60


def test_a_condition_is_held_to_what_is_there(dynamodb: Table) -> None:
    put = {"Item": item(1, term="a"), "ExpressionAttributeNames": {"#term": "term"}}
    absent = orjson.dumps(put | {"ConditionExpression": "attribute_not_exists(#term)"})
    assert dynamodb.answer("PutItem", absent).status == 200
    assert b"ConditionalCheckFailed" in dynamodb.answer("PutItem", absent).body
    seen = {"ConditionExpression": "#term = :seen", "ExpressionAttributeValues": {":seen": {"S": "a"}}}
    delete = {"Key": item(1), **seen}
    assert dynamodb.answer("DeleteItem", orjson.dumps(delete)).status == 200
    assert not dynamodb.items


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("BatchWriteItem", {"RequestItems": {"t": []}}),
        ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": item(1)}}] * 2}}),
        ("PutItem", {"Item": item(1), "ConditionExpression": "who = :knows"}),
        ("Scan", {}),
    ],
)
def test_what_aws_refuses_or_it_does_not_know_is_refused(dynamodb: Table, operation: str, asked: Any) -> None:
    assert dynamodb.answer(operation, orjson.dumps(asked)).status == 400
    assert not dynamodb.items


def test_the_sum_of_items_is_that_of_what_they_hold_in_any_order() -> None:
    one, two = item(1, a="x", b="y"), item(2, a="z", snapshot_at="1")
    other = item(1, b="y", a="x"), item(2, snapshot_at="2", a="z")
    assert digest([one, two], ("snapshot_at",)) == digest(reversed(other), ("snapshot_at",))
    assert digest([one], ()) != digest([item(1, a="x")], ())


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    found = Bucket()
    yield found
    found.heap.close()


def parts(bucket: Bucket, key: str, *bodies: bytes) -> str:
    begun = bucket.answer("POST", key, {"uploads": ""}, {}, b"").body.decode()
    upload = begun.partition("<UploadId>")[2].partition("<")[0]
    for number, body in enumerate(bodies, 1):
        bucket.answer("PUT", key, {"partNumber": str(number), "uploadId": upload}, {}, body)
    return upload


def complete(bucket: Bucket, key: str, upload: str, number: int) -> int:
    body = b"<PartNumber>" * number
    return bucket.answer("POST", key, {"uploadId": upload}, {"if-none-match": "*"}, body).status


def test_an_upload_appears_when_it_is_complete_and_only_where_nothing_is(bucket: Bucket) -> None:
    upload, second = (parts(bucket, "k", b"x" * 300_000, b"yz") for _ in range(2))
    assert bucket.answer("GET", "k", {}, {}, b"").status == 404
    assert complete(bucket, "k", upload, 1) == 400
    assert complete(bucket, "k", upload, 2) == 200
    assert complete(bucket, "k", second, 2) == 412
    assert [size for size, _ in bucket.listed()["k"]] == [300_000, 2]


def test_a_large_part_is_kept_as_it_comes_and_what_follows_it_is_given_back(bucket: Bucket) -> None:
    body = bytes(range(256)) * 2000
    growing = bucket.heap.growing(len(body))
    other = bucket.heap.add(b"o" * 300_000)  # meanwhile
    assert [growing.take(body[:300_001]), growing.take(body[300_001:] + b"PUT /")] == [b"", b"PUT /"]
    piece = growing.piece()
    assert (growing.left, piece.size, piece.digest) == (0, len(body), f"{zlib.crc32(body):08x}")
    assert bucket.heap.read(piece.at, piece.size) == body
    assert bucket.heap.read(other.at, other.size) == b"o" * 300_000


def test_a_part_of_an_object_is_read_from_where_it_was_asked(bucket: Bucket) -> None:
    complete(bucket, "k", parts(bucket, "k", b"x" * 299_999 + b"!", b"yz"), 2)
    reply = bucket.answer("GET", "k", {}, {"range": "bytes=299999-"}, b"")
    assert reply.status == 206
    assert b"".join(bucket.heap.read(*each) for each in reply.ranges) + reply.body == b"!yz"
    assert dict(reply.headers)["Content-Range"] == "bytes 299999-300001/300002"


def test_a_document_is_changed_only_as_the_one_that_was_read(bucket: Bucket) -> None:
    tag = dict(bucket.answer("PUT", "k", {}, {}, b"1").headers)["ETag"]
    assert bucket.answer("PUT", "k", {}, {"if-match": tag}, b"2").status == 200
    assert bucket.answer("PUT", "k", {}, {"if-match": tag}, b"3").status == 412
    assert bucket.answer("PUT", "k", {}, {"if-none-match": "*"}, b"3").status == 412
    assert bucket.answer("GET", "k", {}, {}, b"").body == b"2"


def test_what_was_measured_before_a_run_was_ended_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures(_run: Run) -> Iterator[Figure]:
        yield Figure("99 of a test", "s", Side("ours", [2.5]))
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, f"bench.{PARTS['start'][0]}", SimpleNamespace(figures=figures))
    with pytest.raises(KeyboardInterrupt):
        main({"ONLY": "start"})
    assert "99 of a test  2.50 s" in capsys.readouterr().out


def test_who_shares_a_core_with_another_that_never_rests_is_seen_to_wait_for_it() -> None:
    cores = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as other:
        try:
            pin_to_first_core(other.pid)
            pin_to_first_core()
            before = waited_for_a_core(os.getpid())
            while waited_for_a_core(os.getpid()) == before:
                pass
        finally:
            os.sched_setaffinity(0, cores)
            other.kill()
