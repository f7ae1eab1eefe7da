"""Make the environment that the Makefile's commands run in: `python3 tools/setup.py [--extra test]`.

One rule: what is there is used, without a network; what cannot be had is one sentence within 30 s.

It starts on Python 3.8, so that an old interpreter gets that sentence too, with the standard library alone.
The project comes onto the environment's path by a .pth file: an editable install would need a build back end
from the package index. What is installed is built already, and has a hash in requirements/ (`make lock`).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
NEEDED = (3, 11)
NAMES = ("python3.13", "python3.12", "python3.11")
"""What is looked for on the PATH, best first, when the interpreter that runs this is too old."""

DEADLINE = 26.0
"""Seconds from the start until the package index must have shown that it is there."""

PROBE_SECONDS = 8.0
"""What it has for that at least, should a slow machine have taken long until then."""

STAMP = ".aqi-setup.json"
"""In the environment: what it was made from, and whether this script made it and so may make it anew."""

VERSION = ".".join(map(str, sys.version_info[:3]))
NO_VENV = f"Python {VERSION} has no %s module: apt install python3-venv (Debian), or name another Python"


class SetupError(Exception):
    """What cannot be had, and what to do about it, in one sentence."""


def main(argv: list[str] | None = None) -> int:
    """Give the exit code: 0 when the environment is ready, 1 with a sentence on stderr when it cannot be."""
    parser = argparse.ArgumentParser(prog="setup.py", description="Make what make's commands run in.")
    parser.add_argument("--extra", action="append", default=[], help="an extra of pyproject.toml: test")
    parser.add_argument("--python", help="the interpreter to use (default: the one that runs this)")
    parser.add_argument("--venv", default=ROOT / ".venv", type=Path, help="where (default: .venv)")
    options = parser.parse_args(argv)
    try:
        venv = options.venv.absolute()
        other = choose(options.python, sys.version_info[:2])
        if other is None and Path(sys.prefix).resolve() == venv.resolve():
            other = base_python()  # started from the environment itself, as when it is activated
        if other:
            extras = [word for extra in options.extra for word in ("--extra", extra)]
            return subprocess.call([other, __file__, "--venv", str(venv), *extras])
        prepare(venv, set(options.extra), time.monotonic() + DEADLINE)
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def choose(wanted: str | None, version: tuple[int, ...], names: tuple[str, ...] = NAMES) -> str | None:
    """Give the interpreter to go on with, None for the one that runs this, whose version is given."""
    if wanted is None and version >= NEEDED:
        return None
    found = interpreters((wanted,) if wanted else names)
    if found:
        return found[0]
    if wanted:
        raise SetupError(f"{wanted} is no Python 3.11 or newer that runs here; name another")
    raise SetupError(
        f"this is Python {'.'.join(map(str, version))}, the program needs 3.11 or newer, and the PATH has "
        f"none of {', '.join(names)}: install one, or name it with PYTHON="
    )


def interpreters(names: tuple[str, ...]) -> list[str]:
    """Give the new enough Pythons among paths, and names on the PATH; each is started: some only pretend."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    places = [str(place / name) for name in names for place in ([Path()] if os.sep in name else folders)]
    return [place for place in dict.fromkeys(places) if version_of(place) >= NEEDED]


def version_of(python: str | Path) -> tuple[int, ...]:
    """Ask an interpreter for its version, (3, 12); () when it is none."""
    if not os.access(python, os.X_OK):
        return ()
    done = run([str(python), "-c", "import sys; print(*sys.version_info[:2])"], 10)
    return tuple(int(part) for part in done.stdout.split()) if done.returncode == 0 else ()


