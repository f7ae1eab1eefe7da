"""Street tiles for the page's map: where they come from, and who is to be named for them."""

import re
from dataclasses import dataclass

_URL = re.compile(r"(https?)://(\{s\}\.)?([A-Za-z0-9.-]+(?::[0-9]{1,5})?)/[!-~]+", re.ASCII)
"""Scheme, {s} for one of several hosts, host and port, path; nothing that could end a header's value."""


def is_tiles_url(url: str) -> bool:
    """Tell whether a URL names tiles: a host, and {z}, {x} and {y} in the path."""
    return _URL.fullmatch(url) is not None and all(part in url for part in ("{z}", "{x}", "{y}"))


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles at a URL for which `is_tiles_url` holds, and their attribution."""

    url: str
    attribution: str

    @property
    def origin(self) -> str:
        """The origin that they come from, as a Content-Security-Policy names it; `*.` stands for {s}."""
        parts = _URL.fullmatch(self.url)
        if parts is None:
            raise ValueError(f"{self.url} is no URL of tiles")
        return f"{parts[1]}://{'*.' if parts[2] else ''}{parts[3]}"
