"""Run the benchmark: `python -m bench`.

One rule: a figure stands beside a peer or a limit that did its work in the same run, and what our side made
is checked, so that no speed comes from work left out. Each has a file, named by its number and subject.

    ONLY=start python -m bench    one part (or several: ONLY=start,index)
    FULL=1     python -m bench    all sizes and peers
    SMOKE=1    python -m bench    tiny sizes: does every part work? No time means anything then
"""

import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from bench.lib.figures import Figure, table, verdict
from bench.lib.run import Run

PARTS = {
    "parse": ("figure_01_bytes_to_items",),
    "write": ("figure_02_items_into_dynamodb",),
    "load": ("figure_05_peak_memory",),
    "whole": ("figure_03_whole_load", "figure_11_load_over_filled_table"),
    "upload": ("figure_04_snapshot_into_s3",),
    "miss": ("figure_07_lookups_from_dynamodb",),
    "pace": ("figure_pace_throttled_table",),
    "start": ("figure_10_start",),
    "index": ("figure_13_memory_index",),
    "lookup": ("figure_06_lookups_from_memory",),
    "during": ("figure_08_lookups_during_load",),
    "steps": ("figure_14_longest_step",),
    "kinds": ("figure_15_requests_by_kind",),
    "near": ("figure_16_nearest_sensors",),
    "page": ("figure_17_page",),
    "scale": ("figure_18_scale_out",),
    "days": ("figure_19_daily_files",),
    "export": ("figure_20_export",),
    "idle": ("figure_09_idle_connections", "figure_12_idle_daemon"),
}
"""What ONLY chooses -> the files whose `figures` measure it, in the order of the table."""

PACKAGES = (
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "boto3",
    "chdb-core",
    "duckdb",
    "msgspec",
    "orjson",
    "polars",
    "pyarrow",
    "scipy",
    "uvloop",
)


def machine() -> str:
    """Say what this runs on."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    installed = {each.name: each.version for each in metadata.distributions()}
    versions = ", ".join(f"{name} {installed[name]}" for name in PACKAGES if name in installed)
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, load average before {load}\nPython {platform.python_version()}, {versions}"
    )


def chosen(only: str) -> list[str]:
    """Give the parts that a list of names, apart by commas, chooses; all of them for none."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in PARTS]:
        raise SystemExit(f"bench: there is no part {', '.join(unknown)}, only {', '.join(PARTS)}")
    return names or list(PARTS)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Print the table; return 0 even where a goal is not reached: the table says so."""
    os.environ["AQI_MAX_RECORDS"] = "10000000"  # 500 MB of the smallest records are over a million
    names = chosen(environ.get("ONLY", ""))
    size = next(
        (size for size in ("smoke", "full") if environ.get(size.upper(), "0") not in ("", "0")), "usual"
    )
    print(machine(), flush=True)
    measured, all_begun = list[Figure](), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), size)
        print(f"{size}: {run.told}\n", flush=True)
        try:
            for name in names:
                begun = time.monotonic()
                for file in PARTS[name]:
                    measured += importlib.import_module(f"bench.{file}").figures(run)
                print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            print(f"in all: {time.monotonic() - all_begun:.0f} s", file=sys.stderr, flush=True)
        finally:  # a run may take an hour: what was measured before it was ended is not lost
            shown = measured if run.is_judged else [replace(figure, goal=None) for figure in measured]
            print(table(shown))
            if said := verdict(shown):
                print(f"\n{said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
