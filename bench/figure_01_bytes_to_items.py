"""Figure 1: a feed's bytes to items, beside the careful way alone, DuckDB, and others on one thread.

One rule: each side begins in a fresh process, reads the same file, and what it made is compared. It is all
computing, so what is counted is processor time: another program on the same core takes none of that.

The peers make a table of the same columns (`bench.lib.sql_peers`, `bench.lib.polars_peer`). DuckDB is always
asked; ClickHouse and polars, which are large to install, with FULL=1, of the small document: polars holds all
of it in memory, many times over.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.parsing import Parsed, parsed
from bench.lib.processes import fresh, memory
from bench.lib.run import Run


class Peer(NamedTuple):
    """Another way.

    Attributes:
        function: what goes it.
        package: what has to be there for it.
        name: what it is called.
        rate: the goal for the rate beside it, if there is one.
        memory: the goal for the memory.
    """

    function: str
    package: str
    name: str
    rate: Goal | None = None
    memory: Goal | None = None


CAREFUL = Peer(f"{__name__}:careful", "aqi_service", "the careful way alone", Goal(2.1))
DUCKDB = Peer(
    "bench.lib.sql_peers:duckdb", "duckdb", "DuckDB, one thread", Goal(0.45), Goal(0.25, at_most=True)
)
LARGE = (
    Peer("bench.lib.sql_peers:chdb", "chdb", "ClickHouse (chdb), one thread"),
    Peer("bench.lib.polars_peer:polars", "polars", "polars, one thread"),
)


class Reached(NamedTuple):
    """What a side reached in each of its runs: thousands of items a second, and MB."""

    rates: list[float]
    peaks: list[float]


class Seen(NamedTuple):
    """What was made of a document, by every run alike, and what each side that is here reached."""

    document: Path
    peers: Sequence[Peer]
    made: set[tuple[int, int]]
    reached: dict[str, Reached]


def _read(document: str, *, careful: bool) -> Parsed:
    seconds, count, total = 0.0, 0, 0
    begun = time.process_time()
    for batch in parsed(document, careful=careful):
        seconds += time.process_time() - begun  # adding up is not part of it
        count += len(batch.items)
        total += sum(int(item.aqi or 0) for item in batch.items)
        begun = time.process_time()
    return Parsed(seconds + time.process_time() - begun, memory("VmHWM"), count, total)


def ours(document: str) -> Parsed:
    """Split, parse, merge, check, score, build."""
    return _read(document, careful=False)


def careful(document: str) -> Parsed:
    """Do so, with every record on the careful way."""
    return _read(document, careful=True)


def one_run(seen: Seen, function: str) -> float:
    """Run a side and note what it reached. Raises AssertionError if it made something else than the first."""
    run = Parsed(*fresh(function, seen.document))
    seen.made.add((run.items, run.total))
    if len(seen.made) > 1:
        raise AssertionError(f"of {seen.document.name} were made {seen.made}, last by {function}")
    reached = seen.reached.setdefault(function, Reached([], []))
    reached.rates.append(run.items / run.seconds / 1000)
    reached.peaks.append(run.peak)
    return reached.rates[-1]


OURS = f"{__name__}:ours"


def seen_in_turns(rounds: int, document: Path, peers: Sequence[Peer]) -> Seen:
    """Run ours in turns with the peers that are here."""
    seen = Seen(document, peers, set(), {})
    sides = (OURS, *(peer.function for peer in peers if find_spec(peer.package)))
    in_turns(rounds, *(partial(one_run, seen, side) for side in sides))
    return seen


def with_odd_ones(document: Path) -> Path:
    """Write the document again with a key that nobody knows in one of 100 records."""
    pieces = document.read_bytes().split(b'"location":{')
    keys = [b'"location":{%b' % (b'"elevation":1,' if at % 100 == 50 else b"") for at in range(len(pieces))]
    odd = document.with_name(f"odd-{document.name}")
    with odd.open("wb") as file:
        for at, piece in enumerate(pieces):
            file.write(keys[at] + piece if at else piece)
    return odd


def gain(seen: Seen) -> list[float]:
    """Return what the ordinary way saves, in µs an item, a turn each; rates are in thousands a second."""
    mine, slow = seen.reached[OURS].rates, seen.reached[CAREFUL.function].rates
    return [1000 / careful - 1000 / ours for ours, careful in zip(mine, slow, strict=True)]


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, large = run.pick((0.1, 0.2), (25, 45), (25, 500))
    few = seen_in_turns(run.rounds, run.feed(small), (CAREFUL, DUCKDB, *run.pick(LARGE, (), LARGE)))
    many = seen_in_turns(run.rounds, run.feed(large), (CAREFUL, DUCKDB))
    yield from beside(f"1 {small:g} MB, bytes to items", few)
    yield _odd_ones(run, few)
    yield from beside(f"1 {large:g} MB, bytes to items", many)
    mine, theirs = (Side("ours", each.reached[OURS].rates) for each in (many, few))
    theirs = replace(theirs, name=f"ours, {small:g} MB")
    yield Figure(f"1 {large:g} MB, the rate of {small:g} MB", "k items/s", mine, theirs, goal=Goal(0.95))


def beside(name: str, seen: Seen) -> Iterator[Figure]:
    """Give the figures of one document; a peer that is not here is named."""
    mine = Side("ours", seen.reached[OURS].rates)
    for peer in seen.peers:
        if at := seen.reached.get(peer.function):
            yield Figure(name, "k items/s", mine, Side(peer.name, at.rates), goal=peer.rate)
        else:
            yield Figure(f"{name}; {peer.name}, is not here", "k items/s", mine)
    mine = Side("ours", seen.reached[OURS].peaks)
    for peer in seen.peers:
        if peer is not CAREFUL and (at := seen.reached.get(peer.function)):
            yield Figure(f"{name}: memory", "MB", mine, Side(peer.name, at.peaks), goal=peer.memory)


def _odd_ones(run: Run, none: Seen) -> Figure:
    odd = seen_in_turns(run.rounds, with_odd_ones(none.document), (CAREFUL,))
    name = "1 saved beside the careful way, one odd record in 100"
    return Figure(name, "µs an item", Side("ours", gain(odd)), Side("no odd one", gain(none)), goal=Goal(0.8))
