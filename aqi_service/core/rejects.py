"""The list of rejected records that is kept beside a snapshot: one JSON object a line.

One rule: whatever and however much is rejected, the list stays within a few tens of megabytes.
"""

from collections.abc import Iterable, Mapping

import orjson

from aqi_service.core.parse.record_item import Rejection

LINES_LIMIT = 10_000
"""Most lines of the list; further records are only counted."""

TEXT_LIMIT, SHORT_TEXT = 4 * 1024, 256
"""Most characters of a record's text, and of a text after TEXTS_LIMIT."""

TEXTS_LIMIT = 8 * 1024 * 1024
"""After this many characters of text in all, only SHORT_TEXT of each text is kept (real rejects have 400
each)."""


class Rejects:
    """The lines so far; each is made immediately, so a long list makes nobody wait at the end."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._texts = 0

    def add(self, rejections: Iterable[Rejection]) -> None:
        """Add records, as long as there is room."""
        for rejection in rejections:
            if len(self._lines) >= LINES_LIMIT:
                return
            self._lines.append(self._line(rejection))

    def body(self, refused: Mapping[str, str]) -> bytes:
        """Return the list, with `refused` (id -> why), items that the table never takes, if there is room.

        For these, the place in the snapshot and the text are no longer known.
        """
        more = LINES_LIMIT - len(self._lines)
        extra = [Rejection(f"refused: {why}", i, -1, b"") for i, why in list(refused.items())[:more]]
        return b"".join((*self._lines, *map(self._line, extra)))

    def _line(self, rejection: Rejection) -> bytes:
        limit = TEXT_LIMIT if self._texts < TEXTS_LIMIT else SHORT_TEXT
        text = rejection.text[:limit].decode("utf-8", "backslashreplace")[:limit]
        self._texts += len(text)
        line = {
            "offset": rejection.offset if rejection.offset >= 0 else None,
            "id": rejection.id,
            "reason": rejection.reason,
            "record": text,
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
