"""Finds the end of one JSON element in bytes that arrive piece by piece.

One rule: it tracks only strings and brackets. So it finds the end even of an element that no JSON decoder
takes, in time linear in the bytes and in constant memory.
"""

import re

MAX_DEPTH = 64
"""Deepest nesting of a record (the record's own object is depth 1)."""

# Possessive quantifiers: no byte is looked at twice, whatever the input. Behind a group they are wrong before
# Python 3.11.5 (gh-106052), as Debian 12 has it; but nothing follows these groups, so nothing is tried again.
# A group is remembered each time that it matched (40 bytes), and so matches 1,000 times at most.
_PLAIN = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+"){0,1000}')
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.){0,1000}', re.DOTALL)
_BARE = re.compile(rb"[A-Za-z0-9+.\-]*+")
_BARE_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPENING, _CLOSING = frozenset(b"{["), frozenset(b"}]")


class ElementScanner:
    """Scans one element: `advance` over each piece until it returns the end.

    `deepest` is the deepest nesting so far.
    """

    __slots__ = ("_bare", "_depth", "_escaped", "_in_string", "deepest")

    def __init__(self) -> None:
        self._depth = 0
        self.deepest = 0
        self._in_string = False
        self._escaped = False  # the last piece ended in a backslash
        self._bare: bool | None = None  # a number or a word, which ends where other bytes begin

    @staticmethod
    def begins(byte: bytes) -> bool:
        """Tell whether an element may begin with this byte."""
        return byte in (b"{", b"[", b'"') or byte[0] in _BARE_BYTES

    def advance(self, data: bytes | bytearray, pos: int) -> int:
        """Scan on from `data[pos]`; return the position behind the element, or -1 if it goes on."""
        if self._bare is None and pos < len(data):
            self._bare = data[pos] in _BARE_BYTES
        if self._bare:
            end = _BARE.match(data, pos).end()  # type: ignore[union-attr]  # it matches the empty text
            return end if end < len(data) else -1
        while pos < len(data):
            pos = self._string(data, pos) if self._in_string else self._structure(data, pos)
            if not self._depth and not self._in_string:
                return pos
        return -1

    def _structure(self, data: bytes | bytearray, pos: int) -> int:
        """Go past the next bracket or opening quote, to the end of the data, or a part of the way."""
        if self._depth:
            pos = _PLAIN.match(data, pos).end()  # type: ignore[union-attr]  # it matches the empty text
            if pos == len(data):
                return pos
        byte = data[pos]
        if byte == _QUOTE:
            self._in_string = True
        elif byte in _OPENING:
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)
        elif byte in _CLOSING:
            self._depth -= 1
        else:
            return pos
        return pos + 1

    def _string(self, data: bytes | bytearray, pos: int) -> int:
        """Go behind the closing quote, to the end of the data, or a part of the way."""
        if self._escaped:
            self._escaped = False
            pos += 1
        pos = _IN_STRING.match(data, pos).end()  # type: ignore[union-attr]  # it matches the empty text
        if pos >= len(data):
            return pos
        if data[pos] == _QUOTE:
            self._in_string = False
        elif pos == len(data) - 1 and data[pos] == _BACKSLASH:  # what it escapes comes with the next piece
            self._escaped = True
        else:
            return pos
        return pos + 1
