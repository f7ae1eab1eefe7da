"""A few seconds of `make shards`, and that it would notice what goes wrong.

One rule: a test names its seed; what the checks must notice is planted in what the trial left.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.doubles.delivery_reference import content
from trials.shards import behind, checks
from trials.shards.plan import SMALL, WHOLE, plan_of
from trials.shards.shards import Outcome, sharded


def first(outcome: Outcome) -> dict[str, Any]:
    """Give an item that ends in one way alone."""
    sightings = checks._sightings(outcome)
    return next(outcome.shards[i] for i, seen in sightings.items() if checks._is_exact(outcome, seen))


def put_back(outcome: Outcome) -> None:
    """Have an item as an earlier snapshot had it."""
    for record_id, seen in checks._sightings(outcome).items():
        item = outcome.shards[record_id]
        if checks._is_exact(outcome, seen) and (old := [s for s in seen if content(s.row) != content(item)]):
            item.update(old[0].row)
            return
    raise AssertionError("no item has changed")


TAMPERED: dict[str, Callable[[Outcome], object]] = {
    "is lost in the table of shards": lambda o: o.shards.pop(first(o)["id"]),
    "no snapshot has it so": lambda o: first(o).update({"P10": "0.001"}),
    "in the table of shards, not": put_back,
    "and in no snapshot": lambda o: o.alone.update({"5": {"id": "5"}}),
    "is not finished in the table of shards": lambda o: o.manifests["shards"].pop(next(iter(o.plan.names))),
    "counts otherwise": lambda o: o.manifests["alone"][next(iter(o.plan.names))].update(merged=99),
    "took what is not its share": lambda o: o.reports[0].extend(o.reports[1]),
    "is answered with": lambda o: o.replies.update({first(o)["id"]: b"Item not found"}),
    "ended with 1": lambda o: o.codes.update({0: 1}),
    "in each other's way": lambda o: o.errors.update({"others change latest.json all the time": 1}),
    "is open": lambda o: o.uploads.append("data_20_12_23_18_00.json"),
    "nobody was killed": lambda o: setattr(o, "kills", 0),
    "the archive has other documents": lambda o: o.snapshots.popitem(),
}
"""A sentence that the checks must say, and what was done to a good outcome."""


async def test_workers_that_are_killed_and_started_again_beside_a_daemon_make_the_table_of_a_single_one(
    moto_endpoint: str, tmp_path: Path
) -> None:
    outcome = await sharded(plan_of(3, SMALL), moto_endpoint, tmp_path)
    assert checks.problems(outcome) == []
    assert checks.exact(outcome) > 0.7 * len(outcome.shards)
    assert outcome.kills
    for sentence, tamper in TAMPERED.items():
        bad = copy.deepcopy(outcome)
        tamper(bad)
        assert [each for each in checks.problems(bad) if sentence in each], (sentence, checks.problems(bad))


async def test_behind_one_address_no_lookup_fails_that_is_asked_once_more_whoever_is_killed(
    moto_endpoint: str, tmp_path: Path
) -> None:
    asked = await behind.behind_one_address(3, moto_endpoint, tmp_path, records=16, each=60)
    assert behind.problems(asked) == []
    assert asked.lookups >= 180
    assert len(asked.connections) >= 3


def test_an_answer_that_no_snapshot_has_and_one_that_never_came_are_noticed() -> None:
    asker = behind.Asker(1, {"7": {("2023-12-20 18:00:00", "1", "2", "1")}}, ["7"])
    asker._judge("7", {"timestamp": "2023-12-20 18:00:00", "P2.5": "1", "P10": "2", "AQI": "1"})
    assert asker.asked.wrong == []
    asker._judge("7", {"timestamp": "2023-12-20 18:00:00", "P2.5": "1", "P10": "3", "AQI": "1"})
    asker._judge("7", None)
    assert len(behind.problems(asker.asked)) == 3


def test_the_same_seed_gives_the_same_plan_and_the_plan_is_what_the_readme_says() -> None:
    plans = [plan_of(seed, SMALL) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]
    assert (WHOLE.shards, WHOLE.snapshots) == (8, 64)
    assert all(plan_of(1, WHOLE).kills)
