"""The head of an HTTP request: where it ends, how long it may be, and whether a body follows.

One rule: no request has a body.
"""

import re

MOST_HEAD = 16 * 1024
"""Most bytes of a request's line and headers, and of everything that is kept for a connection: aiohttp takes
at most 8 KiB of a line, and the usual clients (Prometheus, health checks, browsers) send under 2."""

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
