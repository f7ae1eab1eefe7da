"""Run the tests on every supported Python here: `python3 -m tools.test_all [options of pytest]`.

One rule: each version has an environment of its own, .venv-3.X; the end says which were left out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.setup import ROOT, interpreters, version_of

VERSIONS = ((3, 11), (3, 12), (3, 13))


def main(argv: list[str]) -> int:
    """Give the exit code: 0 when every version found passed, and there was one."""
    outcomes = {}
    for version in VERSIONS:
        python = find(version)
        outcomes[version] = "is not on this machine" if python is None else run_tests(version, python, argv)
    for (major, minor), outcome in outcomes.items():
        print(f"test-all: Python {major}.{minor} {outcome}")
    return (
        0
        if set(outcomes.values()) <= {"passed", "is not on this machine"} and "passed" in outcomes.values()
        else 1
    )


def find(version: tuple[int, int]) -> str | None:
    """Look for a version on the PATH and among pyenv's."""
    major, minor = version
    name = f"python{major}.{minor}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{major}.{minor}*/bin/{name}"))
    found = [place for place in interpreters((name, *map(str, pyenv))) if version_of(place) == version]
    return found[0] if found else None


def run_tests(version: tuple[int, int], python: str, argv: list[str]) -> str:
    """Set up and run the tests; give the end of a sentence that begins with the version."""
    venv = ROOT / ".venv-{}.{}".format(*version)
    print(f"test-all: Python {version[0]}.{version[1]} is {python}", flush=True)
    setup = [
        sys.executable,
        str(ROOT / "tools/setup.py"),
        "--python",
        python,
        "--venv",
        str(venv),
        "--extra",
        "test",
    ]
    if subprocess.call(setup):
        return "could not be set up"
    code = subprocess.call([str(venv / "bin/python"), "-m", "pytest", "-n", "2", *argv], cwd=ROOT)
    return "passed" if code == 0 else f"failed (pytest's exit code {code})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
