"""Programs and packages that tests need and `make test` does not install.

One rule: without one its tests are skipped with the reason; in CI, which installs it, they fail.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"


def needs_program(name: str, where: str) -> pytest.MarkDecorator:
    """Mark tests of a program, which is to be had from `where`."""
    return _needs(shutil.which(name), name, where)


def needs_package(name: str, extra: str = "examples") -> pytest.MarkDecorator:
    """Mark tests of a package of an extra that `make test` does not set up."""
    where = f"python3 tools/setup.py --extra test --extra {extra} installs it"
    return _needs(importlib.util.find_spec(name), name, where)


def needs_file(path: Path, where: str) -> pytest.MarkDecorator:
    """Mark tests that read a file of the system, which is to be had from `where`."""
    return _needs(path if path.exists() else None, str(path), where)


def _needs(found: object, name: str, where: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(found is None and not IN_CI, reason=f"{name} is missing: {where}")
