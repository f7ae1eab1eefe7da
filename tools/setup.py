"""Make the environment that make's commands run in: `python3 tools/setup.py [--extra test]`.

One rule: what cannot be had is one sentence. An interpreter that has every requirement is used, without a
network; else pip installs the lists in requirements/ by their hashes, and builds nothing.

It starts on Python 3.8, so that an old interpreter gets its sentence too. The project itself comes onto the
environment's path by a .pth file, and its commands are written here: an installation needs a build back end.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Iterable

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements"
NEEDED, VERSION = (3, 11), ".".join(map(str, sys.version_info[:3]))
STAMP = ".aqi-setup"  # in the environment: what it was made of, and for which lists
PIP = (
    "-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "--no-input",
    "--retries=2", "--timeout=9",
)  # fmt: skip


SCRIPT = """#!/bin/sh
'''exec' "$(dirname "$0")/python" "$0" "$@"
' '''
import sys

from {module} import {function}

sys.exit({function}())
"""
"""A command, as pip writes it where the interpreter's path is long: a shell takes it to Python, and Python
reads a string there."""


class SetupError(Exception):
    """What cannot be had, and what to do about it, in one sentence."""


def main() -> int:
    """Give the exit code: 0 when the environment is ready, 1 with a sentence on stderr when it cannot be."""
    parser = argparse.ArgumentParser(prog="setup.py", description="Make what make's commands run in.")
    parser.add_argument("--extra", action="append", default=[], help="an extra of pyproject.toml: test")
    parser.add_argument("--venv", default=ROOT / ".venv", type=Path, help="where (default: .venv)")
    options = parser.parse_args()
    if Path(sys.prefix).resolve() == options.venv.resolve():  # it is active: go on with the Python behind it
        return subprocess.call([getattr(sys, "_base_executable"), *sys.argv])  # noqa: B009 - mypy knows none
    try:
        prepare(options.venv.absolute(), {"run", *options.extra})
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def prepare(venv: Path, names: set[str]) -> None:
    """Make the environment ready for these lists and those it had; do nothing if it is. Raises SetupError."""
    if sys.version_info < NEEDED:
        raise SetupError(f"this is Python {VERSION}; name 3.11 or newer, as in: make demo PYTHON=python3.12")
    stamp = (venv / STAMP).read_text(encoding="utf-8") if (venv / STAMP).exists() else ""
    had = {name for name in stamp.split()[1:] if (PINS / f"{name}.txt").exists()}
    lists = {name: PINS / f"{name}.txt" for name in sorted(names | had)}
    words = [VERSION, os.path.realpath(sys.executable), str(ROOT), *map(Path.read_text, lists.values())]
    words += [SCRIPT, *sum(commands().items(), ())]
    wanted = " ".join([hashlib.sha256("\0".join(words).encode()).hexdigest(), *lists])
    if stamp == wanted:
        return
    if has_all(requirements(lists)):
        create(venv, "--without-pip")
        print(f"setup: Python {VERSION} has all requirements; {venv.name} uses them", flush=True)
        lenders = [folder for folder in sys.path if folder.endswith("-packages")]
    else:
        create(venv)
        print(f"setup: installing {', '.join(lists)} of requirements/ into {venv.name}", flush=True)
        pip = [str(venv / "bin/python"), *PIP, *(f"--requirement={path}" for path in lists.values())]
        run("pip could not install the requirements", *pip)
        lenders = []
    lines = [f"import sys; sys.path.append({str(ROOT)!a})\n"]
    lines += [f"import site; site.addsitedir({folder!a})\n" for folder in lenders]
    (site_packages(venv) / "aqi_service.pth").write_text(
        "".join(lines), encoding="ascii"
    )  # whatever the locale
    for name, target in commands().items():
        write_command(venv / "bin" / name, target)
    (venv / STAMP).write_text(wanted, encoding="utf-8")


def commands() -> dict[str, str]:
    """Read the project's commands from pyproject.toml: name -> `module:function`."""
    return dict(project().get("scripts", {}))


def write_command(path: Path, target: str) -> None:
    """Write a command beside an environment's `python`."""
    module, _, function = target.partition(":")
    path.write_text(SCRIPT.format(module=module, function=function), encoding="utf-8")
    path.chmod(0o755)


def site_packages(venv: Path) -> Path:
    """Give the folder of an environment's packages, for this version of Python."""
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(venv)}))


def requirements(extras: Iterable[str]) -> list[str]:
    """Read the project's requirements from pyproject.toml, and those of these extras."""
    found = project()
    groups = [found["optional-dependencies"][extra] for extra in extras if extra != "run"]
    return [need for group in (found["dependencies"], *groups) for need in group]


def project() -> dict[str, Any]:
    """Read what pyproject.toml says of the project."""
    import tomllib  # noqa: PLC0415 - new in 3.11, and this file starts on 3.8

    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def has_all(wanted: list[str]) -> bool:
    """Ask pip whether this interpreter has these requirements and theirs in turn; it fetches nothing."""
    pip = [sys.executable, "-m", "pip", "install", "--isolated", "--no-index", "--dry-run"]
    settings = {**os.environ, "PIP_CONFIG_FILE": os.devnull}  # no folder of wheels counts as had
    command = [*pip, "--report", os.devnull, *wanted]
    return subprocess.run(command, env=settings, capture_output=True, check=False).returncode == 0


def create(venv: Path, *options: str) -> None:
    """Make an environment, or mend this Python's; raise SetupError for another's, which stays as it is."""
    usable = site_packages(venv).exists() and (venv / "bin/python").exists()
    if not usable and venv.exists() and any(venv.iterdir()):
        raise SetupError(f"{venv} is none of Python {VERSION}: remove it (make clean does), and try again")
    if not options and importlib.util.find_spec("ensurepip") is None:
        raise SetupError(f"Python {VERSION} has no ensurepip: apt install python3-venv, or name another")
    run("python -m venv failed", sys.executable, "-m", "venv", *options, str(venv))


def run(failure: str, *command: str) -> None:
    """Run a program to its end; raise SetupError with the line in which it says why it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        why = next((line for line in lines if line.startswith("ERROR: ")), lines[-1])[:200]
        offline = "connection broken" in done.stderr
        advice = ": no package index answers; see the network, or pip config list" if offline else ""
        raise SetupError(f"{failure} ({why}){advice}")


if __name__ == "__main__":
    sys.exit(main())
