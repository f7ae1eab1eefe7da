"""Whole loads of the live feed into the stand-in, from start to exit: ours, and those of other programs.

One rule: what arrived is verified after each.
"""

from pathlib import Path

from bench.lib.processes import Ended, program
from bench.lib.standin.client import StandIn
from bench.lib.verify import verify_items, verify_object

THE_USUAL_WAY = "the usual way: orjson.loads, batch_writer, upload_fileobj"
"""What one would write today, by the libraries' own documents: read the feed whole (aiohttp), upload it
(aioboto3's `upload_fileobj`), decode it (`orjson.loads`), make a dict of eleven values of each record, and
hand each to aioboto3's `batch_writer`. It is `usual` of `bench.lib.load_programs`, and does less than ours:
it looks at no value twice, rejects and merges nothing, scores by one comparison, does not read before it
writes, and keeps no manifest and no list of rejects."""


def load(standin: StandIn, document: Path, folder: Path, over: Path | None = None) -> Ended:
    """Load the live feed into an empty bucket, from start to exit, and verify what arrived.

    The table is empty, or filled by the document `over`.
    """
    standin.clear("objects", "counts", *(() if over else ("items",)))
    standin.set(feed=str(document))
    ended = program(["-m", "aqi_service", *standin.options], standin.environment, folder)
    counts = standin.counts()
    verify_object(counts, document)
    verify_items(counts, document, over)
    return ended


def our_seconds(standin: StandIn, document: Path, folder: Path) -> float:
    """Load into an empty table; return the seconds."""
    return load(standin, document, folder).seconds


def other_seconds(standin: StandIn, document: Path, side: str) -> float:
    """Run another program to its end; return its seconds. Raises AssertionError unless all arrived."""
    standin.clear()
    standin.set(feed=str(document))
    ended = program(["-m", "bench.lib.load_programs", side, standin.endpoint], standin.environment)
    counts = standin.counts()
    verify_object(counts, document)
    if counts["items"]["items"] != int(ended.out):
        raise AssertionError(f"{side}: {counts['items']['items']} items arrived, not {ended.out.decode()}")
    return ended.seconds
