"""Short random campaigns (`make chaos` runs long ones), and that a campaign would notice what goes wrong.

One rule: a test names its seed; what the checks must notice is planted, in the program or in what it left.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from aqi_service.storage.ports import PutResult, Storage
from tests.doubles.faults.calls import Call
from tests.doubles.faults.clock import HandClock
from tests.doubles.faults.rules import RuleBook
from trials.chaos.campaign import campaign
from trials.chaos.checks import problems, reach
from trials.chaos.faults import TROUBLES
from trials.chaos.outcome import Outcome, generations
from trials.chaos.plan import LONG, QUIET, SHORT, plan_of


@pytest.mark.parametrize("seed", [15, 17])
def test_under_random_faults_nothing_is_lost_and_every_answer_is_true(seed: int, moto_endpoint: str) -> None:
    found, outcome = campaign(plan_of(seed, SHORT), moto_endpoint)
    assert found == []
    assert outcome.faults
    assert outcome.found
    exact, left_open = reach(outcome)
    assert exact > 5 * left_open


def test_the_same_seed_gives_the_same_plan_and_the_same_faults_at_the_same_calls() -> None:
    """What is not of the plan, the order in which calls of several sockets come, no seed can give."""
    plans = [plan_of(seed, LONG) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]
    assert plans[0].published != plans[2].published
    asked = [[plan.feed_fault_of(number) for number in range(100)] for plan in plans]
    assert asked[0] == asked[1] != asked[2]
    decided = []
    for plan in plans:
        windows = [TROUBLES[w.trouble].rule("", "*", HandClock()) for w in plan.windows]
        book = RuleBook(windows, plan.seed)
        calls = [Call("dynamodb", f"{name}Item", "table") for name in ("Put", "BatchWrite", "Get")] * 50
        decided.append([[repr(type(effect)) for effect in book.decide(call)] for call in calls])
    assert decided[0] == decided[1] != decided[2]


class Forgetful:
    """A store that says of one item that it wrote it."""

    def __init__(self, store: Any, record_id: str) -> None:
        self._store, self._id = store, record_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, items: Sequence[Any], **how: Any) -> PutResult:
        result: PutResult = await self._store.put([item for item in items if item.id != self._id], **how)
        return result


def test_a_write_that_is_lost_is_noticed(moto_endpoint: str) -> None:
    plan = plan_of(3, QUIET)
    lost = generations(plan)[-1].reading.rows[0]["id"]

    def spoil(storage: Storage) -> Storage:
        store: Any = Forgetful(storage.store, lost)
        return Storage(storage.archive, store)

    found, _ = campaign(plan, moto_endpoint, spoil)
    assert [problem.partition(":")[0] for problem in found] == [f"{lost} is lost", found[1].partition(":")[0]]
    assert found[1].startswith(f"{lost} is answered with ")  # by memory, which believed the store


Tamper = Callable[[Outcome], object]


def an_item(outcome: Outcome) -> dict[str, Any]:
    """Give an item that is in the last generation."""
    return outcome.items[outcome.generations[-1].reading.rows[-1]["id"]]


def a_key(outcome: Outcome, start: str) -> str:
    return next(key for key in outcome.objects if key.startswith(start))


def change_manifest(outcome: Outcome, **changes: Any) -> None:
    key = a_key(outcome, "manifests/")
    outcome.objects[key] = json.dumps(json.loads(outcome.objects[key]) | changes).encode()


def change_report(outcome: Outcome, **changes: Any) -> None:
    outcome.loads[0] = outcome.loads[0]._replace(report=replace(outcome.loads[0].report, **changes))


def swap_answers(outcome: Outcome) -> None:
    one, other = [i for i, reply in outcome.replies.items() if reply.startswith(b"id")][:2]
    outcome.replies[one], outcome.replies[other] = outcome.replies[other], outcome.replies[one]


TAMPERED: dict[str, Tamper] = {
    "is lost": lambda o: o.items.pop(an_item(o)["id"]),
    "and should be": lambda o: an_item(o).update({"P10": "0.001"}),
    "is of a snapshot at": lambda o: an_item(o).update(snapshot_at=7),
    "was in no document": lambda o: o.items.update({"5": {"id": "5"}}),
    "is no document that the feed published": lambda o: o.objects.update({"data_20_12_23_19_00.json": b"[]"}),
    "is open": lambda o: o.uploads.append("data_20_12_23_19_00.json"),
    "has no manifest": lambda o: o.objects.pop(a_key(o, "manifests/")),
    "says records 1,": lambda o: change_manifest(o, records=1),
    "does not count each item once": lambda o: change_manifest(o, stored=-1),
    "and no snapshot": lambda o: o.objects.pop(a_key(o, "data_")),
    "latest.json does not name": lambda o: o.objects.pop(
        next(key for key in o.objects if key.endswith("latest.json"))
    ),
    "fates of 77 records": lambda o: change_report(o, records=77),
    "and should be with": swap_answers,
}
"""A sentence that the checks must say, and what was done to a good outcome."""


def test_whatever_is_wrong_in_the_end_is_noticed(moto_endpoint: str) -> None:
    found, good = campaign(plan_of(5, QUIET), moto_endpoint)
    assert found == []
    for sentence, tamper in TAMPERED.items():
        outcome = copy.deepcopy(good)
        tamper(outcome)
        assert [each for each in problems(outcome) if sentence in each], (sentence, problems(outcome))
