"""Run what breaks the program on purpose, one trial after the other: `make trials`.

One rule: each is the `make` command of its own, so that what failed here fails alone again.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRIALS = (
    "matrix",
    "crash",
    "chaos",
    "soak",
    "shards",
    "years",
    "fuzz",
    "siege",
    "api",
    "host",
    "manual",
    "conformance",
)
"""What needs other programs installed comes last."""

OURS = {"ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"}
"""What the `make` that runs all hands on, and is not meant for each; SEED and the like are."""

Run = Callable[[str], int]


def made(name: str) -> int:
    """Run a trial by its command; give its exit code."""
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", name]
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(names: Sequence[str] = (), run: Run = made) -> int:
    """Run these, all without names, whatever fails. Return 1 if any failed, 2 for an unknown one."""
    if unknown := [name for name in names if name not in TRIALS]:
        print(f"trials: no such trial: {', '.join(unknown)}; there are {', '.join(TRIALS)}", file=sys.stderr)
        return 2
    lines, failed = [], []
    for name in names or TRIALS:
        print(f"trials: {name}", flush=True)
        begun = time.monotonic()
        code = run(name)
        failed += [name] if code else []
        lines.append(f"{name:12} {time.monotonic() - begun:7.0f} s  {'FAILED' if code else 'passed'}")
    print("", *lines, f"trials: {len(lines) - len(failed)} of {len(lines)} passed", sep="\n", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
