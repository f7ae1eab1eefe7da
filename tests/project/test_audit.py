"""`make audit` is green only if every package was looked up. pip-audit, which needs a network, is feigned."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import audit

GOOD = {"name": "one", "version": "1", "vulns": []}
BAD = {"name": "two", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "three", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let pip-audit print a text, and run the audit over a list of its own."""
    (tmp_path / "run.txt").write_text("one==1\n", encoding="utf-8")

    def run(out: str, err: str = "") -> int:
        code = f"import sys; assert sys.argv[-1].endswith('run.txt'); print({out!r}); sys.exit({err!r})"
        (tmp_path / "pip_audit.py").write_text(code, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return audit.main([], tmp_path)

    return run


@pytest.mark.parametrize(
    ("packages", "code", "tells"),
    [
        ([GOOD], 0, "1 packages checked, 0 vulnerabilities known"),
        ([GOOD, BAD], 1, "two 2: PYSEC-1, mended in 3"),
        ([BAD, SKIPPED], 1, "1 of 2 packages could not be checked"),
        ([GOOD, SKIPPED], 2, "three for one: Dependency not found on PyPI"),
        ([SKIPPED], 2, "0 packages checked"),
        ([], 2, "0 packages checked"),
    ],
)
def test_it_is_green_only_if_all_was_checked_and_nothing_is_known(
    packages: list[Any], code: int, tells: str, said: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(json.dumps({"dependencies": packages, "fixes": []})) == code
    assert tells in "".join(capfd.readouterr())


@pytest.mark.parametrize("out", ["", "null", "[]", "{}"])
def test_an_audit_that_could_not_be_made_says_why(
    out: str, said: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(out, "ERROR:pip_audit._cli:no route to host\nmore") == 2
    assert "audit: nothing was checked: pip_audit._cli:no route to host\n" in capfd.readouterr().err
