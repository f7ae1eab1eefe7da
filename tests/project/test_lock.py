"""The lists in requirements/: whole, of one mind with constraints.txt and pyproject.toml, and hashed."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import lock, setup

LISTS = sorted((setup.ROOT / "requirements").glob("*.txt"))
EXTRAS = sorted(lock.project()["project"]["optional-dependencies"])
PIN = re.compile(
    r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;\\\n]+)([^\\\n]*)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)\n",
    re.MULTILINE,
)


def pins(text: str) -> dict[str, set[str]]:
    """Give the versions of each package of a list, one but for other platforms."""
    found: dict[str, set[str]] = {}
    for name, version, *_ in PIN.findall(text):
        found.setdefault(name, set()).add(version)
    return found


def read(path: Path) -> dict[str, set[str]]:
    return pins(path.read_text(encoding="utf-8"))


def wanted(extra: str) -> list[str]:
    """Give what a list is made for."""
    if extra == "build":
        return lock.project()["build-system"]["requires"]  # type: ignore[return-value]  # a list, in TOML
    return setup.requirements({extra} - {"run"})


def test_there_is_a_list_for_the_program_each_extra_and_the_build() -> None:
    assert [path.stem for path in LISTS] == sorted([*EXTRAS, "build", "run"])


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_line_of_a_list_is_a_pin_with_hashes(path: Path) -> None:
    text = "".join(
        line for line in path.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#")
    )
    assert PIN.sub("", text) == ""
    assert all(match[4] for match in PIN.finditer(text))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_list_has_the_versions_of_constraints_and_all_that_is_asked_for(path: Path) -> None:
    found, chosen = read(path), read(setup.ROOT / "constraints.txt")
    if path.stem != "build":
        assert {name: chosen.get(name) for name in found} == found
    for need in map(Requirement, wanted(path.stem)):
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        assert any(need.specifier.contains(version) for version in found.get(name, ())), need


def test_what_constraints_choose_is_in_a_list() -> None:
    listed = {name for path in LISTS for name in read(path)}
    assert read(setup.ROOT / "constraints.txt").keys() - listed == set()


def test_the_image_installs_by_hashes_and_builds_nothing_but_the_program() -> None:
    text = (setup.ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    runs = [line for line in text.replace("\\\n", " ").splitlines() if line.startswith("RUN ")]
    commands = [command for run in runs for command in run.split("&&") if "/pip " in command]
    assert len(commands) == 4
    for command in commands:
        by_hash = {"--require-hashes", "--only-binary", ":all:"} <= set(command.split())
        ours = "--no-deps" in command and ("--no-build-isolation" in command or "--no-index" in command)
        assert by_hash or ours, command


def test_without_uv_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert lock.main([]) == 2
    assert capsys.readouterr().err == f"{lock.NO_UV}\n"
