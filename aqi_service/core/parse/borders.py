"""Where a window of a document may be cut: at a comma that probably stands between two elements.

One rule: a border is a guess; if the bytes before it decode as elements, the guess was right.
"""

import re
from typing import NamedTuple

_BRACKET = re.compile(rb"[{}\[\]]")
_CLOSING = b"}] \t\r\n"
_OPENING = re.compile(rb',[ \t\r\n]*\{[ \t\r\n]*"[^"\\]{0,40}"')
_LONGEST_CLOSING = 40


class Border(NamedTuple):
    """The bytes around a border: the brackets before the comma, and what follows up to the first key."""

    closing: bytes
    opening: bytes

    @classmethod
    def at(cls, window: bytes, end: int) -> "Border | None":
        """Describe the border whose comma is `window[end]`; None if other commas may look like it.

        A single bracket before it may belong to a value inside a record.
        """
        before, opening = window[max(0, end - _LONGEST_CLOSING) : end], _OPENING.match(window, end)
        closing = before[len(before.rstrip(_CLOSING)) :]
        if opening is None or closing.count(b"}") < 2:
            return None
        return cls(closing, opening.group())

    def last_in(self, window: bytes) -> int:
        """Return the position of the comma of the last border that looks like this one, or 0."""
        start = window.rfind(self.closing + self.opening)
        return 0 if start < 0 else start + len(self.closing)


def likely_border(window: bytes) -> int:
    """Return the position of a comma behind a closing brace that looks like a top-level one, or 0.

    It looks so if the brackets behind it close none that was opened before it. The last part of the window is
    not tried: too few bytes follow to tell.
    """
    margin = len(window) // 32
    end = len(window) - margin
    for _ in range(32):
        end = window.rfind(b"},", 0, end)
        if end < 0:
            return 0
        if _stays_level(window, end + 2, margin):
            return end + 1
        end += 1
    return 0


def _stays_level(window: bytes, start: int, margin: int) -> bool:
    depth = 0
    for match in _BRACKET.finditer(window, start, start + margin):
        depth += 1 if match.group() in b"{[" else -1
        if depth < 0:
            return False
    return True
