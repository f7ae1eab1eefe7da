"""Figure 1: a feed's bytes to items, beside the careful way alone and DuckDB on one thread.

One rule: each side begins in a fresh process, reads the same file, and what it made is compared. It is all
computing, so what is counted is processor time: another program on the same core takes none of that.

DuckDB makes a table of the same columns, and leaves out what it has no notion of: halves of measurements that
are merged, rejections with their reasons and places, the exact form of numbers, pieces of a file that has not
all come yet.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import DAQI
from bench.lib.feed import NEWEST
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.items import CHUNK
from bench.lib.processes import fresh, memory
from bench.lib.run import Run

Result = tuple[float, float, int, int]
"""Seconds of processor time, largest memory in MB, how many items came out, and the sum of their index."""

TAKEN = int(NEWEST.timestamp())


class Reached(NamedTuple):
    """What a side reached in each of its runs: thousands of items a second, and MB."""

    rates: list[float]
    peaks: list[float]


def _read(document: str, *, careful: bool) -> Result:
    count, begun = 0, time.process_time()
    for batch in _batches(document, careful=careful):
        count += len(batch.items)
    seconds, peak = time.process_time() - begun, memory("VmHWM")
    total = sum(int(item.aqi or 0) for batch in _batches(document, careful=careful) for item in batch.items)
    return seconds, peak, count, total


def _batches(document: str, *, careful: bool) -> Iterator[ParsedBatch]:
    reader = DocumentReader(ScoringRules(DAQI, TAKEN), careful=careful)
    with Path(document).open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from reader.feed(chunk)
    yield from reader.close()


def ours(document: str) -> Result:
    """Split, parse, merge, check, score, build."""
    return _read(document, careful=False)


def careful(document: str) -> Result:
    """Do so, with every record on the careful way."""
    return _read(document, careful=True)


def duckdb(document: str) -> Result:
    """Read, filter and score with DuckDB, into a table in memory."""
    import duckdb as database  # noqa: PLC0415  # of the extra `bench`, which the tests do without

    connection = database.connect(config={"threads": 1})
    begun = time.process_time()
    connection.execute(_ITEMS.replace("DOCUMENT", document.replace("'", "''")))
    seconds, peak = time.process_time() - begun, memory("VmHWM")
    [(count, total)] = connection.execute("SELECT count(*), sum(aqi) FROM items").fetchall()
    return seconds, peak, int(count), int(total)


def _index(value: str, table: int) -> str:
    """Write the DAQI of a column as SQL, by one of the scale's tables."""
    edges = [float(step.high) for step in DAQI.tables[table].steps[:-1]]
    cases = " ".join(f"WHEN round({value}) <= {edge:g} THEN {index}" for index, edge in enumerate(edges, 1))
    return f"CASE {cases} ELSE {len(edges) + 1} END"


_ITEMS = f"""
CREATE TEMP TABLE items AS
WITH feed AS (
    SELECT *, list_filter(sensordatavalues, lambda v: v.value_type = 'P1')[1].value AS p1,
        list_filter(sensordatavalues, lambda v: v.value_type = 'P2')[1].value AS p2
    FROM read_json('DOCUMENT', format = 'array', columns = {{
        id: 'BIGINT', timestamp: 'TIMESTAMP',
        location: 'STRUCT(latitude DECIMAL(9,6), longitude DECIMAL(9,6), altitude DECIMAL(9,2),
            country VARCHAR, indoor TINYINT)',
        sensor: 'STRUCT(id BIGINT, sensor_type STRUCT(name VARCHAR))',
        sensordatavalues: 'STRUCT(value_type VARCHAR, value VARCHAR)[]'
    }})
), particles AS (
    SELECT *, p1::DECIMAL(9,3) AS pm10, p2::DECIMAL(9,3) AS pm25 FROM feed
    WHERE p1 IS NOT NULL OR p2 IS NOT NULL
), scored AS (
    SELECT *, {_index("pm25", 0)} AS fine, {_index("pm10", 1)} AS coarse FROM particles
)
SELECT id, location.latitude, location.longitude, location.altitude, location.country, timestamp,
    timestamp::DATE AS date, pm25, pm10, greatest(fine, coarse) AS aqi,
    CASE WHEN aqi <= 3 THEN 'Low' WHEN aqi <= 6 THEN 'Medium' WHEN aqi <= 9 THEN 'High' ELSE 'Very High' END
        AS aqi_range,
    sensor.id AS sensor_id, sensor.sensor_type.name AS sensor_type, location.indoor,
    epoch(timestamp)::BIGINT AS measured_at, {TAKEN} AS snapshot_at, '{DAQI.name}' AS scale,
    CASE WHEN coarse > fine THEN 'P10' ELSE 'P2.5' END AS aqi_pollutant, NULL::BIGINT AS expires_at
FROM scored
"""  # noqa: S608  # the texts are this file's


