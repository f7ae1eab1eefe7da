"""When a certificate ends, read from its DER form (X.509, RFC 5280, section 4.1).

One rule: nothing else is read or judged; bytes that are no certificate raise ValueError.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_LONG = 0x80
_VALIDITY = 3
"""Its place among the fields, after serial number, algorithm and issuer; a version may stand before these."""

_TIME = re.compile(r"(?:[0-9]{2})?[0-9]{12}Z")
_PIVOT = 50
"""A year of two digits from here on is in the last century (RFC 5280, section 4.1.2.5.1)."""


class _Element(NamedTuple):
    """A tag, and where its value begins and ends."""

    tag: int
    start: int
    end: int


def not_after(der: bytes) -> int:
    """Return the last second in which a certificate is valid, since the epoch. Raises ValueError."""
    try:
        signed = next(_elements(der, _element(der, 0)))
        fields = [each for each in _elements(der, signed) if each.tag != _VERSION]
        _, last = _elements(der, fields[_VALIDITY])
    except (IndexError, StopIteration) as error:
        raise ValueError("no certificate") from error
    return _seconds(last.tag, der[last.start : last.end].decode("ascii"))


def _elements(der: bytes, outer: _Element) -> Iterator[_Element]:
    """Yield what stands inside an element."""
    at = outer.start
    while at < outer.end:
        inner = _element(der, at)
        yield inner
        at = inner.end


def _element(der: bytes, at: int) -> _Element:
    """Read tag and length. Raises IndexError, or ValueError for one that ends after the last byte."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & _LONG:
        size = length - _LONG
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    if start + length > len(der):
        raise ValueError("no certificate: it is cut off")
    return _Element(tag, start, start + length)


def _seconds(tag: int, text: str) -> int:
    """Read `301231235959Z`, or with four digits of the year."""
    if tag not in (_UTC_TIME, _GENERALIZED_TIME) or not _TIME.fullmatch(text):
        raise ValueError("no certificate: its end is no time")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _PIVOT else "20") + text
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())
