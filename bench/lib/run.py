"""One run of the bench: how large it is, and the feeds that its parts share.

One rule: a feed is made once and read by all.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.lib.feed import write

Choice = TypeVar("Choice")

SIZES = ("smoke", "usual", "full")


@dataclass(slots=True)
class Run:
    """A run.

    Attributes:
        folder: where its files are.
        size: one of SIZES: does everything work, what is seen within 15 minutes, or all sizes and peers.
    """

    folder: Path
    size: str = "usual"
    _feeds: dict[tuple[float, float], Path] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """How many runs a figure has, but for those that take minutes, which have one or two."""
        return self.pick(1, 3, 3)

    @property
    def told(self) -> str:
        """What its values are."""
        return f"median of {self.rounds} runs in turns (least to greatest); of fewer where one takes long"

    @property
    def is_judged(self) -> bool:
        """Tell whether times mean anything."""
        return self.size != "smoke"

    def pick(self, smoke: Choice, usual: Choice, full: Choice | None = None) -> Choice:
        """Choose by the run's size; without one for `full` that is as usual."""
        return (smoke, usual, usual if full is None else full)[SIZES.index(self.size)]

    def feed(self, megabytes: float, changed: float = 0.0) -> Path:
        """Give a feed of that size in a file; see `bench.lib.feed.feed` for `changed`."""
        key = (megabytes, changed)
        if key not in self._feeds:
            path = self.folder / f"feed-{megabytes:g}-{changed:g}.json"
            self._feeds[key] = write(path, int(megabytes * 1_000_000), changed=changed)
        return self._feeds[key]
