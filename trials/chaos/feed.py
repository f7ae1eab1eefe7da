"""The feed of a campaign: it gives the generation of the hour, unless the plan says that something is wrong.

One rule: what was given to whom is written down before a byte of it is sent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.doubles.feed_server import RESET, FeedServer, Step, answer, head
from trials.chaos.plan import Plan


class Served(NamedTuple):
    """A generation that a load was given, as a whole or in part; `taken` names the load's snapshot."""

    generation: int
    taken: int


@dataclass
class Feed:
    """Answers the requests of one campaign.

    `since` gives the simulated seconds since it began; `taken` names by its process the load that asks.
    """

    plan: Plan
    since: Callable[[], float]
    taken: Mapping[str, int]
    server: FeedServer | None = None
    served: list[Served] = field(default_factory=list)
    faults: int = 0
    healthy: bool = False
    _asked: int = 0

    def published(self) -> int:
        """Give the number of the generation of the hour."""
        now = self.since()
        return sum(at <= now for at, _ in self.plan.published) - 1

    def __iter__(self) -> Iterator[Step]:
        """Give the script of the request that came last: it is the one script of the feed server."""
        return iter(self._answer())

    def _answer(self) -> tuple[Step, ...]:
        assert self.server
        request = self.server.requests[-1]
        process = request.headers["user-agent"].partition("+")[2].strip(")")
        generation = self.published()
        body, tag = self.plan.published[generation][1], f'"{generation}"'
        self._asked += 1
        fault, where = ("", 0.0) if self.healthy else self.plan.feed_fault_of(self._asked)
        known = request.headers.get("if-none-match")
        if fault == "304" and known is None:
            fault = ""
        self.faults += fault != ""
        if not fault and known == tag:
            fault = "304"
        if fault not in WITHOUT_BODY:
            self.served.append(Served(generation, self.taken[process]))
        return script(fault, body, tag, where)


def script(fault: str, body: bytes, tag: str, where: float) -> tuple[Step, ...]:
    """Answer with a document and what is wrong with it, if anything, at a place in it (0 to 1)."""
    if fault in WITHOUT_BODY:
        return WITHOUT_BODY[fault]
    start = head(Content_Length=len(body), ETag=tag)
    return _WITH_BODY[fault](start, body, int(where * len(body)))


def _whole(start: bytes, body: bytes, _: int) -> tuple[Step, ...]:
    return (start, body)


def _slow(start: bytes, body: bytes, at: int) -> tuple[Step, ...]:
    return (start, body[:at], 4.0, body[at : at + 500], 8.0, body[at + 500 :])


def _garbage(_: bytes, body: bytes, at: int) -> tuple[Step, ...]:
    return (answer(body + b"\x00garbage"[: 1 + at % 8]),)


_WITH_BODY: dict[str, Callable[[bytes, bytes, int], tuple[Step, ...]]] = {
    "": _whole,
    "cut": lambda start, body, at: (start, body[:at]),
    "cut without length": lambda _, body, at: (head(), body[:at]),
    "reset": lambda start, body, at: (start, body[:at], RESET),
    "stall": lambda start, body, at: (start, body[:at], 120.0),
    "slow": _slow,
    "garbage": _garbage,
}

WITHOUT_BODY: dict[str, tuple[Step, ...]] = {
    "503": (answer(status="503 Service Unavailable"),),
    "503 later": (answer(status="503 Service Unavailable", Retry_After=20),),
    "304": (answer(status="304 Not Modified"),),
    "html": (answer(b"<html><body>Wartung</body></html>", Content_Type="text/html"),),
    "empty": (answer(b""),),
}
