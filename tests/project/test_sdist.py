"""The source archive holds what the README's commands need: every file that the repository keeps."""

import shutil
import subprocess
import tomllib

import pytest

from tests import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
INCLUDED = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
ALWAYS = {"pyproject.toml", ".gitignore"}
"""What hatchling puts in by itself."""


def test_everything_that_is_kept_in_the_repository_is_in_the_source_archive() -> None:
    git = shutil.which("git")
    if not (ROOT / ".git").exists() or git is None:
        pytest.skip("no git repository: this is the unpacked archive itself")
    done = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [f"/{name}" for name in done.stdout.splitlines() if name not in ALWAYS]
    assert [path for path in paths if not any(path == i or path.startswith(f"{i}/") for i in INCLUDED)] == []


def test_everything_that_the_source_archive_is_to_hold_is_there() -> None:
    assert [path for path in INCLUDED if not (ROOT / path.removeprefix("/")).exists()] == []


def test_the_licences_of_program_and_data_come_with_both_archives() -> None:
    assert PYPROJECT["project"]["license-files"] == ["LICENSE", "LICENSE-DATA"]
    said = (ROOT / "LICENSE-DATA").read_text(encoding="utf-8")
    assert "ODbL" in said
    assert "DbCL" in said
    assert "Sensor.Community" in said
