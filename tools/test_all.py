"""Run the tests on every supported Python here: `python3 -m tools.test_all [options of pytest]`.

One rule: each version has an environment of its own, .venv-3.X; the end says which were left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools.setup import ROOT

VERSIONS = ("3.11", "3.12", "3.13")
PYTEST = ("-m", "pytest", "-n", "3", "--dist", "worksteal")
"""As `make test` has it."""
PASSED, ABSENT = "passed", "is not on this machine"


def main(options: list[str]) -> int:
    """Give the exit code: 0 when every version that is here passed, and there was one."""
    outcomes = {version: run_tests(version, options) for version in VERSIONS}
    for version, outcome in outcomes.items():
        print(f"test-all: Python {version} {outcome}")
    return 0 if PASSED in outcomes.values() and {*outcomes.values()} <= {PASSED, ABSENT} else 1


def find(version: str) -> str | None:
    """Look for a version on the PATH and among pyenv's.

    One that does not start, as some do not, or makes no environments, is none.
    """
    name = f"python{version}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/{name}"))
    for python in filter(None, (shutil.which(name), *map(str, pyenv))):
        if (
            subprocess.run(
                [python, "-c", "import ensurepip, venv"], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return python
    return None


def run_tests(version: str, options: list[str]) -> str:
    """Set up and run the tests; give the end of a sentence that begins with the version."""
    python, venv = find(version), ROOT / f".venv-{version}"
    if python is None:
        return ABSENT
    print(f"test-all: Python {version} is {python}", flush=True)
    if subprocess.call([python, str(ROOT / "tools/setup.py"), "--venv", str(venv), "--extra", "test"]):
        return "could not be set up"
    code = subprocess.call([str(venv / "bin/python"), *PYTEST, *options], cwd=ROOT)
    return PASSED if code == 0 else f"failed (pytest's exit code {code})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
