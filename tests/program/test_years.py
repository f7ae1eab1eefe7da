"""A few seconds of `make years`, and that it would notice what goes wrong.

One rule: a test names its seed; what the checks must notice is planted in what the trial left.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.doubles.outside import needs_package
from trials.years import checks, objects
from trials.years.objects import MOST_MB
from trials.years.plan import SMALL, WHOLE, plan_of
from trials.years.shards import Outcome, years

pytestmark = [needs_package("duckdb"), needs_package("pyarrow")]


def first(rows: dict[str, Any]) -> dict[str, Any]:
    """Give a row."""
    row: dict[str, Any] = next(iter(rows.values()))
    return row


def renamed(outcome: Outcome) -> None:
    """Have a file say that it is another snapshot's."""
    outcome.files[next(iter(outcome.files))] = "day_2022-01-01_0"


TAMPERED: dict[str, Callable[[Outcome], object]] = {
    "worker 1 ended with 1": lambda o: o.codes.update({1: 1}),
    "only 1 shards were killed": lambda o: setattr(o, "kills", 1),
    "reports of": lambda o: o.reports[0].pop(),
    "is failed": lambda o: o.reports[0][0].update(status="failed"),
    "the table has of": lambda o: first(o.table).update({"P10": "0.01"}),
    "the export has of": lambda o: o.export.popitem(),
    "is left in the export": lambda o: o.hidden.append(".export.0badcafe.partial"),
    "has the snapshot": renamed,
    "the export has 2 files of": lambda o: o.files.update({"snapshot_date=2023-01-01/x.parquet": "x"}),
    "the question asks nothing": lambda o: o.answers["reference"].clear(),
    "DuckDB answers": lambda o: o.answers["DuckDB"].pop(),
    "SQLite answers": lambda o: o.answers["SQLite"].append(("DE", "2023-01", 1, 1)),
    "the second run is": lambda o: o.again[0].update(status="complete"),
    "the second run wrote": lambda o: o.changed.append("table/manifests/x"),
}
"""A sentence that the checks must say, and what was done to a good outcome."""


async def test_shards_that_are_killed_make_table_export_and_answer_of_another_way_of_reading(
    tmp_path: Path,
) -> None:
    outcome = await years(plan_of(4, SMALL), tmp_path)
    assert checks.problems(outcome) == []
    assert outcome.written.odd
    for sentence, tamper in TAMPERED.items():
        bad = copy.deepcopy(outcome)
        tamper(bad)
        assert [each for each in checks.problems(bad) if sentence in each], (sentence, checks.problems(bad))


def test_a_load_out_of_s3_that_takes_more_memory_than_promised_or_leaves_a_file_out_is_noticed() -> None:
    seen = objects.Read(files=30, stored=30, megabytes=0.1, peak=MOST_MB, seconds=1.0)
    assert objects.problems(seen, 30) == []
    assert len(objects.problems(seen._replace(peak=MOST_MB + 1), 30)) == 1
    assert len(objects.problems(seen._replace(stored=29), 30)) == 1


def test_the_same_seed_gives_the_same_plan_and_the_plan_is_what_the_readme_says() -> None:
    plans = [plan_of(seed, SMALL) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]
    assert (WHOLE.days, WHOLE.sensors, WHOLE.shards, WHOLE.files) == (365, 40, 4, 20_000)
    assert all(plan_of(1, WHOLE).kills)
