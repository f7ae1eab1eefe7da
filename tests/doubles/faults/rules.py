"""Rules: which calls an effect falls on. Pure: the same calls and the same seed give the same faults.

One rule: chance comes from the seed, the rule's place and the call's number, never from a clock or the order
in which other rules were asked.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from tests.doubles.faults.calls import Call
from tests.doubles.faults.effects import Delay, Effect


@dataclass(frozen=True, slots=True)
class Rule:
    """An effect and the calls that it falls on.

    Attributes:
        operation: AWS's name or a pattern: `UploadPart`, `Batch*`, `s3:*`, `*`. A rule never falls on an
            operation that its effect does not fit (Leave on a GetItem).
        does: the effect.
        resource: pattern of the table, bucket or `bucket/key`.
        sender: pattern of the access key that signed the request, so that one process fails and others not.
        nth: only the calls of these numbers among the ones that match, from 1: `(1, 3)`, `range(5, 9)`.
        every: only each `every`th of them.
        chance: only this part of them, drawn from the book's seed.
        times: at most so often.
        after: only once a call of this operation has come.
        during: only while this switch of the book is on.
    """

    operation: str
    does: Effect
    resource: str = "*"
    nth: Collection[int] | None = None
    every: int = 1
    chance: float = 1.0
    times: int | None = None
    after: str = ""
    during: str = ""
    sender: str = "*"

    def matches(self, call: Call) -> bool:
        """Tell whether the call is of the kind that the rule is about."""
        names = (call.operation, f"{call.service}:{call.operation}")
        return (
            any(fnmatchcase(name, self.operation) for name in names)
            and fnmatchcase(call.resource, self.resource)
            and fnmatchcase(call.sender, self.sender)
            and (not self.does.fits or call.operation in self.does.fits)
        )

    def falls(self, number: int, fired: int, roll: float) -> bool:
        """Tell whether it falls on its `number`th match, having fallen `fired` times."""
        return (
            (self.nth is None or number in self.nth)
            and number % self.every == 0
            and (self.times is None or fired < self.times)
            and roll < self.chance
        )


class RuleBook:
    """The rules in order, what they have seen and how often each has fallen.

    Rules may be added and switches turned while calls come in, from any thread.
    """

    def __init__(self, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        self.seed = seed
        self.calls: Counter[str] = Counter()
        self._entries = tuple(_Entry(rule, place) for place, rule in enumerate(rules))
        self._past: tuple[_Entry, ...] = ()
        self._on: set[str] = set()

    def decide(self, call: Call) -> tuple[Effect, ...]:
        """Return what happens to the call: delays, and at most one effect that settles it, the last."""
        effects: list[Effect] = []
        settled = False
        for entry in self._entries:
            falls = self._applies(entry.rule) and entry.falls_on(call, self.seed)
            if falls and not settled:
                entry.fired += 1
                effects.append(entry.rule.does)
                settled = not isinstance(entry.rule.does, Delay)
        self.calls[call.operation] += 1
        return tuple(effects)

    def add(self, *rules: Rule) -> None:
        """Add rules behind those that are there."""
        there = len(self._past) + len(self._entries)
        self._entries += tuple(_Entry(rule, there + place) for place, rule in enumerate(rules))

    def clear(self) -> None:
        """Take all rules away: from now on nothing fails; what has fallen stays counted."""
        self._past += self._entries
        self._entries = ()

    def switch(self, name: str, *, on: bool = True) -> None:
        """Turn a switch, for rules that fall `during` it."""
        (self._on.add if on else self._on.discard)(name)

    def fired(self, rule: Rule | None = None) -> int:
        """Count how often a rule has fallen, or all together."""
        entries = self._past + self._entries
        return sum(entry.fired for entry in entries if rule is None or entry.rule == rule)

    def _applies(self, rule: Rule) -> bool:
        return (not rule.during or rule.during in self._on) and (not rule.after or rule.after in self.calls)


class _Entry:
    """A rule in its place, with its counts: it sees every call that matches, settled or not."""

    def __init__(self, rule: Rule, place: int) -> None:
        self.rule = rule
        self.fired = 0
        self._place = place
        self._seen = 0

    def falls_on(self, call: Call, seed: int) -> bool:
        if not self.rule.matches(call):
            return False
        self._seen += 1
        roll = Random(f"{seed}/{self._place}/{self._seen}").random()  # noqa: S311  # must be replayable
        return self.rule.falls(self._seen, self.fired, roll)
