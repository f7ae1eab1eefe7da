"""Street tiles for the page's map: their URL, and their author whom the map must name."""

import re
from dataclasses import dataclass

_URL = re.compile(r"(https?)://(\{s\}\.)?([A-Za-z0-9.-]+(?::[0-9]{1,5})?)/[!-~]+", re.ASCII)
"""Scheme, {s} for one of several hosts, host and port, path; no character that could end a header's value."""


def is_tiles_url(url: str) -> bool:
    """Tell whether a URL names tiles: a host, and {z}, {x} and {y} in the path."""
    return _URL.fullmatch(url) is not None and all(part in url for part in ("{z}", "{x}", "{y}"))


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles at a URL that `is_tiles_url` accepts, and their attribution."""

    url: str
    attribution: str

    @property
    def origin(self) -> str:
        """The origin of the tiles, as a Content-Security-Policy names it; `*.` stands for {s}."""
        parts = _URL.fullmatch(self.url)
        if parts is None:
            raise ValueError(f"{self.url} is no URL of tiles")
        return f"{parts[1]}://{'*.' if parts[2] else ''}{parts[3]}"
