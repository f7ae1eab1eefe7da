"""Figure 1: feed bytes to built items, beside decoding the whole file and nothing else.

One rule: each side begins in a fresh process with the bytes in memory, and says what it made. It is all
computing, so what is counted is processor time: another program on the same core takes none of that.
"""

import io
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson

from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.parse.splitter import RecordSplitter
from aqi_service.core.scales import DAQI
from bench.lib.feed import NEWEST, count
from bench.lib.figures import TENTH, Figure, Goal, Side, in_turns
from bench.lib.items import CHUNK
from bench.lib.processes import fresh
from bench.lib.run import Run

Result = tuple[float, int]
"""Seconds of processor time, and how many items or records came out."""


def ours(document: str) -> Result:
    """Split, parse, merge, check, score, build."""
    data = Path(document).read_bytes()
    begun = time.process_time()
    splitter, assembler = RecordSplitter(), MeasurementBuilder(ScoringRules(DAQI, int(NEWEST.timestamp())))
    items = 0
    for start in range(0, len(data), CHUNK):
        for batch in splitter.feed(data[start : start + CHUNK]):
            items += len(assembler.add(batch))
    for batch in splitter.close():
        items += len(assembler.add(batch))
    items += len(assembler.close())
    return time.process_time() - begun, items - assembler.counts.rejected


def whole_file(document: str) -> Result:
    """Decode the whole file at once."""
    data = Path(document).read_bytes()
    begun = time.process_time()
    records = orjson.loads(data)
    return time.process_time() - begun, len(records)


def streamed(document: str) -> Result:
    """Split and decode with ijson, the usual streaming parser."""
    import ijson  # noqa: PLC0415  # of the extra `bench`, which the tests of the generator do without

    data = Path(document).read_bytes()
    begun = time.process_time()
    records = sum(1 for _ in ijson.items(io.BytesIO(data), "item"))
    return time.process_time() - begun, records


def rate(side: str, document: Path, records: int, wanted: int) -> float:
    """Run a side; return thousands of records a second. Raises AssertionError if it made another number."""
    seconds, made = fresh(f"{__name__}:{side}", document)
    if made != wanted:
        raise AssertionError(f"{side} made {made} of {document.name}, not {wanted}")
    return float(records / seconds / 1000)


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, large = run.pick((0.1, 0.2), (25, 45), (25, 500))
    rates = {}
    for megabytes in (small, large):
        document, records = run.feed(megabytes), count(int(megabytes * 1_000_000))
        tenth = megabytes > 100
        other = run.feed(megabytes / 10) if tenth else document
        others = count(int(megabytes * 100_000)) if tenth else records
        note = TENTH if tenth else ""
        mine, whole, stream = in_turns(
            run.rounds,
            partial(rate, "ours", document, records, records // 2),
            partial(rate, "whole_file", other, others, others),
            partial(rate, "streamed", other, others, others),
        )
        rates[megabytes] = ours_here = Side("ours", mine)
        name = f"1 {megabytes:g} MB, bytes to items"
        unit = "k records/s"
        yield Figure(name, unit, ours_here, limit=Side("orjson.loads of all", whole, note), goal=Goal(2.5))
        yield Figure(name, unit, ours_here, Side("ijson, decoding only", stream, note))
    yield Figure(
        f"1 {large:g} MB, the rate of {small:g} MB",
        unit,
        rates[large],
        Side(f"ours, {small:g} MB", rates[small].values),
        goal=Goal(0.95),
    )
