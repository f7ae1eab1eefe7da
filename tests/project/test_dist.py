"""What is released: the same bytes twice, of a commit, under the version that the program says."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from aqi_service import __released__, __version__
from tests import ROOT
from tests.doubles.outside import needs_package, needs_program
from tools import dist, test_wheel
from tools.test_all import ABSENT, find

DATED = "1764000000"
IGNORED = shutil.ignore_patterns(
    ".venv*", ".git", "__pycache__", ".*_cache", "node_modules", "dist", "tests", "bench"
)
with_back_end = needs_package("hatchling", "release")
GIT = shutil.which("git") or "git"
with_git = needs_program("git", "the machine's packages have it")


@with_back_end
def test_a_tree_gives_the_same_bytes_twice_and_its_list_of_packages_and_checksums(tmp_path: Path) -> None:
    """Without tests and bench, which would only make it slower."""
    root = tmp_path / "root"
    shutil.copytree(ROOT, root, ignore=IGNORED)
    names = dist.fill(root, root / "dist", DATED, set())
    stem = f"aqi_service-{__version__}"
    assert names == ["SHA256SUMS", f"{stem}-py3-none-any.whl", f"{stem}.cdx.json", f"{stem}.tar.gz"]
    listed = json.loads((root / "dist" / f"{stem}.cdx.json").read_text(encoding="utf-8"))
    assert listed["metadata"]["component"]["version"] == __version__
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    found = [(each["name"], each["version"]) for each in listed["components"]]
    assert sorted(found) == sorted(pins)
    for line in (root / "dist/SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert digest == hashlib.sha256((root / "dist" / name).read_bytes()).hexdigest()
    with tarfile.open(root / "dist" / names[3]) as tar:
        assert {member.mtime for member in tar.getmembers()} == {int(DATED)}
    with zipfile.ZipFile(root / "dist" / names[1]) as wheel:
        assert {name.partition("/")[0] for name in wheel.namelist()} == {"aqi_service", f"{stem}.dist-info"}
        fields, _, readme = wheel.read(f"{stem}.dist-info/METADATA").decode().partition("\n\n")
    assert f"\nVersion: {__version__}\n" in fields
    assert "\nDescription-Content-Type: text/markdown" in fields
    assert re.findall(r"\]\((?!https://)[^)]*\)", readme) == []  # on PyPI it would lead nowhere
    assert "docs/operations.md" in readme


def test_a_file_that_came_out_with_other_bytes_or_not_at_all_is_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, bodies in ((one, {"a": "1", "b": "2", "c": "3"}), (other, {"a": "1", "b": "x"})):
        folder.mkdir()
        for name, body in bodies.items():
            (folder / name).write_text(body)
    assert dist.differences(one, other) == ["b", "c"]
    assert dist.differences(one, one) == []


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with one commit of a known time."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "x")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "x@example.org")
        monkeypatch.setenv(f"GIT_{name}_DATE", f"{DATED} +0000")
    (tmp_path / "file").write_text("1")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([GIT, *words], cwd=tmp_path, check=True)
    return tmp_path


@with_git
def test_files_are_dated_by_what_is_set_else_by_the_commit_else_as_in_the_archive(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert dist.epoch(repository, {"SOURCE_DATE_EPOCH": "7"}) == "7"
    assert dist.epoch(repository, {}) == DATED
    archive = tmp_path_factory.mktemp("archive")
    with pytest.raises(dist.NoRelease, match="set SOURCE_DATE_EPOCH"):
        dist.epoch(archive, {})
    (archive / "PKG-INFO").touch()
    os.utime(archive / "PKG-INFO", (5, 5))
    assert dist.epoch(archive, {}) == "5"


@with_git
def test_a_tree_with_changes_is_not_released(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dist.check_committed(repository)
    (repository / "file").write_text("2")
    assert dist.main([], repository) == 1
    assert capsys.readouterr().err == "dist: 1 files are not committed, file for one\n"


@with_git
def test_a_file_that_only_this_machine_ignores_is_not_released(repository: Path) -> None:
    tracked = dist.tracked_by_git(repository)
    assert tracked == {"file"}
    (repository / ".git" / "info" / "exclude").write_text("*.swp\n")
    dist.check_tracked(archive := repository.parent / "archive", set())
    (archive / "folder").mkdir(parents=True)
    for name in ("file", "PKG-INFO"):
        (archive / name).touch()
    dist.check_tracked(archive, tracked)
    (repository / "x.swp").touch()
    dist.check_committed(repository)
    (archive / "folder" / "x.swp").touch()
    with pytest.raises(dist.NoRelease, match=r"^1 files are .* alone, folder/x\.swp for one$"):
        dist.check_tracked(archive, tracked)


@with_git
def test_a_new_file_counts_as_a_change_whatever_the_settings_of_git_are(repository: Path) -> None:
    subprocess.run([GIT, "config", "status.showUntrackedFiles", "no"], cwd=repository, check=True)
    (repository / "new").touch()
    with pytest.raises(dist.NoRelease, match="1 files are not committed, new for one"):
        dist.check_committed(repository)


@with_git
def test_git_that_refuses_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it does in a folder of another user, or where nothing was committed yet."""
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert dist.main([], tmp_path) == 1
    assert capsys.readouterr().err.startswith("dist: git does not tell: fatal: ")


