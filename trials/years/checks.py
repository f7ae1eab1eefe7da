"""The table, the export and the answers held against each other and against the reference.

One rule: pure; every broken promise is a sentence of its own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.doubles.delivery_reference import Row
from trials.years.questions import COLUMNS
from trials.years.shards import Outcome

Rows = Mapping[str, Row]


def problems(outcome: Outcome) -> list[str]:
    """Say everything that is wrong."""
    return [*_ends(outcome), *_tables(outcome), *_files(outcome), *_answers(outcome), *_again(outcome)]


def _ends(outcome: Outcome) -> Iterator[str]:
    for number, code in outcome.codes.items():
        if code:
            yield f"worker {number} ended with {code}"
    if outcome.kills < outcome.plan.size.shards:
        yield f"only {outcome.kills} shards were killed"
    sources = len(outcome.plan.days) + 1
    if sum(map(len, outcome.reports)) != sources:
        yield f"the shards have {sum(map(len, outcome.reports))} reports of {sources} sources"
    for report in (each for shard in outcome.reports for each in shard):
        if report["status"] not in ("complete", "unchanged"):
            yield f"{report['source']} is {report['status']}: {report['error']}"


def _tables(outcome: Outcome) -> Iterator[str]:
    yield from _same("the table", outcome.table, outcome.wanted)
    yield from _same("the export", outcome.export, outcome.table)


def _same(what: str, rows: Rows, wanted: Rows) -> Iterator[str]:
    for record_id in rows.keys() | wanted.keys():
        row, right = (_shown(each.get(record_id)) for each in (rows, wanted))
        if row != right:
            yield f"{what} has of {record_id} {row}, not {right}"


def _shown(row: Row | None) -> Row | None:
    return row and {name: row[name] for name in COLUMNS if row.get(name) is not None}


def _files(outcome: Outcome) -> Iterator[str]:
    """Each source has one whole file, called as its snapshot is."""
    for name in outcome.hidden:
        yield f"{name} was begun, and is left in the export"
    for file, snapshot in outcome.files.items():
        if snapshot.removesuffix(".json") != file.rpartition("/")[2].removesuffix(".parquet"):
            yield f"{file} has the snapshot {snapshot}"
    days = Counter(file.partition("/")[0].removeprefix("snapshot_date=") for file in outcome.files)
    wanted = Counter(
        [*outcome.plan.days, outcome.plan.days[-1]]
    )  # of the last day there is the snapshot, too
    for day in days.keys() | wanted.keys():
        if days[day] != wanted[day]:
            yield f"the export has {days[day]} files of {day}, not {wanted[day]}"


def _answers(outcome: Outcome) -> Iterator[str]:
    wanted = outcome.answers["reference"]
    if not any(over for _, _, _, over in wanted) or None in (country for country, *_ in wanted):
        yield "the question asks nothing"
    for who, answer in outcome.answers.items():
        if answer != wanted:
            yield f"{who} answers {[*set(answer) ^ set(wanted)][:3]} otherwise than the reference"


def _again(outcome: Outcome) -> Iterator[str]:
    if (states := Counter(report["status"] for report in outcome.again)).keys() != {"unchanged"}:
        yield f"the second run is {dict(states)}"
    for name in outcome.changed:
        yield f"the second run wrote {name}"


def summary(outcome: Outcome) -> str:
    """Say in a line what was done, and how long it took."""
    size, written = outcome.plan.size, outcome.written
    seconds = ", ".join(f"{part} {took:.2f}" for part, took in outcome.seconds.items())
    rows = sum(days for _, _, days, _ in outcome.answers["reference"])
    return (
        f"years: seed={outcome.plan.seed} days={size.days} sensors={size.sensors} files={written.files} "
        f"odd={written.odd} rows={written.rows} shards={size.shards} kills={outcome.kills} "
        f"items={len(outcome.table)} sensors' days={rows} groups={len(outcome.answers['reference'])} "
        f"seconds: {seconds}"
    )
