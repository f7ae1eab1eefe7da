"""Headers that are none, as a peer might send them, and what a splitter has taken."""

from aqi_service.core.frames import HEADER, FrameSplitter

MALFORMED = {
    "sign": b"+5",
    "minus zero": b"-0",
    "newline": b"5\n",
    "underscore": b"1_000",
    "hexadecimal": b"0x10",
    "NUL padding": b"5".ljust(64, b"\0"),
    "NUL": b"5\0",
    "Arabic digits": "\u0665".encode(),
    "superscript": "²".encode(),
    "Latin-1 digit": b"\xb2",
    "digits after a space": b"5 5",
    "leading space": b" 5",
    "64 spaces": b"",
    "tab": b"5\t",
    "20 digits": b"1" * 20,
    "10**63": b"1" + b"0" * 63,
    "fraction": b"5.0",
    "HTTP": b"GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(60)),
}


def malformed(name: str) -> bytes:
    return MALFORMED[name].ljust(HEADER)[:HEADER]


def taken(splitter: FrameSplitter) -> list[bytes]:
    payloads = []
    while (payload := splitter.take()) is not None:
        payloads.append(payload)
    return payloads