def prepare(venv: Path, extras: set[str], deadline: float) -> None:
    """Make the environment ready for the extras; do nothing when it is. Raises SetupError."""
    started = time.monotonic()
    key, stamp = fingerprint(), read_stamp(venv)
    ready = stamp.get("key") == key and extras <= set(stamp["extras"]) and (venv / "bin/python").exists()
    if ready and not (stamp["borrowed"] and missing(requirements(extras))):
        return
    wanted = requirements(extras)
    borrowed = not missing(wanted)
    is_new = not usable(venv, own=stamp.get("own", False))
    stamp["own"] = is_new or stamp.get("own", False)
    write(venv / STAMP, json.dumps({"own": stamp["own"]}))  # should this be interrupted, all is done again
    if is_new:
        say(f"making {venv.name} with Python {VERSION}")
        write(venv / ".gitignore", "*")
        (link if borrowed else create)(venv)
    write_path(venv, [place for place in sys.path if place.endswith("-packages")] if borrowed else [])
    if borrowed:
        say(f"Python {VERSION} has all {len(wanted)} requirements already; {venv.name} uses them")
    else:
        install(venv, wanted, locks(extras), deadline)
        extras = extras | set(stamp["extras"] if stamp.get("key") == key and not stamp["borrowed"] else ())
    write(venv / STAMP, json.dumps({**stamp, "key": key, "extras": sorted(extras), "borrowed": borrowed}))
    say(f"ready in {time.monotonic() - started:.0f} s")


def fingerprint() -> str:
    """Sum up all that an environment depends on, extras aside: requirements, pins, interpreter, folder."""
    names = (ROOT / "pyproject.toml", ROOT / "tools/setup.py", *sorted((ROOT / "requirements").glob("*.txt")))
    files = [name.read_bytes() for name in names]
    words = (os.path.realpath(base_python()), str(sys.version_info[:2]), str(ROOT))
    return hashlib.sha256(b"\0".join([*files, *map(os.fsencode, words)])).hexdigest()


def base_python() -> str:
    """Give the interpreter behind this one, should this one be a virtual environment's."""
    return str(getattr(sys, "_base_executable", sys.executable))


def read_stamp(venv: Path) -> dict[str, Any]:
    """Give what the environment was made from; nothing where that is not known."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((venv / STAMP).read_text(encoding="utf-8")))
    return {}


def write_path(venv: Path, folders: list[str]) -> None:
    """Put the project, and folders with packages, on the environment's path."""
    site_packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(venv)}))
    lines = [str(ROOT), *(f"import site; site.addsitedir({folder!r})" for folder in folders)]
    write(site_packages / "aqi_service.pth", "\n".join(lines))


def write(path: Path, text: str) -> None:
    """Write a small file, and its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def usable(venv: Path, *, own: bool) -> bool:
    """Say whether an environment of this version is there, and clear what is none; only this script's own."""
    if (venv / "pyvenv.cfg").exists() and version_of(venv / "bin/python") == sys.version_info[:2]:
        return True
    if not own and venv.exists() and any(venv.iterdir()):
        raise SetupError(f"{venv} is none for Python {VERSION}, nor this script's own: remove it by hand")
    shutil.rmtree(venv, ignore_errors=True)
    return False


def link(venv: Path) -> None:
    """Make an environment as PEP 405 has it, without venv and pip, which may be missing."""
    home = Path(base_python()).absolute()
    write(venv / "pyvenv.cfg", f"home = {home.parent}\ninclude-system-site-packages = false")
    (venv / "bin").mkdir()
    for name in ("python", "python3"):
        (venv / "bin" / name).symlink_to(home)


def create(venv: Path) -> None:
    """Make an ordinary environment with pip; raise SetupError where this Python cannot."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(NO_VENV % module)
    done = run([sys.executable, "-m", "venv", str(venv)], None)
    if done.returncode:
        raise SetupError(f"python -m venv failed (apt install python3-venv may help): {complaint(done)}")


def requirements(extras: set[str]) -> list[str]:
    """Read the project's requirements, and those of its extras."""
    import tomllib  # noqa: PLC0415 - new in 3.11, and this file starts on 3.8

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    unknown = sorted(extras - set(optional))
    if unknown:
        raise SetupError(f"pyproject.toml has no extra {unknown[0]}, only {', '.join(optional)}")
    return [*project["dependencies"], *(need for extra in sorted(extras) for need in optional[extra])]


