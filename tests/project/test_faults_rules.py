"""Rules, their seed and their counts; batches in halves; rates: all of it without a socket."""

from dataclasses import replace
from typing import Any

import pytest

from tests.doubles.faults import effects
from tests.doubles.faults.batches import by_share, by_units, nothing_done, with_left
from tests.doubles.faults.calls import Call, name_of
from tests.doubles.faults.clock import HandClock
from tests.doubles.faults.effects import Bucket, Delay, Refuse, Share, Throttle
from tests.doubles.faults.journal import Journal
from tests.doubles.faults.rules import Rule, RuleBook

WRITE = Call("dynamodb", "BatchWriteItem", "aqi")
PART = Call("s3", "UploadPart", "bucket/data.json", "id", 1)
SLOW = Refuse("SlowDown")


def fired(rule: Rule, calls: int, call: Call = WRITE, seed: int = 0) -> list[int]:
    """Return the numbers of the calls on which the rule falls."""
    book = RuleBook([rule], seed)
    return [number for number in range(1, calls + 1) if book.decide(call)]


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        (Rule("*", SLOW), [1, 2, 3, 4, 5, 6]),
        (Rule("*", SLOW, nth=(1, 3)), [1, 3]),
        (Rule("*", SLOW, nth=range(2, 5)), [2, 3, 4]),
        (Rule("*", SLOW, every=3), [3, 6]),
        (Rule("*", SLOW, times=2), [1, 2]),
        (Rule("*", SLOW, every=2, times=1), [2]),
        (Rule("*", SLOW, chance=0.0), []),
    ],
)
def test_a_rule_falls_on_the_calls_that_it_names(rule: Rule, numbers: list[int]) -> None:
    assert fired(rule, 6) == numbers


@pytest.mark.parametrize(
    ("rule", "call", "falls"),
    [
        (Rule("UploadPart", SLOW), PART, True),
        (Rule("Upload*", SLOW), PART, True),
        (Rule("s3:*", SLOW), PART, True),
        (Rule("dynamodb:*", SLOW), PART, False),
        (Rule("*", SLOW, resource="bucket/*.json"), PART, True),
        (Rule("*", SLOW, resource="other/*"), PART, False),
        (Rule("*", SLOW, sender="first"), replace(PART, sender="first"), True),
        (Rule("*", SLOW, sender="first"), replace(PART, sender="second"), False),
        (Rule("*", effects.LEAVE_ALL), PART, False),
        (Rule("*", effects.LEAVE_ALL), WRITE, True),
        (Rule("*", effects.EMPTY_200), PART, False),
    ],
)
def test_a_rule_falls_on_its_operations_and_resources_where_its_effect_fits(
    rule: Rule, call: Call, falls: bool
) -> None:
    assert bool(RuleBook([rule]).decide(call)) is falls


def test_calls_that_a_rule_does_not_match_are_not_counted_by_it() -> None:
    book = RuleBook([Rule("BatchWriteItem", SLOW, nth=(2,))])
    assert [bool(book.decide(call)) for call in (WRITE, PART, PART, WRITE)] == [False, False, False, True]


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    rule = Rule("*", SLOW, chance=0.3)
    one = fired(rule, 200, seed=7)
    assert fired(rule, 200, seed=7) == one
    assert fired(rule, 200, seed=8) != one
    assert 40 < len(one) < 80


def test_chance_does_not_depend_on_the_rules_before_or_on_other_calls() -> None:
    chancy = Rule("UploadPart", SLOW, chance=0.5)
    alone, crowded = RuleBook([Rule("x", SLOW), chancy], 1), RuleBook([Rule("Batch*", SLOW), chancy], 1)
    expected = [bool(alone.decide(PART)) for _ in range(50)]
    found = []
    for _ in range(50):
        crowded.decide(WRITE)
        found.append(bool(crowded.decide(PART)))
    assert found == expected


