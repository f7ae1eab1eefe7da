"""JSON objects in an archive: read as a whole, and changed only if nobody else changes them meanwhile.

One rule: a document that is no JSON object, or is larger than any of ours, counts as absent.
"""

import logging
from collections.abc import Callable

import orjson

from aqi_service.core.manifest import Manifest
from aqi_service.storage.ports import DOCUMENT_LIMIT, Archive

log = logging.getLogger("aqi_service")

_PRINTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class JsonDocuments:
    """The documents of an archive by their keys."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def read(self, key: str) -> Manifest | None:
        """Return the document; None if there is none that can be read."""
        return _parse(key, await self._archive.get(key))

    async def change(self, key: str, new: Callable[[Manifest | None], Manifest | None]) -> None:
        """Write what `new` makes of the current document, unless that is None."""

        def changed(there: bytes | None) -> bytes | None:
            document = new(_parse(key, there))
            return None if document is None else orjson.dumps(document, option=_PRINTED)

        await self._archive.change(key, changed)


def _parse(key: str, body: bytes | None) -> Manifest | None:
    if body is not None and len(body) > DOCUMENT_LIMIT:
        log.warning("manifest_too_large", extra={"key": key, "most_bytes": DOCUMENT_LIMIT})
        return None
    try:
        found = None if body is None else orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
