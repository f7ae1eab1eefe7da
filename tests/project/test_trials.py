"""`make trials` runs every trial that there is, goes on after one that fails, and says so at the end."""

import re

import pytest

from tests import ROOT
from tools import trials

README = (ROOT / "trials/README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_folder_of_trials_is_run_has_a_command_and_is_described() -> None:
    folders = {path.parent.name for path in (ROOT / "trials").glob("*/__init__.py")}
    assert set(trials.TRIALS) == folders
    assert folders <= set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"^\| `make (\w+)`", README, re.MULTILINE)) == folders


def test_a_trial_that_fails_does_not_end_the_others_and_makes_the_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: list[str] = []

    def fails_at_the_siege(name: str) -> int:
        run.append(name)
        return 2 * (name == "siege")

    assert trials.main((), fails_at_the_siege) == 1
    assert run == list(trials.TRIALS)
    told = capsys.readouterr().out
    assert re.findall(r"^(\w+) .* FAILED$", told, re.MULTILINE) == ["siege"]
    assert told.endswith("trials: 11 of 12 passed\n")


def test_those_that_are_named_are_run_and_if_all_pass_the_exit_code_is_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert trials.main(["soak", "host"], lambda _: 0) == 0
    assert capsys.readouterr().out.endswith("trials: 2 of 2 passed\n")


def test_an_unknown_trial_is_refused_before_any_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert trials.main(["soak", "sponge"], lambda _: pytest.fail("it was run")) == 2
    assert "no such trial: sponge" in capsys.readouterr().err
