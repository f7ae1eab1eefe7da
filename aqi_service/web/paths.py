"""The paths of the API: the request of each, and the forms of its answer.

One rule: each path is one line of this table.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aqi_service.core.csv_answers import csv_pieces
from aqi_service.core.json_answers import geojson_pieces, json_pieces
from aqi_service.core.json_rows import Moment
from aqi_service.core.latest import columns_pieces, latest_csv_pieces, latest_geojson_pieces
from aqi_service.core.metrics_text import CONTENT_TYPE, metrics_pieces
from aqi_service.core.query import (
    AREA,
    BOX,
    COUNTRY,
    DAYS,
    HISTORY,
    LATEST,
    METRICS,
    NEAR,
    PLACES,
    RECORD,
    REJECTS,
    SCALES,
    SENSOR,
    SNAPSHOT,
    Endpoint,
)

BASE = "/api/v1"

Writer = Callable[[Any, Any, Moment], Iterator[bytes]]
"""Writes the result of a request, piece by piece."""


class Form(NamedTuple):
    """A way of writing answers, and its media type."""

    content_type: str
    write: Writer


def _csv(request: object, found: Any, _: Moment) -> Iterator[bytes]:
    return csv_pieces(request, found)


JSON = Form("application/json", json_pieces)
CSV = Form("text/csv; charset=utf-8", _csv)
GEOJSON = Form("application/geo+json", geojson_pieces)

ROWS = {"": JSON, ".csv": CSV, ".geojson": GEOJSON}
TABLE = {"": JSON, ".csv": CSV}
DOCUMENT = {"": JSON}
SERIES = {"": Form(CONTENT_TYPE, metrics_pieces)}
ALL = {
    ".columns.json": Form("application/json", columns_pieces),
    ".geojson": Form("application/geo+json", latest_geojson_pieces),
    ".csv": Form("text/csv; charset=utf-8", latest_csv_pieces),
}
"""Forms by the ending of a path's last word: for rows with coordinates, for other rows, for what is no row,
for Prometheus, and for all sensors together."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path: its words, with `{}` for a parameter.

    Attributes:
        words: its words.
        endpoint: the request that it accepts.
        forms: its possible endings; rows with coordinates also have GeoJSON.
        large: whether the answer may be so large that only few are made at a time.
        cached: whether it is made once for all clients.
    """

    words: str
    endpoint: Endpoint
    forms: Mapping[str, Form] = field(default_factory=lambda: ROWS)
    large: bool = False
    cached: bool = False


PATHS = (
    Path("records/{}", RECORD),
    Path("sensors/{}", SENSOR),
    Path("near", NEAR),
    Path("box", BOX, large=True),
    Path("countries/{}", COUNTRY, large=True),
    Path("area", AREA),
    Path("places", PLACES),
    Path("sensors/{}/history", HISTORY, large=True),
    Path("sensors/{}/days", DAYS, forms=TABLE, large=True),
    Path("snapshot", SNAPSHOT, forms=DOCUMENT),
    Path("rejects", REJECTS),
    Path("scales", SCALES, forms=DOCUMENT),
    Path("latest", LATEST, forms=ALL, cached=True),
    Path("metrics", METRICS, forms=SERIES),
)

_SUFFIX = re.compile(r"(\.csv|\.geojson|\.columns\.json)?\Z")


class Found(NamedTuple):
    """A requested path, its words, and the form."""

    path: Path
    words: Sequence[str]
    form: Form


def find(tail: str) -> Found | None:
    """Return the path for the text behind BASE and its slash; None if there is none."""
    suffix = _SUFFIX.search(tail)
    ending = suffix[0] if suffix else ""
    words = tail.removesuffix(ending).split("/") if ending else tail.split("/")
    for path in PATHS:
        asked = _matched(path.words.split("/"), words)
        if asked is not None and ending in path.forms:
            return Found(path, asked, path.forms[ending])
    return None


def _matched(pattern: Sequence[str], words: Sequence[str]) -> list[str] | None:
    if len(pattern) != len(words) or not all(words):
        return None
    if any(part not in ("{}", word) for part, word in zip(pattern, words, strict=True)):
        return None
    return [word for part, word in zip(pattern, words, strict=True) if part == "{}"]
