"""The page: the files for a browser, each with its headers.

One rule: a table of files, read when the port opens, is served; no request path ever names a file on disk.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Iterator, Set
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import orjson
from aiohttp import web

from aqi_service import __version__
from aqi_service.core.tiles import Tiles
from aqi_service.web.answer_cache import LEVEL, PackedBody
from aqi_service.web.bodies import send_packed

PAGE = "/page"
"""Below this path are the page's own files; below PAGE/leaflet are those of Leaflet's package."""

LEAFLET = "xstatic.pkg.leaflet"
LEAFLET_FILES = ("leaflet.js", "leaflet.css")
"""The used files of the package: its source and its pictures of buttons and markers are not used."""

ENTRIES = {"/": "index.html", "/status": "status.html", "/embed": "embed.html"}
FRAMED = frozenset({"/embed"})
"""The paths that other people's pages may show in a frame."""

SETTINGS = f"{PAGE}/settings.json"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".bin": "application/octet-stream",
    ".svg": "image/svg+xml",
}
"""Only files with these endings are served."""

HEADERS = {
    "Server": "aqi_service",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=(), payment=()",
}
"""Headers of every file of the page: a browser caches it, and asks each time whether it has changed."""


def policy(tiles: Tiles | None, *, framed: bool = False) -> str:
    """Return the Content-Security-Policy; the last three do not follow from default-src."""
    sources = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' data: {tiles.origin}" if tiles else "'self' data:",
        "connect-src": "'self'",
        "frame-ancestors": "*" if framed else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {source}" for name, source in sources.items())


@dataclass(frozen=True, slots=True)
class File:
    """A file: its bytes as they are kept, whether these are packed, and its media type."""

    data: bytes
    is_packed: bool
    content_type: str


class Page:
    """Answers with the page's files; without `tiles` no browser asks another origin."""

    def __init__(self, tiles: Tiles | None = None) -> None:
        self._tiles = tiles
        self._files = dict(_files(_settings(tiles)))
        self._packed: dict[str, PackedBody] = {}

    @property
    def paths(self) -> Set[str]:
        """All paths of the page."""
        return self._files.keys()

    def headers(self, path: str) -> dict[str, str]:
        """Return the headers of every answer at a path."""
        return HEADERS | {"Content-Security-Policy": policy(self._tiles, framed=path in FRAMED)}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the file of one of `paths`."""
        path = request.path
        file = self._files[path]
        packed = self._packed.get(path)
        if packed is None:
            packed = self._packed[path] = await asyncio.to_thread(_pack, file)
        return await send_packed(request, packed, {"Content-Type": file.content_type, "ETag": packed.tag})


def _pack(file: File) -> PackedBody:
    """Return the file as gzip, with a tag that changes when the file does."""
    data = file.data if file.is_packed else gzip.compress(file.data, LEVEL, mtime=0)
    length = int.from_bytes(data[-4:], "little")
    return PackedBody(data, length, f'W/"{hashlib.sha256(file.data).hexdigest()[:32]}"', lambda: True)


def _settings(tiles: Tiles | None) -> bytes:
    shown = {"url": tiles.url, "attribution": tiles.attribution, "origin": tiles.origin} if tiles else None
    return orjson.dumps({"version": __version__, "tiles": shown})


def _files(settings: bytes) -> Iterator[tuple[str, File]]:
    """Give every path and its file."""
    own = dict(_folder(files(__package__) / "page"))
    for name, file in own.items():
        if not name.endswith(".html"):
            yield f"{PAGE}/{name}", file
    for path, name in ENTRIES.items():
        if name in own:
            yield path, own[name]
    leaflet = dict(_folder(files(LEAFLET) / "data"))
    for name in LEAFLET_FILES:
        yield f"{PAGE}/leaflet/{name}", leaflet[name]
    yield SETTINGS, File(settings, False, CONTENT_TYPES[".json"])


def _folder(folder: Traversable) -> Iterator[tuple[str, File]]:
    """Give the servable files of a folder; a file with the ending .gz is served without that ending."""
    for path in folder.iterdir():
        name = path.name.removesuffix(".gz")
        content_type = content_type_of(name)
        if content_type is not None:
            yield name, File(path.read_bytes(), path.name != name, content_type)


def content_type_of(name: str) -> str | None:
    """Return the media type of a file by its ending; None if such files are not served."""
    return CONTENT_TYPES.get(PurePosixPath(name).suffix)
