"""What S3 checks of a body: lengths, digests in headers, and the aws-chunked form with its trailer.

One rule: pure; a body that does not hold what its headers promise raises Refused as S3 would.

Source: S3 User Guide, "Checking object integrity"; S3 API Reference, "Signature calculations ... including
trailing headers (chunked upload)".
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from tests.doubles.faults.answers import Refused

PREFIX = "x-amz-checksum-"
_NOT_SUMS = {f"{PREFIX}algorithm", f"{PREFIX}mode", f"{PREFIX}type"}
_HEX = 64
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes that a request stores, and the checksums given with them: algorithm -> base64.

    `trailing` are the algorithms whose checksum came behind the body.
    """

    data: bytes
    sums: Mapping[str, str] = field(default_factory=dict)
    trailing: frozenset[str] = frozenset()


def payload(headers: Mapping[str, str], body: bytes) -> Payload:
    """Take a body out of its wrapping and check all that was said of it; raises Refused."""
    known = {name.lower(): value for name, value in headers.items()}
    _check_sha256(known.get("x-amz-content-sha256", ""), body)
    data, trailers = chunks(body) if _is_chunked(known) else (body, {})
    promised = int(known.get("x-amz-decoded-content-length", len(data)))
    if promised != len(data):
        raise Refused("IncompleteBody")
    if known.get("x-amz-trailer", "").lower() not in ("", *trailers):
        raise Refused("MalformedTrailerError")
    _check_md5(known.get("content-md5"), data)
    sums = _sums({**known, **trailers})
    for algorithm, value in sums.items():
        _check_sum(algorithm, value, data)
    return Payload(data, sums, frozenset(_sums(trailers)))


def chunks(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the data and the trailing headers of an aws-chunked body; raises Refused if it is cut."""
    data = bytearray()
    place = 0
    while True:
        line, end, _ = body[place : place + _LONGEST_LINE].partition(b"\r\n")
        place += len(line) + 2
        size = _chunk_size(line)
        if not end or size is None:
            raise Refused("IncompleteBody")
        if not size:
            return bytes(data), _trailers(body[place:])
        data += body[place : place + size]
        if body[place + size : place + size + 2] != b"\r\n":
            raise Refused("IncompleteBody")
        place += size + 2


def digest(algorithm: str, data: bytes) -> str:
    """Return a checksum as S3 writes it."""
    return base64.b64encode(ALGORITHMS[algorithm](data)).decode()


def _is_chunked(known: Mapping[str, str]) -> bool:
    return known.get("x-amz-content-sha256", "").startswith("STREAMING-")


def _chunk_size(line: bytes) -> int | None:
    """Return the size in a chunk's first line: `400` or `400;chunk-signature=...`."""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return None


def _trailers(rest: bytes) -> dict[str, str]:
    lines = [line.partition(":") for line in rest.decode("latin-1").split("\r\n") if line]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _sums(known: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in known.items()
        if name.startswith(PREFIX) and name not in _NOT_SUMS
    }


def _check_sha256(given: str, body: bytes) -> None:
    if len(given) == _HEX and hashlib.sha256(body).hexdigest() != given:
        raise Refused("XAmzContentSHA256Mismatch")


def _check_md5(given: str | None, data: bytes) -> None:
    if given is None:
        return
    try:
        raw = base64.b64decode(given, validate=True)
    except ValueError as error:
        raise Refused("InvalidDigest") from error
    if len(raw) != hashlib.md5(usedforsecurity=False).digest_size:
        raise Refused("InvalidDigest")
    if raw != hashlib.md5(data, usedforsecurity=False).digest():
        raise Refused("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _check_sum(algorithm: str, given: str, data: bytes) -> None:
    if algorithm not in ALGORITHMS or len(given) != len(digest(algorithm, b"")):
        raise Refused("InvalidRequest", f"Value for {PREFIX}{algorithm} header is invalid.")
    if digest(algorithm, data) != given:
        name = algorithm.upper()
        raise Refused("BadDigest", f"The {name} you specified did not match the calculated checksum.")


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    def row(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        return value

    return tuple(row(value) for value in range(256))


def _crc(polynomial: int, size: int) -> Callable[[bytes], bytes]:
    """Return the CRC of `size` bytes with a reflected polynomial (about 10 MB a second: tests are small)."""

    def crc(data: bytes) -> bytes:
        table, ones = _table(polynomial), (1 << 8 * size) - 1
        value = ones
        for byte in data:
            value = (value >> 8) ^ table[(value ^ byte) & 255]
        return (value ^ ones).to_bytes(size, "big")

    return crc


ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": _crc(0x82F63B78, 4),
    "crc64nvme": _crc(0x9A6C9329AC4BC9B5, 8),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
"""Name in the header -> the checksum's bytes."""