def one_run(side: str, document: Path, made: dict[Path, tuple[int, int]], reached: Reached) -> float:
    """Run a side and note what it reached. Raises AssertionError if it made something else than the first."""
    seconds, peak, count, total = fresh(f"{__name__}:{side}", document)
    if made.setdefault(document, (count, total)) != (count, total):
        raise AssertionError(f"{side} made {count}, {total} of {document.name}, not {made[document]}")
    reached.rates.append(count / seconds / 1000)
    reached.peaks.append(peak)
    return float(count / seconds / 1000)


SIDES = ("ours", "careful", "duckdb")


def with_odd_ones(document: Path) -> Path:
    """Write the document again with a key that nobody knows in one of 100 records."""
    pieces = document.read_bytes().split(b'"location":{')
    keys = [b'"location":{%b' % (b'"elevation":1,' if at % 100 == 50 else b"") for at in range(len(pieces))]
    odd = document.with_name(f"odd-{document.name}")
    with odd.open("wb") as file:
        for at, piece in enumerate(pieces):
            file.write(keys[at] + piece if at else piece)
    return odd


def gain(mine: Sequence[float], slow: Sequence[float]) -> list[float]:
    """Return what the ordinary way saves, in µs an item, a turn each; rates are in thousands a second."""
    return [1000 / careful - 1000 / ours for ours, careful in zip(mine, slow, strict=True)]


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, large = run.pick((0.1, 0.2), (25, 45), (25, 500))
    made: dict[Path, tuple[int, int]] = {}
    rates = {}
    for megabytes in (small, large):
        document = run.feed(megabytes)
        mine, slow, other = (Reached([], []) for _ in SIDES)
        in_turns(
            run.rounds,
            *(
                partial(one_run, side, document, made, reached)
                for side, reached in zip(SIDES, (mine, slow, other), strict=True)
            ),
        )
        rates[megabytes] = Side("ours", mine.rates)
        name, unit = f"1 {megabytes:g} MB, bytes to items", "k items/s"
        yield Figure(name, unit, rates[megabytes], Side("the careful way alone", slow.rates), goal=Goal(2.1))
        yield Figure(name, unit, rates[megabytes], Side("DuckDB, one thread", other.rates), goal=Goal(0.45))
        ours_here, theirs = Side("ours", mine.peaks), Side("DuckDB, one thread", other.peaks)
        yield Figure(f"{name}: memory", "MB", ours_here, theirs, goal=Goal(0.25, at_most=True))
        if megabytes == small:
            yield _odd_ones(run, document, made, Side("no odd one", gain(mine.rates, slow.rates)))
    yield Figure(
        f"1 {large:g} MB, the rate of {small:g} MB",
        unit,
        rates[large],
        Side(f"ours, {small:g} MB", rates[small].values),
        goal=Goal(0.95),
    )


def _odd_ones(run: Run, document: Path, made: dict[Path, tuple[int, int]], none: Side) -> Figure:
    odd, mine, slow = with_odd_ones(document), Reached([], []), Reached([], [])
    in_turns(
        run.rounds,
        partial(one_run, "ours", odd, made, mine),
        partial(one_run, "careful", odd, made, slow),
    )
    name = "1 saved beside the careful way, one odd record in 100"
    return Figure(name, "µs an item", Side("ours", gain(mine.rates, slow.rates)), none, goal=Goal(0.8))
