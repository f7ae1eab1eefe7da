"""The sentence for a Python that is too old, said before any code that it cannot read.

Rule: Python 3.8 can read this file, and everything that is imported before it.
"""

from __future__ import annotations

import sys

NEEDED = (3, 11)
EXIT_CODE = 2


def too_old(program: str) -> str | None:
    """Return the sentence for a Python that is too old; None for one that is new enough."""
    if sys.version_info >= NEEDED:
        return None
    has, needs = (".".join(map(str, version[:2])) for version in (sys.version_info, NEEDED))
    return f"{program}: {sys.executable} is Python {has}: run it with Python {needs} or newer"
