"""A small project that tools/setup.py sets up, and packages for its pip.

One rule: nothing here reaches a network.
"""

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


def pip_settings(wheels: Path | None) -> dict[str, str]:
    """Have pip know NOWHERE, or only a folder of wheels."""
    where = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)} if wheels else {"PIP_INDEX_URL": NOWHERE}
    return {"PIP_CONFIG_FILE": os.devnull, **where}


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

    def write_command(self, name: str) -> None:
        """Have the project have one command more."""
        with (self.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(f"[project.scripts]\n{name} = 'aqi_service:command'\n")

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
        env |= pip_settings(wheels)
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


def copy_of(project: Project, folder: Path) -> Project:
    """Copy a project with its environment, as if it had been moved."""
    return Project(shutil.copytree(project.folder, folder, symlinks=True))


def distribution(folder: Path, name: str, *needs: str) -> None:
    """Make a folder look as if a package were installed there."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1", "Provides-Extra: deep"]
    (folder / f"{name}-1.dist-info").mkdir()
    text = "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs)])
    (folder / f"{name}-1.dist-info/METADATA").write_text(text, encoding="utf-8")


def wheel(folder: Path, name: str) -> str:
    """Build the wheel of a package of one module, version 1, and give its hash."""
    folder.mkdir(exist_ok=True)
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
