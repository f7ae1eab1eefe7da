"""Install the wheel of dist/ as people do, and try it: `make test-wheel`, on every Python that is here.

One rule: what is tried is the wheel's files alone. Each version has a new environment of the locked packages;
the tests are those of the source archive, whose `aqi_service` is replaced by what was installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aqi_service import __version__
from tools.dist import unpack
from tools.setup import PINS, PIP, ROOT
from tools.test_all import ABSENT, PASSED, PYTEST, VERSIONS, find

DEMO = "2. Serve it on port"
"""Of what the demo prints: it has loaded, and serves."""


def main(options: Sequence[str], dist: Path = ROOT / "dist") -> int:
    """Give the exit code: 0 when the wheel works on every version that is here, and there was one."""
    if len(list(dist.glob("*.whl"))) != 1:
        print("test-wheel: dist/ has no wheel: make dist", file=sys.stderr)
        return 1
    outcomes = {version: tried(version, dist, options) for version in VERSIONS}
    for version, outcome in outcomes.items():
        print(f"test-wheel: Python {version} {outcome}")
    return 0 if PASSED in outcomes.values() and {*outcomes.values()} <= {PASSED, ABSENT} else 1


def tried(version: str, dist: Path, options: Sequence[str]) -> str:
    """Install and try on one version; give the end of a sentence that begins with it."""
    python = find(version)
    if python is None:
        return ABSENT
    print(f"test-wheel: Python {version} is {python}", flush=True)
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        venv, tree, empty = (Path(folder, name) for name in ("venv", "tree", "empty"))
        empty.mkdir()
        if not installed(python, venv, dist):
            return "could not be set up"
        if not starts(venv / "bin", empty):
            return "does not run the demo"
        tests = with_installed(unpack(dist, tree), venv / "bin/python")
        command = (str(venv / "bin/python"), *PYTEST, "--ignore", "tests/page", *options)
        code = subprocess.call(command, cwd=tests, env=not_in_ci(os.environ))
    return PASSED if code == 0 else f"failed (pytest's exit code {code})"


def not_in_ci(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what says that this is CI: some tests need more than the wheel's environment has."""
    return {name: value for name, value in environ.items() if name != "CI"}


def installed(python: str, venv: Path, dist: Path) -> bool:
    """Make an environment of the locked packages and the wheel."""
    (wheel,) = dist.glob("*.whl")
    pip = str(venv / "bin/python")
    commands = (
        (python, "-m", "venv", str(venv)),
        (pip, *PIP, "--quiet", "--requirement", str(PINS / "test.txt")),
        (pip, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)),
    )
    return all(subprocess.call(command) == 0 for command in commands)


def starts(programs: Path, folder: Path) -> bool:
    """Run what was installed in an empty folder: its commands say the version, and the demo ends well."""
    for name in ("aqi-service", "aqi-client"):
        told = _said(folder, str(programs / name), "--version")
        if told is None or told.split()[-1:] != [__version__]:
            print(f"test-wheel: {name} --version says {told!r}", file=sys.stderr)
            return False
    shown = _said(folder, str(programs / "python"), "-m", "aqi_service.demo")
    return shown is not None and DEMO in shown


def _said(folder: Path, *command: str) -> str | None:
    """Run a program; return what it printed, None if it failed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"test-wheel: {command[0]} ended with {done.returncode}: {done.stderr[-500:]}", file=sys.stderr)
        return None
    return done.stdout


def with_installed(tree: Path, python: Path) -> Path:
    """Put what an environment has installed in the place of an unpacked archive's package."""
    there = "import aqi_service, pathlib; print(pathlib.Path(aqi_service.__file__).parent)"
    asked = subprocess.run([str(python), "-c", there], cwd="/", capture_output=True, text=True, check=True)
    shutil.rmtree(tree / "aqi_service")
    (tree / "aqi_service").symlink_to(asked.stdout.strip())
    return tree


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
