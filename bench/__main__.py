"""Run the benchmark: `python -m bench [MEGABYTES]`.

One rule: a figure is the ratio to a peer that did its work in the same run, in turns with ours, and what our
side made is checked, so that no speed comes from work left out.
"""

import io
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ijson
import orjson

from aqi_service.core.items import Item
from aqi_service.core.measurements import Assembler, Rules
from aqi_service.core.records import RecordSplitter
from aqi_service.core.scales import DAQI
from bench.feed import NEWEST, feed

ROUNDS = 3
CHUNK = 64 * 1024


def ours(data: bytes) -> int:
    """Go from feed bytes to scored items: split, parse, merge, check, score, build."""
    splitter, assembler = RecordSplitter(), Assembler(Rules(DAQI, int(NEWEST.timestamp())))
    items = 0
    for start in range(0, len(data), CHUNK):
        for batch in splitter.feed(data[start : start + CHUNK]):
            items += sum(type(outcome) is Item for outcome in assembler.add(batch))
    for batch in splitter.close():
        items += sum(type(outcome) is Item for outcome in assembler.add(batch))
    return items + len(assembler.close())


def whole_file(data: bytes) -> int:
    """Decode the whole file at once, and nothing else."""
    return len(orjson.loads(data))


def streamed(data: bytes) -> int:
    """Split and decode with ijson, the usual streaming parser, and nothing else."""
    return sum(1 for _ in ijson.items(io.BytesIO(data), "item"))


def in_turns(data: bytes, *works: Callable[[bytes], int]) -> list[list[float]]:
    """Time each work ROUNDS times, in turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for taken, work in zip(times, works, strict=True):
            begun = time.perf_counter()
            work(data)
            taken.append(time.perf_counter() - begun)
    return times


def peak_memory(path: Path) -> float:
    """Return the peak memory (MB) of a whole load of a file, as a process of its own, storage left out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    command = [sys.executable, "-m", "aqi_service", "--load-only", "--dry-run", "--from", str(path)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # our own program
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if after < before:
        raise AssertionError("an earlier child was larger")
    return after / 1024


def row(figure: str, value: list[float], peer: str, other: list[float]) -> str:
    """Write one line of the table: medians, and the ratio of the medians with the least and the greatest."""
    ratios = [b / a for a, b in zip(value, other, strict=True)]
    mine, theirs = statistics.median(value), statistics.median(other)
    return (
        f"{figure:<34} {mine:8.2f} s  {peer:<32} {theirs:8.2f} s  "
        f"{theirs / mine:5.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main(megabytes: int) -> int:
    """Print the table."""
    versions = f"Python {platform.python_version()}, orjson {orjson.__version__}, ijson {ijson.__version__}"
    print(f"{versions} ({ijson.backend}), {platform.machine()}")
    print(f"python -m bench {megabytes}: median of {ROUNDS} rounds, in turns\n")
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.json"), Path(folder, "large.json")
        for path, size in ((small, megabytes), (large, megabytes * 4)):
            with path.open("wb") as file:
                file.writelines(feed(size * 1_000_000))
        memory = peak_memory(small), peak_memory(large)
        data = small.read_bytes()
    if ours(data) != whole_file(data) // 2:
        raise AssertionError("not every particulate record became an item")
    mine, whole, stream = in_turns(data, ours, whole_file, streamed)
    figure = f"{megabytes} MB: bytes to scored items"
    print(row(figure, mine, "orjson.loads of the whole file", whole))
    print(row(figure, mine, "ijson, decoding only", stream))
    print(
        f"peak memory of a load of {megabytes} / {megabytes * 4} MB: {memory[0]:.0f} / {memory[1]:.0f} MB, "
        f"{memory[1] / memory[0]:.2f} times"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 25))
