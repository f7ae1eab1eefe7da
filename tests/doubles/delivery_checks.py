"""What is true of a table, an archive and reports once all loads are done.

One rule: what is expected comes from `doubles/delivery_reference`, which knows nothing of the program.
"""

import json
from collections.abc import Mapping, Sequence

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.core.report import LoadReport
from aqi_service.core.snapshot_names import manifest_key
from tests.doubles.delivery_processes import Job
from tests.doubles.delivery_reference import (
    Keeping,
    Row,
    Seen,
    all_seen,
    content,
    ends_the_same_in_any_order,
    newest_seen,
    one_after_the_other,
    read,
)
from tests.doubles.delivery_snapshots import LIVE_TAKEN
from tests.doubles.load_helpers import TABLE
from tests.doubles.storage_doubles import MemoryArchive

NAMES = [attribute.name for attribute in ATTRIBUTES]
COUNTED = ("without_pm", "merged", "rejected", "expired")


def rows(items: Mapping[str, Item]) -> dict[str, Row]:
    """Give items as a table has them."""
    pairs = {key: zip(NAMES, item, strict=True) for key, item in items.items()}
    return {key: {name: value for name, value in pair if value is not None} for key, pair in pairs.items()}


def check_table(table: Mapping[str, Row], jobs: Sequence[Job], keeping: Keeping) -> None:
    """See that the table is as the reference makes it, as far as that does not depend on the order.

    Each row is as some snapshot has it, that one's time included. Which one, of several that say the same,
    does depend on the order: `snapshot_at` does not count when items are compared.
    """
    snapshots = sorted({job.snapshot for job in jobs})
    expected = one_after_the_other(snapshots, keeping)
    assert table.keys() == expected.keys()
    for record_id, seen in all_seen(snapshots, keeping).items():
        row = table[record_id]
        assert row in [each.row for each in seen]
        if is_overtaken(seen):
            continue
        assert row["measured_at"] == expected[record_id]["measured_at"]
        if ends_the_same_in_any_order(seen):
            assert content(row) == content(expected[record_id])


def is_overtaken(seen: Sequence[Seen]) -> bool:
    """Tell whether a replay brings something newer than what the live feed says of the same id.

    The live feed goes out in batches, which know no condition: what a replay wrote between a batch's reading
    and its writing is overwritten, even if it was newer.
    """
    live = [each for each in seen if each.row["snapshot_at"] == LIVE_TAKEN]
    return bool(live) and not any(each in live for each in newest_seen(seen))


def check_reports(reports: Sequence[tuple[Job, LoadReport]], keeping: Keeping) -> None:
    """See that every load that ended well counted what is in its document."""
    for job, report in reports:
        counted = {name: getattr(report.fates, name) for name in COUNTED}
        fates = read(job.snapshot, keeping).fates
        assert counted == {name: fates[name] for name in COUNTED}
        assert report.records == len(json.loads(job.snapshot.body))


def check_archive(archive: MemoryArchive, jobs: Sequence[Job]) -> None:
    """See that every snapshot is there as it was, and that a manifest says that it is in the table."""
    finished = set()
    for name, body in archive.snapshots.items():
        manifest = archive.documents.get(manifest_key(TABLE, name))
        if manifest and json.loads(manifest)["status"] == "complete":
            finished.add(body)
    assert {job.snapshot.body for job in jobs} == finished == set(archive.snapshots.values())
