"""Make what is released: `make dist` fills dist/ with source archive, wheel, SBOM and checksums.

One rule: a commit gives the same bytes wherever it is built. So everything is built twice, the second time
out of the first source archive, in another folder, zone, umask and hash seed, and has to be equal.

    make dist ARGS="--tag v1.0.0"     is this the version that the tag says?
    make dist ARGS=--uncommitted      what is not committed may differ; such a build is no release
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqi_service import __version__
from tools.setup import ROOT

SUMS = "SHA256SUMS"
ELSEWHERE = {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
"""What is otherwise in the second build; its umask is 077."""


class NoRelease(Exception):  # noqa: N818  # it says what is wrong
    """Why nothing is released, and what to do, in one sentence."""


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    """Give the exit code: 0 when dist/ is filled, 1 with a sentence on stderr when it cannot be."""
    parser = argparse.ArgumentParser(prog="make dist", description="Make what is released.")
    parser.add_argument("--tag", help="the tag that is released: v and the version")
    parser.add_argument("--uncommitted", action="store_true", help="of a tree with changes, too")
    asked = parser.parse_args(argv)
    try:
        check_tag(asked.tag)
        if not asked.uncommitted:
            check_committed(root)
        tracked = set() if asked.uncommitted else tracked_by_git(root)
        names = fill(root, root / "dist", epoch(root, os.environ), tracked)
    except NoRelease as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    print("dist:", *names, sep="\n  ")
    return 0


def check_tag(tag: str | None) -> None:
    """Raise NoRelease for a tag that says another version than the program does."""
    if tag not in (None, f"v{__version__}"):
        raise NoRelease(f"the tag {tag} says another version than aqi_service/__init__.py: {__version__}")


def check_committed(root: Path) -> None:
    """Raise NoRelease where something is not committed: nobody could build the same again."""
    changed = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    if changed:
        raise NoRelease(f"{len(changed)} files are not committed, {changed[0][3:]} for one")


def epoch(root: Path, environ: Mapping[str, str]) -> str:
    """Give the time that all files are dated by: what is set, else that of the last commit.

    In an unpacked source archive it is the time of its files.
    """
    if there := environ.get("SOURCE_DATE_EPOCH") or git(root, "log", "-1", "--format=%ct").strip():
        return there
    if (root / "PKG-INFO").exists():
        return str(int((root / "PKG-INFO").stat().st_mtime))
    raise NoRelease("there is no commit to take the time of: set SOURCE_DATE_EPOCH")


def git(root: Path, *words: str) -> str:
    """Ask git about the tree; nothing where it is no repository of its own. NoRelease if it refuses."""
    path = shutil.which("git")
    if path is None or not (root / ".git").exists():
        return ""
    return run("git does not tell", path, "-C", str(root), *words)


def tracked_by_git(root: Path) -> set[str]:
    """Name the files that git tracks; none where it is no repository of its own."""
    return set(git(root, "ls-files", "-z").split("\0")) - {""}


def check_tracked(tree: Path, tracked: set[str]) -> None:
    """Raise NoRelease where a source archive has a file that git does not track, or lacks one.

    A file that only the machine's own settings of git ignore (.DS_Store, *.swp) is no change to `git status`.
    """
    packed = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()} - {"PKG-INFO"}
    if tracked and (other := sorted(packed ^ tracked)):
        raise NoRelease(f"{len(other)} files are in the repository or the archive alone, {other[0]} for one")


def fill(root: Path, dist: Path, dated: str, tracked: set[str]) -> list[str]:
    """Build, compare, check, and put all of it into `dist`; return the names.

    `tracked` are the files that it is made of; none is that this is not to be checked.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, second, tree = (Path(folder, name) for name in ("first", "second", "tree"))
        build(root, first, {"SOURCE_DATE_EPOCH": dated})
        unpacked = unpack(first, tree)
        check_tracked(unpacked, tracked)
        build(unpacked, second, {"SOURCE_DATE_EPOCH": dated, **ELSEWHERE}, umask=0o077)
        if other := differences(first, second):
            raise NoRelease(f"built again, {' and '.join(other)} came out with other bytes")
        run("twine does not take it", sys.executable, "-m", "twine", "check", "--strict", *files(first))
        (first / f"aqi_service-{__version__}.cdx.json").write_text(sbom(root, dated), encoding="utf-8")
        (first / SUMS).write_text(sums(first), encoding="ascii")
        shutil.rmtree(dist, ignore_errors=True)
        shutil.copytree(first, dist)
    return sorted(path.name for path in dist.iterdir())


def build(tree: Path, into: Path, environ: Mapping[str, str], umask: int = 0o022) -> None:
    """Make a source archive, and of that a wheel, with the back end that is installed here."""
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(tree))
    run("it cannot be built", *command, environ=environ, umask=umask)


def unpack(folder: Path, into: Path) -> Path:
    """Unpack the source archive of a folder; return its tree."""
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        extract(tar, into)
    (tree,) = into.iterdir()
    return tree


def extract(archive: tarfile.TarFile, into: Path) -> None:
    """Unpack an archive of ours, guarded against paths that lead elsewhere: by Python from 3.11.4 on."""
    guard: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    archive.extractall(into, **guard)  # noqa: S202


def differences(first: Path, second: Path) -> list[str]:
    """Name the files that are not the same in both folders."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [name for name in names if not _alike(first / name, second / name)]


def _alike(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def sbom(root: Path, dated: str) -> str:
    """Write the list of what the program is installed with, by version and hash (CycloneDX, JSON)."""
    pins, project = root / "requirements/run.txt", root / "pyproject.toml"
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(pins)]
    command += ["--pyproject", str(project), "--output-reproducible", "--of", "JSON"]
    made: dict[str, Any] = json.loads(run("no SBOM", *command, environ={"SOURCE_DATE_EPOCH": dated}))
    made["metadata"]["component"]["version"] = __version__  # pyproject.toml has none of its own
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def sums(folder: Path) -> str:
    """Write the checksums of a folder's files as `sha256sum -c` reads them."""
    return "".join(
        f"{hashlib.sha256(Path(path).read_bytes()).hexdigest()}  {Path(path).name}\n"
        for path in files(folder)
    )


def files(folder: Path) -> list[str]:
    """Name the files of a folder in order."""
    return sorted(str(path) for path in folder.iterdir() if path.name != SUMS)


def run(failure: str, *command: str, environ: Mapping[str, str] | None = None, umask: int = -1) -> str:
    """Run a program to its end; return what it printed, or raise NoRelease with what it said."""
    done = subprocess.run(
        command, env={**os.environ, **(environ or {})}, umask=umask,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it did not say why"]
        raise NoRelease(f"{failure}: {said[-1]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
