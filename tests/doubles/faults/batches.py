"""A batch in two: what goes on to the table, and what comes back as unprocessed.

One rule: pure; the two halves together are the request, in its order, with all its options.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.doubles.faults.aws_rules import entries, write_units
from tests.doubles.faults.effects import Bucket, Share

UNPROCESSED = {"BatchWriteItem": "UnprocessedItems", "BatchGetItem": "UnprocessedKeys"}


class Halves(NamedTuple):
    """The `RequestItems` to send on and those to leave, and how many entries are left."""

    kept: dict[str, Any]
    left: dict[str, Any]
    left_count: int


def by_share(body: Mapping[str, Any], share: Share) -> Halves:
    """Leave the last entries of a batch, as many as the share says."""
    size = len(entries(body))
    keep = size - share.of(size)
    return _halves(body, [place < keep for place in range(size)])


def by_units(body: Mapping[str, Any], bucket: Bucket) -> Halves:
    """Keep the entries that the bucket has units for; nothing more once one did not fit."""
    kept: list[bool] = []
    for _, entry in entries(body):
        kept.append(all(kept[-1:]) and bucket.take(write_units(entry)))
    return _halves(body, kept)


def with_left(operation: str, answer: Mapping[str, Any], halves: Halves) -> dict[str, Any]:
    """Return the table's answer with what was left added to what it left itself."""
    name = UNPROCESSED[operation]
    own = answer.get(name) or {}
    return {
        **answer,
        name: {table: _joined(own.get(table), halves.left.get(table)) for table in {**own, **halves.left}},
    }


def nothing_done(operation: str, halves: Halves) -> dict[str, Any]:
    """Return the answer of a batch of which nothing was kept."""
    nothing: dict[str, Any] = {"Responses": {table: [] for table in halves.left}}
    return with_left(operation, nothing if operation == "BatchGetItem" else {}, halves)


def _halves(body: Mapping[str, Any], kept: Sequence[bool]) -> Halves:
    marked = list(zip(entries(body), kept, strict=True))
    return Halves(
        _rebuilt(body, [entry for entry, keep in marked if keep]),
        _rebuilt(body, [entry for entry, keep in marked if not keep]),
        len(kept) - sum(kept),
    )


def _rebuilt(body: Mapping[str, Any], chosen: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    asked = body["RequestItems"]
    tables = dict.fromkeys(table for table, _ in chosen)
    return {table: _filled(asked[table], [e for t, e in chosen if t == table]) for table in tables}


def _filled(asked: Any, chosen: list[Any]) -> Any:
    return {**asked, "Keys": chosen} if isinstance(asked, Mapping) else chosen


def _joined(one: Any, other: Any) -> Any:
    if not one or not other:
        return one or other
    if isinstance(one, Mapping):
        return {**one, "Keys": [*one["Keys"], *other["Keys"]]}
    return [*one, *other]