def locks(extras: set[str]) -> list[str]:
    """Name the lists of what is installed for the program and its extras, with versions and hashes."""
    return [str(ROOT / f"requirements/{name}.txt") for name in ("run", *sorted(extras))]


def missing(wanted: list[str]) -> list[str]:
    """Name what this interpreter lacks, or has out of range, of the requirements and of theirs in turn."""
    parse = requirement_parser()
    if parse is None:
        return wanted
    todo, lacking = [(text, frozenset({""})) for text in wanted], []
    seen = set(todo)
    while todo:
        text, extras = todo.pop()
        need = parse(text)
        if need.marker and not any(need.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        found = next(iter(metadata.distributions(name=need.name)), None)
        if found is None or not need.specifier.contains(found.version, prereleases=True):
            lacking.append(text)
            continue
        new = {(each, frozenset(need.extras or {""})) for each in found.requires or ()} - seen
        seen |= new
        todo += new
    return lacking


def requirement_parser() -> Any:
    """Give packaging's Requirement, pip's copy if need be; None where neither is there to judge."""
    for name in ("packaging.requirements", "pip._vendor.packaging.requirements"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).Requirement
    return None


def install(venv: Path, wanted: list[str], lists: list[str], deadline: float) -> None:
    """Bring what the lists name into the environment, nothing else and nothing unbuilt. Raises SetupError."""
    pip = [str(venv / "bin/python"), "-m", "pip"]
    if run([*pip, "--version"], 10).returncode and run([*pip[:2], "ensurepip"], 60).returncode:
        raise SetupError(NO_VENV % "ensurepip")
    get = [*pip, "install", "--no-input", "--disable-pip-version-check"]
    pinned = [*get, "--quiet", "--progress-bar", "off", "--require-hashes", "--only-binary", ":all:"]
    pinned += [word for name in lists for word in ("--requirement", name)]
    if run([*pinned, "--no-index"], 15).returncode == 0:
        return
    probe(get, wanted[0], max(PROBE_SECONDS, deadline - time.monotonic()))
    say(f"installing {len(wanted)} requirements and theirs, by the hashes in requirements/")
    done = run(pinned, None)
    if done.returncode:
        raise SetupError(f"pip could not install the requirements: {complaint(done)}")


def probe(get: list[str], need: str, seconds: float) -> None:
    """Ask the package index for one small requirement; raise SetupError where it gives none in time."""
    quick = ["-vv", "--dry-run", "--ignore-installed", "--no-deps", "--retries", "0", "--timeout", "10"]
    done = run([*get, *quick, need], seconds)
    if done.returncode == 0:
        return
    failed = [line for line in done.stdout.splitlines() if "Could not fetch URL" in line]
    why = failed[0].replace(" - skipping", "").rpartition(": ")[2].strip("')") if failed else complaint(done)
    advice = "check the network, or pip's index-url and proxy (pip config list)"
    raise SetupError(f"no package index: {index(get[:3])} did not give {need} ({why}); {advice}")


def index(pip: list[str]) -> str:
    """Name the index that pip is set to (PIP_INDEX_URL first) by its host: its URL may hold a password."""
    listed = run([*pip, "config", "list"], 2).stdout.splitlines()
    if any(".no-index=" in line for line in listed):
        return "pip, which is set to no-index,"
    urls = [line.partition("=")[2].strip("'") for line in listed if ".index-url=" in line]
    return urlsplit([*urls, "https://pypi.org/simple"][0]).hostname or urls[0]


def run(command: list[str], seconds: float | None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, or for so many seconds; taking longer, like not starting, is a failure."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {seconds:.0f} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Give the line in which a program says why it failed."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line[7:] for line in lines if line.startswith("ERROR: ")]
    return (*errors, *lines[-1:], "it did not say why")[0][:200]


def say(line: str) -> None:
    """Tell the person who waits."""
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
