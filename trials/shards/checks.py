"""What the workers made, held against what a single one made and what the documents come to.

One rule: pure; every broken promise is a sentence of its own. What docs/delivery.md leaves open is left open:
a record that changes and changes back, two snapshots of one minute, and the moment of a live write.
"""

from collections.abc import Iterator

from tests.doubles.delivery_reference import (
    Keeping,
    Seen,
    all_seen,
    content,
    ends_the_same_in_any_order,
    newest_seen,
    one_after_the_other,
    read,
)
from trials.chaos.outcome import line
from trials.shards.shards import Outcome

FOR_EVER = Keeping(None, 0)


def problems(outcome: Outcome) -> list[str]:
    """Say everything that is wrong."""
    return [*_ends(outcome), *_manifests(outcome), *_tables(outcome), *_replies(outcome)]


def exact(outcome: Outcome) -> int:
    """Count the ids that were held against exactly one row."""
    return sum(_is_exact(outcome, seen) for seen in _sightings(outcome).values())


def _ends(outcome: Outcome) -> Iterator[str]:
    for number, code in outcome.codes.items():
        if code:
            yield f"worker {number} ended with {code}"
    for why in outcome.errors:
        if "others change" in why:
            yield f"workers were in each other's way: {why}"
    for key in outcome.uploads:
        yield f"an upload of {key} is open"
    if not outcome.kills:
        yield "nobody was killed"
    archived = {snapshot.body for snapshot in outcome.snapshots.values()}
    if archived != {*(snapshot.body for snapshot in outcome.plan.archived), *outcome.plan.live}:
        yield "the archive has other documents than were put there, or published"


def _manifests(outcome: Outcome) -> Iterator[str]:
    """Each snapshot is finished in both tables, with the counts of its document; no worker took another's."""
    for table, found in outcome.manifests.items():
        for name, snapshot in outcome.snapshots.items():
            reading, report = read(snapshot, FOR_EVER), found.get(name, {})
            if report.get("status") != "complete":
                yield f"{name} is not finished in the table of {table}"
            elif any(report[fate] != reading.fates[fate] for fate in ("merged", "rejected", "without_pm")):
                yield f"the manifest of {name} in the table of {table} counts otherwise than the document"
    names, count = list(outcome.plan.names), outcome.plan.size.shards
    shares = [{*names[number::count]} for number in range(count)]
    for reports in outcome.reports:
        done = {report["snapshot"] for report in reports} & {*names}
        if not any(done <= share for share in shares):
            yield f"a worker took what is not its share: {sorted(done)}"


def _sightings(outcome: Outcome) -> dict[str, list[Seen]]:
    return all_seen(sorted(outcome.snapshots.values()), FOR_EVER)


def _is_exact(outcome: Outcome, seen: list[Seen]) -> bool:
    """Tell whether an id ends in one row, in whatever order loads run beside each other."""
    live = {taken for taken, _ in outcome.snapshots.values()} - {s.taken for s in outcome.plan.archived}
    by_live = [each for each in seen if each.row["snapshot_at"] in live]
    overtaken = by_live and not any(each in by_live for each in newest_seen(seen))
    return ends_the_same_in_any_order(seen) and not overtaken


def _tables(outcome: Outcome) -> Iterator[str]:
    wanted = one_after_the_other(sorted(outcome.snapshots.values()), FOR_EVER)
    for record_id, seen in _sightings(outcome).items():
        may_be, last = [content(each.row) for each in seen], content(wanted[record_id])
        for table, items in (("shards", outcome.shards), ("alone", outcome.alone)):
            item = items.get(record_id)
            if item is None:
                yield f"{record_id} is lost in the table of {table}"
            elif content(item) not in may_be:
                yield f"{record_id} is {content(item)} in the table of {table}: no snapshot has it so"
            elif _is_exact(outcome, seen) and content(item) != last:
                yield f"{record_id} is {content(item)} in the table of {table}, not {last}"
    for table, items in (("shards", outcome.shards), ("alone", outcome.alone)):
        for record_id in items.keys() - wanted.keys():
            yield f"{record_id} is in the table of {table}, and in no snapshot"


def _replies(outcome: Outcome) -> Iterator[str]:
    for record_id, reply in outcome.replies.items():
        item = outcome.shards.get(record_id)
        if item is None or reply != line(item):
            yield f"{record_id} is answered with {reply!r}, and the table has {item}"


def summary(outcome: Outcome) -> str:
    """Say in a line what was done."""
    size, sure = outcome.plan.size, exact(outcome)
    return (
        f"shards: seed={outcome.plan.seed} snapshots={len(outcome.snapshots)} workers={size.shards} "
        f"kills={outcome.kills} incomplete={dict(outcome.errors)} ids={sure}+{len(outcome.shards) - sure}"
    )
