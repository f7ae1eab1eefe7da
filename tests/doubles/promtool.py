"""promtool, which judges metrics, settings and rules for Prometheus."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.doubles.outside import needs_program

with_promtool = needs_program("promtool", "Debian's package prometheus has it")


class Verdict(NamedTuple):
    """How it ended, and what it found."""

    code: int
    said: str


CONTENT = Verdict(0, "")


def promtool(*arguments: str, cwd: Path | None = None, stdin: bytes = b"") -> Verdict:
    done = subprocess.run(
        ["promtool", *arguments],  # noqa: S607  # wherever it is installed
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
    )
    return Verdict(done.returncode, (done.stdout + done.stderr).decode())


def check_metrics(text: bytes) -> Verdict:
    return promtool("check", "metrics", stdin=text)
