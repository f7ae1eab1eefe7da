"""Decodes elements of a snapshot: many together where that is safe, or a single one.

One rule: decoding in bulk gives the elements that the scanner would have found one by one.
"""

import re
from typing import Any, NamedTuple, Protocol

import msgspec
import orjson

from aqi_service.core.parse.scanner import MAX_DEPTH

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'{}[]"\\'))
_ONE_KIND = bytes.maketrans(b"[]", b"{}")
_INFINITE = re.compile(
    rb'("[^"\\]*+(?:\\.[^"\\]*+)*")|(?<![0-9])-?[0-9]++(?:\.[0-9]++)?[eE]\+?[0-9]{3,}+', re.DOTALL
)
"""A string, or a number that may be too large for a binary float (orjson refuses those). It is tried only
once at each string and at each run of digits: otherwise 60 KB take seconds.
"""


_PIECES = msgspec.json.Decoder(list[msgspec.Raw])
ODD = (msgspec.DecodeError, RecursionError)
"""What msgspec raises for bytes that do not have the requested form."""


class Unreadable(NamedTuple):
    """An element that was not decoded: `reason` is `unreadable`, `too_long` or `too_deep`."""

    reason: str


class Decoder(Protocol):
    """Decodes elements of a document."""

    def bulk(self, text: bytes) -> list[Any] | None:
        """Decode elements separated by commas; None if it takes the scanner to tell them apart."""

    def one(self, text: bytes) -> Any:
        """Decode one element, of which it is known that it is not nested too deep."""


class CarefulDecoder:
    """Decodes any JSON into Python's own types."""

    def bulk(self, text: bytes) -> list[Any] | None:
        """Decode elements separated by commas; None if it takes the scanner to tell them apart."""
        return decode_bulk(text)

    def one(self, text: bytes) -> Any:
        """Decode one element, of which it is known that it is not nested too deep."""
        return decode_one(text)


def decode_bulk(text: bytes) -> list[Any] | None:
    """Decode elements separated by commas; None if they do not decode, or may be nested too deep."""
    if not text or not _shallow(text):
        return None
    try:
        values: list[Any] = orjson.loads(b"[%b]" % text)
    except orjson.JSONDecodeError:
        return None
    return values


def decode_one(text: bytes) -> Any:
    """Decode one element; a number too large for a float becomes null, so that it costs only its field."""
    for attempt in (text, _INFINITE.sub(lambda match: match[1] or b"null", text)):
        try:
            return orjson.loads(attempt)
        except orjson.JSONDecodeError:
            continue
    return Unreadable("unreadable")


def pieces_of(text: bytes) -> list[msgspec.Raw] | None:
    """Separate elements at their commas; None if that takes the scanner.

    The pieces are not checked: one may hold bytes that no JSON decoder takes. Read them as `bytes(piece)`.
    """
    try:
        return _PIECES.decode(b"[%b]" % text)
    except ODD:
        return None


def _shallow(text: bytes) -> bool:
    """Tell whether no element is nested deeper than MAX_DEPTH; False also if only the scanner can tell.

    Only quotes and brackets are kept. Each pass then removes the innermost brackets of valid JSON. A quote
    that stays means that a string holds a bracket or a backslash: then the scanner decides.
    """
    skeleton = text.translate(_ONE_KIND, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in skeleton or b"\\" in skeleton:
        return False
    for _ in range(MAX_DEPTH):
        if not skeleton:
            return True
        skeleton = skeleton.replace(b"{}", b"")
    return not skeleton
