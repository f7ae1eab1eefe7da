"""tools/setup.py: what is there is used, what is missing is one sentence. Nothing here reaches a network."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import setup

NOWHERE = "http://name:secret@127.0.0.1:9/simple"
"""A package index that refuses the connection: nothing listens on the discard port."""


NOTING = """
import os, sys

def note(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.system"):
        with open(os.environ["STARTED"], "a") as file:
            print(event, arguments, file=file)

sys.addaudithook(note)
"""
"""The sitecustomize of a process that writes down what programs it starts."""


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

    def setup(
        self,
        *options: str,
        python: str | Path = sys.executable,
        wheels: Path | None = None,
        started: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the script; pip knows NOWHERE, or only a folder of wheels.

        What programs it starts is written into the folder `started`.
        """
        env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": NOWHERE}
        if wheels:
            env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        if started:
            (started / "sitecustomize.py").write_text(NOTING, encoding="utf-8")
            env |= {"PYTHONPATH": str(started), "STARTED": str(started / "programs")}
        command = [str(python), str(self.folder / "tools/setup.py"), *options]
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


def test_the_project_s_commands_are_in_the_environment_wherever_they_are_called_from(tmp_path: Path) -> None:
    project = new_project(tmp_path / "a folder")
    (project.folder / "aqi_service.py").write_text("import sys\ndef command():\n    return len(sys.argv)")
    with (project.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[project.scripts]\naqi-one = 'aqi_service:command'\n")
    assert project.setup().returncode == 0
    command = project.folder / ".venv/bin/aqi-one"
    assert subprocess.run([command, "x", "y z"], cwd=tmp_path, check=False).returncode == 3
    assert subprocess.run([".venv/bin/aqi-one"], cwd=project.folder, check=False).returncode == 1


def test_commands_that_changed_are_written_again(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.setup()
    with (project.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[project.scripts]\naqi-two = 'aqi_service:command'\n")
    project.setup()
    assert (project.folder / ".venv/bin/aqi-two").exists()


def test_a_second_setup_does_nothing(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = new_project(tmp_path)
    project.setup()
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}

    started = tmp_path_factory.mktemp("started")
    done = project.setup(started=started)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (started / "programs").exists()
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_changed_requirement_is_looked_at_again(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.setup()
    project.write(["pytest>=8", "pluggy"])
    assert "has all requirements" in project.setup().stdout


def test_an_active_environment_is_not_what_is_judged(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.setup()
    distribution(setup.site_packages(tmp_path / ".venv"), "onlyhere")
    project.write(["onlyhere"])

    done = project.setup(python=project.python)

    assert (done.returncode, done.stdout) == (0, "setup: installing run of requirements/ into .venv\n")


def test_a_moved_project_is_the_one_that_its_environment_imports(tmp_path: Path) -> None:
    new_project(tmp_path / "old").setup()
    (tmp_path / "old").rename(tmp_path / "new")

    project = Project(tmp_path / "new")
    project.setup()

    assert project.imports("aqi_service") == str(tmp_path / "new/aqi_service.py")


def test_no_package_index_is_one_sentence_and_leaves_what_worked(tmp_path: Path) -> None:
    project = new_project(tmp_path, more=["no-such-requirement-of-ours>=1"])
    project.setup()

    line = sentence(project.setup("--extra", "more"))

    assert "Could not find a version that satisfies" in line
    assert "no package index answers" in line
    assert "secret" not in line
    assert project.setup().returncode == 0
    assert project.imports("pytest") == pytest.__file__


def distribution(folder: Path, name: str, *needs: str) -> None:
    """Make a folder look as if a package were installed there."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1", "Provides-Extra: deep"]
    (folder / f"{name}-1.dist-info").mkdir()
    text = "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs)])
    (folder / f"{name}-1.dist-info/METADATA").write_text(text, encoding="utf-8")


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
    (folder / f"{name}-1").mkdir(parents=True)
    (folder / f"{name}-1/setup.py").write_text("raise SystemExit('built')", encoding="utf-8")
    path = folder / f"{name}-1.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(folder / f"{name}-1", f"{name}-1")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_what_is_built_and_has_the_hash_of_the_list_is_installed(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", ["ourneed"], ["alsoneed"])
    right, also = wheel(tmp_path, "ourneed"), wheel(tmp_path, "alsoneed")

    project.lock("run", "ourneed", digest=source(tmp_path / "sources", "ourneed"))
    assert "Could not find a version" in sentence(project.setup(wheels=tmp_path / "sources"))

    (project.folder / "requirements/run.txt").write_text("ourneed==1\n", encoding="utf-8")
    assert "Hashes are required in --require-hashes mode" in sentence(project.setup(wheels=tmp_path))
    assert project.imports("ourneed") == ""

    project.lock("run", "ourneed", digest=right)
    project.lock("more", "alsoneed", digest=also)
    assert project.setup("--extra", "more", wheels=tmp_path).returncode == 0
    assert project.imports("ourneed").startswith(str(tmp_path / "p/.venv"))
    assert project.setup().stdout == ""  # what was installed for an extra is ready without it


def test_an_unknown_extra_is_one_sentence(tmp_path: Path) -> None:
    assert "requirements/tset.txt" in sentence(new_project(tmp_path).setup("--extra", "tset"))


def test_an_environment_that_someone_else_made_is_never_removed(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/mine").touch()

    assert "remove it (make clean does)" in sentence(project.setup())

    assert (tmp_path / ".venv/mine").exists()


def test_a_python_without_ensurepip_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match="no ensurepip: apt install python3-venv"):
        setup.create(tmp_path)


def test_an_old_python_is_one_sentence_and_can_read_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ast.parse(Path(setup.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    monkeypatch.setattr(setup, "NEEDED", (99,))
    with pytest.raises(setup.SetupError, match=rf"^this is Python {setup.VERSION}; name 3\.11 or newer"):
        setup.prepare(tmp_path, {"run"})


@pytest.mark.parametrize(
    ("wanted", "had"),
    [
        (["outer", "outer>=1,<2"], True),
        (["outer>=2"], False),
        (["absent"], False),
        (["absent; python_version < '3'"], True),
        (["outer[deep]"], False),  # for which another inner would be needed
    ],
)
def test_requirements_are_judged_with_their_ranges_markers_and_extras(
    wanted: list[str], had: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "outer", "inner<2", "inner>=2; extra == 'deep'")
    distribution(tmp_path, "inner")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert setup.has_all(wanted) is had
