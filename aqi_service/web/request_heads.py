"""The head of a request over HTTP: where it ends, how long it may be, and whether a body is to follow.

One rule: nothing is asked with a body.
"""

import re

MOST_HEAD = 16 * 1024
"""Bytes of a request's line and headers, and of all that is kept of a connection: aiohttp takes at most 8 KiB
of a line, and what asks here (Prometheus, health checks, browsers) sends under 2."""

END = b"\r\n\r\n"
_BODY = re.compile(
    rb"^(?:transfer-encoding[ \t]*:|content-length[ \t]*:(?![ \t]*0+[ \t]*\r?$))",
    re.IGNORECASE | re.MULTILINE,
)
TOO_LONG_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 21\r\n\r\nThe head is too long\n"
)


def has_body(head: bytes) -> bool:
    """Tell whether the headers of a request announce a body, or anything but none."""
    return _BODY.search(head) is not None
