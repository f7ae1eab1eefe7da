"""An outcome held against the reference: conservation, whole or absent, newest wins, lookups, one holder.

One rule: pure; every broken promise is a sentence of its own.

What the promises leave open (docs/delivery.md, "What is not") is left open here: a record that changes and
changes back, two snapshots of one minute, and records of documents that were read and not archived.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from aqi_service.core.snapshot_names import parse_name
from tests.doubles.delivery_reference import (
    Row,
    Seen,
    content,
    ends_the_same_in_any_order,
    is_newer,
    newest_of_each,
)
from trials.chaos.outcome import Outcome, line

ARCHIVED = ("complete", "incomplete")


class Reach(NamedTuple):
    """How many ids were held against exactly one row, and how many against a few that may be."""

    exact: int
    open: int


def problems(outcome: Outcome) -> list[str]:
    """Say everything that is wrong."""
    return [
        *outcome.complaints,
        *_archive(outcome),
        *_manifests(outcome),
        *_conservation(outcome),
        *_table(outcome),
        *_lookups(outcome),
    ]


def reach(outcome: Outcome) -> Reach:
    """Tell how much the check of the table can see."""
    exact = sum(ends_the_same_in_any_order(seen.all) for seen in _by_id(outcome).values())
    return Reach(exact, len(_by_id(outcome)) - exact)


def _archive(outcome: Outcome) -> Iterator[str]:
    bodies = {generation.body for generation in outcome.generations}
    for key, body in outcome.objects.items():
        if parse_name(key) and body not in bodies:
            yield f"{key} is no document that the feed published"
    for key in outcome.uploads:
        yield f"an upload of {key} is open"


def _manifests(outcome: Outcome) -> Iterator[str]:
    """Each snapshot has a finished manifest that tells the truth, and the latest names the newest."""
    manifests = _documents(outcome, "manifests/")
    latest = manifests.pop("latest.json", None)
    snapshots = _snapshots(outcome)
    for name, number in snapshots.items():
        if name not in manifests:
            yield f"{name} has no manifest"
        else:
            yield from _counts(outcome, number, manifests[name], f"the manifest of {name}")
    for name in manifests.keys() - snapshots:
        yield f"there is a manifest of {name}, and no snapshot"
    newest = max(map(_time, snapshots), default=0)
    if latest is None or _time(str(latest["snapshot"])) != newest:
        yield "latest.json does not name the newest snapshot"


def _counts(outcome: Outcome, number: int, report: dict[str, Any], what: str) -> Iterator[str]:
    """What a finished report says of a generation that it read whole."""
    generation = outcome.generations[number]
    wanted: dict[str, Any] = {"records": generation.records, "pending": 0}
    wanted |= {name: generation.reading.fates[name] for name in ("merged", "rejected", "without_pm")}
    wanted |= {"bytes": len(generation.body), "status": "complete"}
    for name, count in wanted.items():
        if report[name] != count:
            yield f"{what} says {name} {report[name]}, and it is {count}"
    if report["stored"] + report["unchanged"] + report["superseded"] != len(generation.reading.rows):
        yield f"{what} does not count each item once"


def _conservation(outcome: Outcome) -> Iterator[str]:
    """The fates of each load add up; one that is complete speaks of a whole document."""
    snapshots = _snapshots(outcome)
    for process, _, report in outcome.loads:
        what = f"the report of {process} on {report.snapshot}"
        if report.fates.total != report.records:
            yield f"{what} has {report.fates.total} fates of {report.records} records"
        if (report.snapshot is not None) != (report.status in ARCHIVED):
            yield f"{what} is {report.status}"
        if report.snapshot is not None and report.snapshot not in snapshots:
            yield f"{what} names a snapshot that is not there"
        elif report.snapshot is not None and report.status == "complete":
            yield from _counts(outcome, snapshots[report.snapshot], report.as_json(), what)


class _Sightings(NamedTuple):
    """The rows of one id: those of archived snapshots, and with them those of documents that were lost."""

    archived: list[Seen]
    all: list[Seen]


def _by_id(outcome: Outcome) -> dict[str, _Sightings]:
    """Give every row that a load may have stored, by id."""
    archived = {(_time(name), number) for name, number in _snapshots(outcome).items()}
    read = archived | {(served.taken, served.generation) for served in outcome.served}
    found: dict[str, _Sightings] = defaultdict(lambda: _Sightings([], []))
    for place, (taken, number) in enumerate(sorted(read)):
        for position, row in enumerate(outcome.generations[number].rows(taken)):
            seen = Seen(row, place, position)
            found[row["id"]].all.append(seen)
            if (taken, number) in archived:
                found[row["id"]].archived.append(seen)
    return found


def _may_be(seen: _Sightings) -> list[Row]:
    """Give the rows of which the table has one; none where no archived snapshot has the id."""
    if not ends_the_same_in_any_order(seen.all):
        newest = max((each.row["measured_at"] for each in seen.archived), default=0)
        return [each.row for each in seen.all if each.row["measured_at"] >= newest]
    last: list[Row] = []
    for each in seen.archived:
        last = list(newest_of_each([*last, each.row]))
    return last + [each.row for each in seen.all if not last or is_newer(each.row, last[0])]


def _table(outcome: Outcome) -> Iterator[str]:
    """Each id has the newest of its rows: none is lost, none stands that is superseded."""
    sightings = _by_id(outcome)
    for record_id in outcome.items.keys() - sightings:
        yield f"{record_id} is in the table, and was in no document that was read"
    for record_id, seen in sightings.items():
        item, rows = outcome.items.get(record_id), _may_be(seen)
        if item is None:
            if seen.archived:
                yield f"{record_id} is lost: it should be {content(rows[0])}"
        elif content(item) not in map(content, rows):
            yield f"{record_id} is {content(item)}, and should be {content(rows[0])}"
        elif item["snapshot_at"] not in {
            each.row["snapshot_at"] for each in seen.all if content(each.row) == content(item)
        }:
            yield f"{record_id} is of a snapshot at {item['snapshot_at']}, which did not have it so"


def _lookups(outcome: Outcome) -> Iterator[str]:
    """What is looked up at the end is what the table has."""
    for record_id, reply in outcome.replies.items():
        item = outcome.items.get(record_id)
        wanted = b"Item not found" if item is None else line(item)
        if reply != wanted:
            yield f"{record_id} is answered with {reply!r}, and should be with {wanted!r}"


def _snapshots(outcome: Outcome) -> dict[str, int]:
    """Give the archived snapshots, each with the number of its generation."""
    numbers = {generation.body: number for number, generation in enumerate(outcome.generations)}
    return {
        key: numbers[body] for key, body in outcome.objects.items() if parse_name(key) and body in numbers
    }


def _documents(outcome: Outcome, prefix: str) -> dict[str, dict[str, Any]]:
    found = {key: body for key, body in outcome.objects.items() if key.startswith(prefix)}
    return {key.rpartition("/")[2]: json.loads(body) for key, body in found.items()}


def _time(name: str) -> int:
    parsed = parse_name(name)
    return parsed[1] if parsed else 0