def test_a_tag_that_says_another_version_is_not_released(capsys: pytest.CaptureFixture[str]) -> None:
    dist.check_tag(f"v{__version__}")
    assert dist.main(["--tag", "v99.0.0"]) == 1
    assert (
        f"the tag v99.0.0 says another version than aqi_service/__init__.py: {__version__}"
        in capsys.readouterr().err
    )


def test_the_version_stands_in_one_place_alone() -> None:
    """The CHANGELOG, whose headings name all versions, apart."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "version" not in (declared := tomllib.loads(project)["project"])
    assert "version" in declared["dynamic"]
    assert 'path = "aqi_service/__init__.py"' in project
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", __released__)
    says = re.compile(rf"(version|VERSION|aqi_service)[\W_]{{1,8}}{re.escape(__version__)}\b(?!\.\d)")
    kept = [
        *ROOT.glob("*.toml"),
        *ROOT.glob("aqi_service/**/*.py"),
        *ROOT.glob("deploy/**/*"),
        *ROOT.glob("*.yml"),
    ]
    found = [path.name for path in kept if path.is_file() and says.search(path.read_text(encoding="utf-8"))]
    assert found == ["__init__.py"]


def test_without_a_wheel_there_is_nothing_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert test_wheel.main([], tmp_path) == 1
    assert capsys.readouterr().err == "test-wheel: dist/ has no wheel: make dist\n"


def test_the_wheel_has_to_pass_on_every_version_that_is_here_and_on_one_at_least(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.whl").touch()
    for outcomes, code in (
        (("passed", "passed", ABSENT), 0),
        (("passed", "does not run the demo", "passed"), 1),
        ((ABSENT,) * 3, 1),
    ):
        said = iter(outcomes)
        monkeypatch.setattr(test_wheel, "tried", lambda *_, said=said: next(said))
        assert test_wheel.main([], tmp_path) == code
    assert "test-wheel: Python 3.12 does not run the demo" in capsys.readouterr().out


def test_a_python_that_makes_no_environments_is_as_one_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's has no ensurepip without python3-venv, and lies beside the one that an image is of."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for version, body in (("3.98", 'case "$*" in *ensurepip*) exit 1 ;; esac'), ("3.99", "")):
        (tmp_path / f"python{version}").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / f"python{version}").chmod(0o755)
    assert find("3.98") is None
    assert find("3.99") == str(tmp_path / "python3.99")


def test_an_environment_of_the_wheel_is_not_taken_for_the_one_of_ci() -> None:
    """It has neither promtool nor the packages of other extras, of which `.ci/run` has all."""
    assert test_wheel.not_in_ci({"CI": "true", "PATH": "/bin"}) == {"PATH": "/bin"}
