"""Decode elements of a snapshot: many together where that is sound, or one that is bad for itself.

One rule: what is decoded in bulk is what the scanner would have found one by one.
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
"""A string, or a number that may be too large for a binary float, which orjson refuses.

It is tried once at a string, whatever that holds, and once at a run of digits: else 60 KB take seconds.
"""


_PIECES = msgspec.json.Decoder(list[msgspec.Raw])
ODD = (msgspec.DecodeError, RecursionError)
"""What msgspec raises for bytes that are not of the form that it is asked for."""


class Unreadable(NamedTuple):
    """An element that is not decoded: `reason` is `unreadable`, `too_long` or `too_deep`."""

    reason: str


class Decoder(Protocol):
    """Decodes elements of a document."""

    def bulk(self, text: bytes) -> list[Any] | None:
        """Decode elements separated by commas; None if it takes the scanner to tell them apart."""

    def one(self, text: bytes) -> Any:
        """Decode one element, of which it is known that it is not nested too deep."""


class CarefulDecoder:
    """Decodes whatever is JSON, into Python's own types."""

    def bulk(self, text: bytes) -> list[Any] | None:
        """Decode elements separated by commas; None if it takes the scanner to tell them apart."""
        return decode_bulk(text)

    def one(self, text: bytes) -> Any:
        """Decode one element, of which it is known that it is not nested too deep."""
        return decode_one(text)


def decode_bulk(text: bytes) -> list[Any] | None:
    """Decode elements separated by commas; None if they do not decode, or might be nested too deep."""
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
    """Cut elements separated by commas apart; None where that takes the scanner.

    They are not looked into: a piece may hold what no JSON decoder takes. They are read as `bytes(piece)`.
    """
    try:
        return _PIECES.decode(b"[%b]" % text)
    except ODD:
        return None


def _shallow(text: bytes) -> bool:
    """Tell whether no element is nested deeper than MAX_DEPTH; False also when that takes the scanner.

    What is left of valid JSON without all but quotes and brackets loses its innermost brackets in each
    pass. A quote that stays means that a string holds a bracket or a backslash: then the scanner decides.
    """
    skeleton = text.translate(_ONE_KIND, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in skeleton or b"\\" in skeleton:
        return False
    for _ in range(MAX_DEPTH):
        if not skeleton:
            return True
        skeleton = skeleton.replace(b"{}", b"")
    return not skeleton