def test_a_rule_waits_for_the_operation_that_it_comes_after() -> None:
    book = RuleBook([Rule("BatchWriteItem", SLOW, after="UploadPart")])
    assert [bool(book.decide(call)) for call in (WRITE, PART, WRITE)] == [False, False, True]


def test_a_rule_falls_while_its_switch_is_on() -> None:
    book = RuleBook([Rule("*", SLOW, during="outage")])
    found = [bool(book.decide(WRITE))]
    for on in (True, False):
        book.switch("outage", on=on)
        found.append(bool(book.decide(WRITE)))
    assert found == [False, True, False]


def test_delays_add_up_and_the_first_other_rule_settles_the_call() -> None:
    book = RuleBook([Rule("*", Delay(1)), Rule("*", Delay(2)), Rule("*", SLOW), Rule("*", effects.STALL)])
    assert book.decide(WRITE) == (Delay(1), Delay(2), SLOW)


def test_a_rule_counts_the_calls_that_an_earlier_rule_settled() -> None:
    book = RuleBook([Rule("*", SLOW, nth=(1,)), Rule("*", effects.STALL, nth=(2,))])
    assert [book.decide(WRITE) for _ in range(3)] == [(SLOW,), (effects.STALL,), ()]


def test_what_fired_is_counted_by_rule_and_kept_when_the_rules_are_cleared() -> None:
    first, second = Rule("BatchWriteItem", SLOW, times=1), Rule("*", effects.STALL)
    book = RuleBook([first])
    book.add(second)
    for call in (WRITE, WRITE, PART):
        book.decide(call)
    book.clear()
    assert book.decide(PART) == ()
    assert (book.fired(first), book.fired(second), book.fired()) == (1, 2, 3)
    assert book.calls == {"BatchWriteItem": 2, "UploadPart": 2}


@pytest.mark.parametrize(
    ("method", "path", "operation", "resource"),
    [
        ("HEAD", "/bucket", "HeadBucket", "bucket"),
        ("PUT", "/bucket?publicAccessBlock", "PutPublicAccessBlock", "bucket"),
        ("GET", "/bucket?list-type=2&prefix=data_", "ListObjectsV2", "bucket"),
        ("GET", "/bucket?uploads", "ListMultipartUploads", "bucket"),
        ("POST", "/bucket/a%20b/c.json?uploads", "CreateMultipartUpload", "bucket/a b/c.json"),
        ("PUT", "/bucket/k?partNumber=2&uploadId=u", "UploadPart", "bucket/k"),
        ("POST", "/bucket/k?uploadId=u", "CompleteMultipartUpload", "bucket/k"),
        ("DELETE", "/bucket/k?uploadId=u", "AbortMultipartUpload", "bucket/k"),
        ("PUT", "/bucket/k", "PutObject", "bucket/k"),
        ("GET", "/bucket/k?x-id=GetObject", "GetObject", "bucket/k"),
        ("GET", "/", "ListBuckets", ""),
        ("GET", "/bucket?policy", "GET ?policy", "bucket"),
    ],
)
def test_s3_operations_are_named_by_method_and_query(
    method: str, path: str, operation: str, resource: str
) -> None:
    call = name_of(method, path, {}, None)
    assert (call.service, call.operation, call.resource) == ("s3", operation, resource)


def test_a_part_knows_its_number_and_upload() -> None:
    call = name_of("PUT", "/b/k?partNumber=2&uploadId=u", {}, None)
    assert (call.upload_id, call.part, call.key) == ("u", 2, "k")


def test_dynamodb_operations_are_named_by_target_and_tables() -> None:
    body: dict[str, Any] = {"RequestItems": {"a": [], "b": []}}
    call = name_of("POST", "/", {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}, body)
    assert (call.service, call.operation, call.resource) == ("dynamodb", "BatchWriteItem", "a,b")


def puts(*ids: str) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": {"id": {"S": i}}}} for i in ids]


