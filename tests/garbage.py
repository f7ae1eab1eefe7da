"""When garbage is looked for: a fifth of the suite's time went into looking through what is none.

One rule: none is overlooked. What the tests of a file leave behind is looked for at its end, so that a socket
that was not closed fails there; what lives on is not looked through again before the last test is over.
"""

import gc
from collections.abc import Generator, Iterator

import pytest

SELDOM = (50_000, 20, 10)
"""Objects made between two collections, then collections between two of older ones; CPython: 700, 10, 10."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave out from then on what is there when all tests are: a million objects, and hardly any garbage."""
    gc.set_threshold(*SELDOM)
    found = yield
    gc.freeze()
    return found


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Look for all that the tests of a file have left, once its other fixtures are gone."""
    yield
    settle()


def pytest_sessionfinish() -> None:
    """Look for what has outlived the file that made it."""
    gc.unfreeze()
    settle()


def settle() -> None:
    """Collect; what is left lives on, and is not looked through again."""
    gc.collect()
    gc.freeze()
