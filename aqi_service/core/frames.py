"""The wire's frames: a 64-byte header that holds the payload's length, then the payload.

The header is ASCII decimal digits padded with spaces to 64 bytes, as the report's programs send it.
Rule: bytes in, bytes out; "more is needed" is a value (None), a broken peer is a FrameError.
"""

import re
from functools import lru_cache
from itertools import chain
from struct import Struct

from aqi_service.errors import BadId, FrameError

HEADER = 64
"""Bytes of a header."""

MAX_REQUEST = 1024
"""Bytes of the largest request payload; a safety limit, a record id has at most 20."""

MAX_REPLY = 4 * 1024 * 1024
"""Bytes of the largest reply payload: three times the size of 10,000 rows."""

DISCONNECT = b"!DISCONNECT"
"""The request payload that ends a connection and has no reply."""

NOT_FOUND = b"Item not found"
BAD_REQUEST = b"Bad request: "
UNAVAILABLE = b"Unavailable: "
BUSY = b"Busy: "

KINDS = {NOT_FOUND: "not_found", BAD_REQUEST: "bad_request", UNAVAILABLE: "unavailable", BUSY: "busy"}
"""How an error reply starts, and its name; every other reply is CSV, named "found"."""

ERRORS = tuple(KINDS)
_RECORD_ID = re.compile(r"[0-9]{1,20}")
# One pattern for whole headers and for their beginnings, so that a TLS or HTTP hello shorter than a header
# is refused as it arrives and not after a time-out.
_DIGITS_THEN_SPACES = re.compile(rb"([0-9]{1,19}) *")
_MALFORMED = f"the header is not a length in decimal digits, padded with spaces to {HEADER} bytes"


@lru_cache(maxsize=MAX_REQUEST)
def encode_header(length: int) -> bytes:
    """Write a payload's length as its 64-byte header; raise FrameError beyond 19 digits or below 0."""
    if not 0 <= length < 10**19:
        raise FrameError(f"a header cannot hold the length {length}")
    return str(length).encode("ascii").ljust(HEADER)


def decode_header(header: bytes) -> int:
    """Read the payload's length from exactly 64 bytes; raise FrameError for any form but SPEC's."""
    match = _DIGITS_THEN_SPACES.fullmatch(header)
    if match is None or len(header) != HEADER:
        raise FrameError(_MALFORMED)
    return int(match[1])


def encode(payload: bytes) -> bytes:
    """Put a payload into its frame."""
    return encode_header(len(payload)) + payload


def kind(reply: bytes) -> str:
    """Name what a reply payload is: a value of KINDS, or "found" for CSV."""
    if not reply.startswith(ERRORS):
        return "found"
    return next(name for text, name in KINDS.items() if reply.startswith(text))


def checked_id(given: str | int) -> str:
    """Return a record's id, 1 to 20 decimal digits, as text; raise BadId for anything else."""
    is_huge = isinstance(given, int) and abs(given) >= 10**20  # which Python may refuse to write out
    text = "an integer of over 20 digits" if is_huge else str(given)
    if _RECORD_ID.fullmatch(text) is None:
        raise BadId(f"{text[:40]!a} is no record id: an id is 1 to 20 decimal digits")
    return text


_LENGTHS = {encode_header(length): length for length in range(21)}
"""Headers of requests as clients write them, with the payload's length: an id has 1 to 20 digits."""

_CUTS = {header: Struct(f"{HEADER}x{length}s") for header, length in _LENGTHS.items()}
"""For each such header, the Struct that cuts the payloads out of frames with that header."""


_LONGEST = max(_LENGTHS.values())
_FEW = 2 * (HEADER + _LONGEST)


def _whole(data: bytes) -> int:
    """Return how many bytes are whole frames, assuming that all have the first frame's header."""
    cut = _CUTS.get(data[:HEADER])
    return len(data) // cut.size * cut.size if cut else 0


def cut_alike(data: bytes) -> list[bytes]:
    """Cut whole frames that all have the first frame's header, as ids of one age do; else return []."""
    header = data[:HEADER]
    cut = _CUTS.get(header)
    if cut is None or len(data) % cut.size:
        return []
    if len(data) == cut.size:
        return [data[HEADER:]]
    payloads = list(chain.from_iterable(cut.iter_unpack(data)))
    return payloads if header.join((b"", *payloads)) == data else []


class FrameSplitter:
    """Cut a stream of bytes, fed in pieces of any size, into payloads.

    `limit` is the largest payload in bytes; a longer one is refused by its header alone. `bare` is a reply
    that may come without a header (the report's server sends NOT_FOUND so): bytes that do not start with a
    digit are compared with it as they arrive.
    """

    def __init__(self, limit: int, bare: bytes = b"") -> None:
        self._limit = limit
        self._bare = bare
        self._buffer = bytearray()

    def __len__(self) -> int:
        """Count the waiting bytes: whole frames that are not taken yet, and the beginning of the next."""
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        """Append bytes that arrived."""
        self._buffer += data

    def start(self, size: int) -> bytes:
        """Show the first waiting bytes, for a log."""
        return bytes(self._buffer[:size])

    def take(self) -> bytes | None:
        """Give the next payload, or None while it is not complete.

        Raises FrameError for a malformed header or a length over the limit, and again at every later call:
        after such a fault nobody knows where the next frame begins.
        """
        head = bytes(self._buffer[:HEADER])
        if self._bare and head and not head[:1].isdigit():
            return self._take_bare()
        if head and _DIGITS_THEN_SPACES.fullmatch(head) is None:
            raise FrameError(_MALFORMED)
        if len(head) < HEADER:
            return None
        return self._take(HEADER, self._checked(decode_header(head)))

    def take_all(self) -> list[bytes]:
        """Give all complete payloads; raise FrameError if none comes before a fault."""
        payloads: list[bytes] = []
        if not self._buffer:
            return payloads
        data, start = bytes(self._buffer), 0
        whole = _whole(data) if len(data) > _FEW and self._limit >= _LONGEST else 0
        if payloads := cut_alike(data[:whole]):
            start = whole
        while (length := _LENGTHS.get(data[start : start + HEADER], self._limit + 1)) <= self._limit:
            end = start + HEADER + length
            if end > len(data):
                break
            payloads.append(data[start + HEADER : end])
            start = end
        del self._buffer[:start]
        return self._take_others(payloads) if self._buffer else payloads

    def _take_others(self, payloads: list[bytes]) -> list[bytes]:
        """Add the complete payloads from the first frame on that is not whole or has a rare header."""
        try:
            while (payload := self.take()) is not None:
                payloads.append(payload)
        except FrameError:
            if not payloads:
                raise
        return payloads

    def _checked(self, length: int) -> int:
        if length > self._limit:
            raise FrameError(f"a payload of {length} bytes is over the limit of {self._limit}")
        return length

    def _take_bare(self) -> bytes | None:
        if not self._bare.startswith(self._buffer[: len(self._bare)]):
            raise FrameError(_MALFORMED)
        return self._take(0, len(self._bare))

    def _take(self, start: int, length: int) -> bytes | None:
        end = start + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return payload