@pytest.mark.parametrize(
    ("share", "kept", "left"), [(Share.ONE, "ab", "c"), (Share.MOST, "a", "bc"), (Share.ALL, "", "abc")]
)
def test_a_batch_is_left_in_part_with_the_options_of_its_tables(share: Share, kept: str, left: str) -> None:
    keys = [{"id": {"S": i}} for i in "abc"]
    halves = by_share({"RequestItems": {"aqi": {"Keys": keys, "ConsistentRead": True}}}, share)
    for half, ids in ((halves.kept, kept), (halves.left, left)):
        found = half.get("aqi", {"Keys": [], "ConsistentRead": True})
        assert found == {"Keys": [{"id": {"S": i}} for i in ids], "ConsistentRead": True}
    assert halves.left_count == len(left)


def test_most_of_a_single_entry_is_nothing_and_one_of_it_is_all() -> None:
    assert (Share.MOST.of(1), Share.ONE.of(1)) == (0, 1)


def test_what_is_left_joins_what_the_table_left_itself() -> None:
    halves = by_share({"RequestItems": {"aqi": puts("a", "b")}}, Share.ONE)
    answer = with_left("BatchWriteItem", {"UnprocessedItems": {"aqi": puts("x")}}, halves)
    assert answer == {"UnprocessedItems": {"aqi": puts("x", "b")}}


def test_a_read_of_which_nothing_is_kept_names_its_tables() -> None:
    body = {"RequestItems": {"aqi": {"Keys": [{"id": {"S": "a"}}]}}}
    answer = nothing_done("BatchGetItem", by_share(body, Share.ALL))
    assert answer == {"Responses": {"aqi": []}, "UnprocessedKeys": body["RequestItems"]}


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = HandClock()
    bucket = Bucket(10, burst=3, clock=clock)
    assert [bucket.take(1) for _ in range(4)] == [True, True, True, False]
    clock.advance(0.1)
    assert [bucket.take(1), bucket.take(1)] == [True, False]
    clock.advance(3600)
    assert [bucket.take(1) for _ in range(4)] == [True, True, True, False]


def test_more_units_than_a_bucket_holds_are_given_when_it_is_full_and_owed_afterwards() -> None:
    clock = HandClock()
    bucket = Bucket(1, burst=5, clock=clock)
    assert bucket.take(8)
    clock.advance(3)
    assert not bucket.take(1)
    clock.advance(1)
    assert bucket.take(1)


def test_a_batch_is_kept_as_far_as_the_units_go() -> None:
    large = {"PutRequest": {"Item": {"id": {"S": "x" * 3000}}}}
    body = {"RequestItems": {"aqi": [*puts("a"), large, *puts("b")]}}
    halves = by_units(body, Bucket(3, clock=HandClock()))
    assert halves.kept == {"aqi": puts("a")}
    assert halves.left == {"aqi": [large, *puts("b")]}


def test_throttling_is_for_writes_of_items_and_batches() -> None:
    rule = Rule("dynamodb:*", Throttle(Bucket(1)))
    names = ("PutItem", "BatchGetItem", "DescribeTable", "Query")
    assert [rule.matches(Call("dynamodb", name, "aqi")) for name in names] == [True, True, False, False]


def test_the_journal_tells_how_many_ran_at_once_and_which_wrote_the_same_key() -> None:
    journal = Journal()
    first, second = journal.begin(WRITE), journal.begin(WRITE)
    first.keys = second.keys = frozenset({("aqi", "1")})
    journal.end(first)
    third = journal.begin(WRITE)
    third.keys = frozenset({("aqi", "2")})
    journal.end(second)
    fourth = journal.begin(WRITE)
    fourth.keys = first.keys
    assert journal.peak("BatchWriteItem") == 2
    assert list(journal.collisions()) == [(first, second)]


def test_the_journal_tells_whether_something_is_being_done_about_a_request() -> None:
    journal = Journal()
    assert not journal.at_work
    first, second = journal.begin(WRITE), journal.begin(WRITE)
    second.waiting = True
    assert journal.at_work
    journal.end(first)
    assert not journal.at_work
