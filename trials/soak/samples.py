"""Samples of a process as a table, and what of them grew. Pure.

One rule: only what must not grow at all decides; memory is shown, for a person to judge.
"""

from collections.abc import Mapping, Sequence

Sample = Mapping[str, int]
"""`loads` so far and how many ended well (`good`), and counts by the names below."""

MUST_NOT_GROW = ("tasks", "descriptors", "connections", "threads")
COLUMNS = {"memory": "memory kB", "objects": "objects"} | {name: name for name in MUST_NOT_GROW}
WIDTH = 20


def table(samples: Sequence[Sample]) -> list[str]:
    """Write a line for each sample: its counts, and by how much they grew since the sample before."""
    lines = [f"{'loads':>6} {'good':>6}" + "".join(f"{title:>{WIDTH}}" for title in COLUMNS.values())]
    for number, sample in enumerate(samples):
        before = samples[number - 1] if number else None
        cells = [_cell(sample[name], before[name] if before else None) for name in COLUMNS]
        lines.append(f"{sample['loads']:>6} {sample['good']:>6}" + "".join(f"{c:>{WIDTH}}" for c in cells))
    return lines


def _cell(value: int, before: int | None) -> str:
    return f"{value}" if before is None else f"{value} ({value - before:+d})"


def grown(samples: Sequence[Sample]) -> dict[str, int]:
    """Tell what grew from the first sample, which is the warm-up's, to the last; by how much."""
    first, last = samples[0], samples[-1]
    growth = {name: last[name] - first[name] for name in MUST_NOT_GROW}
    return {name: more for name, more in growth.items() if more > 0}
