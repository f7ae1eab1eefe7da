"""The workflows: CI is `.ci/run` on each supported Python; a release needs no secret and no more rights."""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from tests import ROOT
from tools.test_all import VERSIONS

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
FLOWS: dict[str, Any] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
"""By commit, which nobody can move, with its version beside it."""


def steps(flow: str, job: str) -> list[str]:
    """Give what a job runs or uses, in order."""
    return [step.get("run") or step["uses"].partition("@")[0] for step in FLOWS[flow]["jobs"][job]["steps"]]


def events(flow: str) -> Any:
    """Give what starts a workflow: YAML takes the word `on` for true."""
    return FLOWS[flow][True]


def test_there_are_two() -> None:
    assert set(FLOWS) == {"ci", "release"}


@pytest.mark.parametrize("flow", FLOWS)
def test_whatever_comes_from_elsewhere_is_named_by_its_commit(flow: str) -> None:
    used = re.findall(r"uses: (.*)", TEXTS[flow])
    assert used
    assert [each for each in used if not PINNED.fullmatch(each)] == []


@pytest.mark.parametrize("flow", FLOWS)
def test_no_job_may_write_and_none_gets_a_secret(flow: str) -> None:
    assert FLOWS[flow]["permissions"] == {"contents": "read"}
    own = {name: job["permissions"] for name, job in FLOWS[flow]["jobs"].items() if "permissions" in job}
    assert own == ({"publish": {"id-token": "write"}} if flow == "release" else {})
    assert "secrets." not in TEXTS[flow]
    assert "pull_request_target" not in TEXTS[flow]


def test_ci_is_what_a_person_runs_on_each_supported_python() -> None:
    job = FLOWS["ci"]["jobs"]["ci"]
    assert tuple(job["strategy"]["matrix"]["python"]) == VERSIONS
    assert job["container"] == "python:${{ matrix.python }}-bookworm"
    assert steps("ci", "ci")[-1] == ".ci/run"
    assert events("ci") == {"push": {"branches": ["main"]}, "pull_request": None}


def test_a_tag_is_built_once_tried_on_each_python_and_then_published() -> None:
    jobs = FLOWS["release"]["jobs"]
    assert events("release") == {"push": {"tags": ["v*"]}}
    assert [jobs[name].get("needs") for name in ("build", "wheel", "publish")] == [None, "build", "wheel"]
    build = steps("release", "build")
    assert build.index(".ci/run") < build.index('make dist ARGS="--tag $GITHUB_REF_NAME"')
    assert tuple(jobs["wheel"]["strategy"]["matrix"]["python"]) == VERSIONS
    assert steps("release", "wheel")[-1] == "make test-wheel"
    assert sum("make dist" in text for text in TEXTS.values()) == 1


def test_a_release_takes_nothing_that_another_run_left_and_two_do_not_run_at_once() -> None:
    assert FLOWS["release"]["concurrency"] == {"group": "release"}
    assert "cache:" not in TEXTS["release"].replace("package-manager-cache: false", "")
    build = FLOWS["release"]["jobs"]["build"]["steps"]
    [node] = [step for step in build if step.get("uses", "").startswith("actions/setup-node@")]
    assert node["with"]["package-manager-cache"] is False


def test_only_packages_are_published_and_nobody_gives_a_password() -> None:
    job = FLOWS["release"]["jobs"]["publish"]
    assert job["environment"] == "pypi"
    last = job["steps"][-1]
    assert last["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert last["with"] == {"packages-dir": "packages/"}
    assert "mv ./*.whl ./*.tar.gz ../packages/" in job["steps"][-2]["run"]
