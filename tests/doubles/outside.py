"""Programs and packages that tests need and `make test` does not install.

One rule: without one its tests are skipped with the reason. Where it was to be installed they fail: a program
in CI, a package of an extra after `make test-extras` has set EXTRAS (`make test` is to pass without any).
"""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"


def needs_program(name: str, where: str) -> pytest.MarkDecorator:
    """Mark tests of a program, which is to be had from `where`."""
    return _needs(shutil.which(name), name, where)


def needs_package(name: str, extra: str = "examples") -> pytest.MarkDecorator:
    """Mark tests of a package of an extra that `make test` does not set up."""
    return pytest.mark.needs_package(name, f"python3 tools/setup.py --extra test --extra {extra} installs it")


def skip_without_extras(items: Iterable[pytest.Item]) -> None:
    """Skip the tests of packages that are not here, but where all extras are to be."""
    if os.environ.get("EXTRAS") == "true":
        return
    for item in items:
        for name, where in (mark.args for mark in item.iter_markers("needs_package")):
            if importlib.util.find_spec(name) is None:
                item.add_marker(pytest.mark.skip(reason=_missing(name, where)))


def needs_file(path: Path, where: str) -> pytest.MarkDecorator:
    """Mark tests that read a file of the system, which is to be had from `where`."""
    return _needs(path if path.exists() else None, str(path), where)


def _needs(found: object, name: str, where: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(found is None and not IN_CI, reason=_missing(name, where))


def _missing(name: str, where: str) -> str:
    return f"{name} is missing: {where}"
