"""tools/setup.py: what is there is used, what is missing is one sentence. Nothing here reaches a network."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import setup

NOWHERE = "http://name:secret@127.0.0.1:9/simple"
"""A package index that refuses the connection: nothing listens on the discard port."""


class Project:
    """A small project with the real setup script, requirements of its own, and no package index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ".venv/bin/python"

    def write(self, needs: Sequence[str], more: Sequence[str] = ()) -> None:
        text = (
            f"[project]\ndependencies = {list(needs)}\n[project.optional-dependencies]\nmore = {list(more)}\n"
        )
        (self.folder / "pyproject.toml").write_text(text, encoding="utf-8")
        self.lock("run", *needs)
        self.lock("more", *needs, *more)

    def lock(self, extra: str, *needs: str, digest: str = 64 * "0") -> None:
        """Pin requirements at version 1, all with one hash."""
        pins = (f"{re.split('[<>=]', need)[0]}==1 --hash=sha256:{digest}\n" for need in needs)
        (self.folder / f"requirements/{extra}.txt").write_text("".join(pins), encoding="utf-8")

    def setup(self, *options: str, find_links: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": NOWHERE}
        if find_links:
            env["PIP_FIND_LINKS"] = str(find_links)
        command = [sys.executable, str(self.folder / "tools/setup.py"), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    def imports(self, module: str) -> str:
        command = [str(self.python), "-c", f"import {module}; print({module}.__file__)"]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/").stdout.strip()


def new_project(folder: Path, needs: Sequence[str] = ("pytest>=8",), more: Sequence[str] = ()) -> Project:
    """Write a project; what it needs by default is what runs these tests."""
    (folder / "tools").mkdir(parents=True)
    shutil.copy(setup.ROOT / "tools/setup.py", folder / "tools")
    (folder / "aqi_service.py").touch()
    (folder / "requirements").mkdir()
    project = Project(folder)
    project.write(needs, more)
    return project


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Give what a failed setup says, which is one line and no traceback."""
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    return line


def test_what_the_interpreter_has_is_used_without_an_index(tmp_path: Path) -> None:
    project = new_project(tmp_path)

    done = project.setup()

    assert (done.returncode, done.stderr) == (0, "")
    assert project.imports("aqi_service") == str(tmp_path / "aqi_service.py")
    assert project.imports("pytest") == pytest.__file__


def test_a_second_setup_does_nothing_at_once(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.setup()
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}

    started = time.monotonic()
    done = project.setup()

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 2.0
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_changed_requirement_is_looked_at_again(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.setup()
    project.write(["pytest>=8", "pluggy"])
    assert "has all 2 requirements" in project.setup().stdout


def test_a_moved_project_is_the_one_that_its_environment_imports(tmp_path: Path) -> None:
    new_project(tmp_path / "old").setup()
    (tmp_path / "old").rename(tmp_path / "new")

    project = Project(tmp_path / "new")
    project.setup()

    assert project.imports("aqi_service") == str(tmp_path / "new/aqi_service.py")


def test_no_package_index_is_one_sentence_within_30_s(tmp_path: Path) -> None:
    project = new_project(tmp_path, ["no-such-requirement-of-ours>=1"])

    started = time.monotonic()
    line = sentence(project.setup())

    assert time.monotonic() - started < 30
    assert "no package index: 127.0.0.1 did not give no-such-requirement-of-ours>=1" in line
    assert "secret" not in line


def test_an_extra_that_cannot_be_had_leaves_the_rest_working(tmp_path: Path) -> None:
    project = new_project(tmp_path, more=["no-such-requirement-of-ours"])
    project.setup()

    assert "no package index" in sentence(project.setup("--extra", "more"))

    assert project.setup().returncode == 0
    assert project.imports("pytest") == pytest.__file__


def wheel(folder: Path, name: str) -> str:
    """Build the wheel of a package of one module, version 1, and give its hash."""
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        file.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{name}-1.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source(folder: Path, name: str) -> str:
    """Pack a package that has to be built, and give its hash."""
    (folder / f"{name}-1").mkdir()
    (folder / f"{name}-1/setup.py").write_text("raise SystemExit('built')", encoding="utf-8")
    path = folder / f"{name}-1.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(folder / f"{name}-1", f"{name}-1")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_what_is_built_and_has_the_hash_of_the_list_is_installed(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", ["ourneed"])

    right = wheel(tmp_path, "ourneed")

    project.lock("run", "ourneed", digest=source(tmp_path, "ourneed"))
    assert "DO NOT MATCH THE HASHES" in sentence(project.setup(find_links=tmp_path))
    assert project.imports("ourneed") == ""

    project.lock("run", "ourneed", digest=right)
    assert project.setup(find_links=tmp_path).returncode == 0
    assert project.imports("ourneed").startswith(str(tmp_path / "p/.venv"))


def test_a_slow_machine_leaves_the_index_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []

    def run(command: list[str], seconds: float | None) -> subprocess.CompletedProcess[str]:
        given.append(seconds if "--dry-run" in command else None)
        return subprocess.CompletedProcess(command, 1 if "--no-index" in command else 0, "", "")

    monkeypatch.setattr(setup, "run", run)
    setup.install(tmp_path, ["one"], [], deadline=time.monotonic() - 100)
    assert [seconds for seconds in given if seconds] == [setup.PROBE_SECONDS]


def test_an_unknown_extra_is_one_sentence(tmp_path: Path) -> None:
    assert sentence(new_project(tmp_path).setup("--extra", "tset")) == (
        "setup: pyproject.toml has no extra tset, only more"
    )


def test_an_environment_that_someone_else_made_is_never_removed(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/mine").touch()

    assert "remove it by hand" in sentence(project.setup())

    assert (tmp_path / ".venv/mine").exists()


def test_a_python_without_the_venv_module_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match="no ensurepip module: apt install python3-venv"):
        setup.create(tmp_path)


def test_an_old_python_is_one_sentence_where_there_is_no_newer_one() -> None:
    with pytest.raises(setup.SetupError, match=r"^this is Python 3\.8, the program needs 3\.11 or newer"):
        setup.choose(None, (3, 8), ("python3.no-such",))


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pretends").mkdir()
    (tmp_path / "pretends/python3.new").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (tmp_path / "pretends/python3.new").chmod(0o755)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/python3.new").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'pretends'}{os.pathsep}{tmp_path / 'real'}")

    assert setup.choose(None, (3, 8), ("python3.new",)) == str(tmp_path / "real/python3.new")


def test_a_python_that_is_new_enough_goes_on_itself() -> None:
    assert setup.choose(None, (3, 11)) is None


def test_a_named_python_that_is_none_is_one_sentence() -> None:
    with pytest.raises(setup.SetupError, match=r"is no Python 3\.11 or newer"):
        setup.choose("/dev/null", (3, 13))


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [
        (["outer"], []),
        (["outer>=1,<2"], []),
        (["outer>=2"], ["outer>=2"]),
        (["absent"], ["absent"]),
        (["absent; python_version < '3'"], []),
        (["outer[deep]"], ["inner>=2; extra == 'deep'"]),
    ],
)
def test_requirements_are_judged_with_their_ranges_markers_and_extras(
    wanted: list[str], lacking: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, needs in {"outer": ["inner<2", "inner>=2; extra == 'deep'"], "inner": []}.items():
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {n}" for n in needs),
        ]
        (tmp_path / f"{name}-1.0.dist-info/METADATA").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert setup.missing(wanted) == lacking
