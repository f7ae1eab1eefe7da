"""Which of several snapshots are loaded: those in a range of time, and one worker's share of these.

One rule: the order is that of the snapshots' times, never that of their names.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aqi_service.errors import ConfigError

SHARD_COUNT = "AQI_SHARD_COUNT"
SHARD_INDEXES = ("AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX")
"""The variables in which AWS Batch and Kubernetes tell a worker its number, but not how many workers there
are."""

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """One worker's share: the positions I, I+N, I+2N ...; I counts from 0."""

    index: int = 0
    count: int = 1


WHOLE = Shard()
"""The share of a single worker: everything."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Times in [since, until), epoch seconds, None for an open end; and one share of these."""

    since: int | None = None
    until: int | None = None
    shard: Shard = WHOLE

    @property
    def is_empty(self) -> bool:
        """Whether no time lies in the range."""
        return self.since is not None and self.until is not None and self.since >= self.until

    def of(self, found: Iterable[tuple[int, T]]) -> list[T]:
        """Return the selected things of (time, thing) pairs, oldest first; equal times keep their order."""
        ranged = [pair for pair in found if self._has(pair[0])]
        ordered = [thing for _, thing in sorted(ranged, key=lambda pair: pair[0])]
        return ordered[self.shard.index :: self.shard.count]

    def _has(self, snapshot_time: int) -> bool:
        return (self.since is None or self.since <= snapshot_time) and (
            self.until is None or snapshot_time < self.until
        )


def parse_shard(text: str) -> Shard | None:
    """Read `I/N` with I from 0 to N-1; None for anything else."""
    match = _SHARD.fullmatch(text)
    shard = Shard(int(match[1]), int(match[2])) if match else None
    return shard if shard and shard.index < shard.count else None


def shard_of(environ: Mapping[str, str]) -> Shard:
    """Return the share of a worker in an array job, from its environment; elsewhere everything.

    Raises ConfigError if the number of workers is set, but the worker's own number is missing or too high:
    otherwise each worker would load everything.
    """
    count = environ.get(SHARD_COUNT)
    if not count:
        return WHOLE
    index = next((environ[name] for name in SHARD_INDEXES if environ.get(name)), None)
    if index is None:
        raise ConfigError(f"{SHARD_COUNT} is set, but neither {' nor '.join(SHARD_INDEXES)}: use --shard I/N")
    shard = parse_shard(f"{index}/{count}")
    if shard is None:
        raise ConfigError(
            f"{SHARD_COUNT}={count} and index {index}: the index must be from 0 to the count - 1"
        )
    return shard
