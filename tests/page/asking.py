"""What the page's tests share: asking a service past the browser, axe's verdict.

One rule: what a page must show is read from the API, never written down.
"""

import json
import urllib.request
from typing import Any

from axe_playwright_python.async_playwright import Axe

from tests.page.conftest import Opened

UNREACHABLE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_CLOSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
)
"""What a browser logs of a service that is away, or was killed within an answer."""

FIVE_MINUTES_AND_MORE = 330_000
"""Milliseconds."""

GRAVE = ("serious", "critical")


def text(origin: str, path: str) -> str:
    with urllib.request.urlopen(f"{origin}{path}") as reply:  # noqa: S310  # of this service
        return str(reply.read().decode())


def api(origin: str, path: str) -> Any:
    return json.loads(text(origin, f"/api/v1/{path}"))


async def grave(found: Opened) -> list[tuple[str, list[Any]]]:
    """Return what axe finds serious or worse in a page."""
    results = await Axe().run(found.page)
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:5])
        for each in results.response["violations"]
        if each["impact"] in GRAVE
    ]
