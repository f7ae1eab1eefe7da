"""Badges under /badge: an index as a small picture, for other people's pages.

One rule: every request gets a picture, whose words say what is wrong, if anything is.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from aqi_service.core.badge import Badge, area_badge, badge_svg, sensor_badge
from aqi_service.core.query import AREA, SENSOR, check_length, request_at, values_of
from aqi_service.core.redaction import printable
from aqi_service.core.request_counts import FOUND, OTHER
from aqi_service.core.requests import AreaRequest, HttpRequest, SensorRequest
from aqi_service.errors import AqiError, BadRequest, NotFound
from aqi_service.web.api import ApiAnswers, licensed
from aqi_service.web.bodies import body_of, send
from aqi_service.web.problems import RETRY_SECONDS, STATUS

log = logging.getLogger("aqi_service")

BASE = "/badge"
SUFFIX = ".svg"

HEADERS = {
    "Server": "aqi_service",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors *; base-uri 'none'; form-action 'none'",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Headers of every badge: any page may show it, also in a frame, and nothing in it is run."""

CONTENT_TYPE = "image/svg+xml"
KEPT = "public, max-age=300"
"""How long a badge may be cached, so its age may be that much behind."""

WORDS: Mapping[HTTPStatus, str] = MappingProxyType(
    {
        HTTPStatus.NOT_FOUND: "is not here",
        HTTPStatus.SERVICE_UNAVAILABLE: "no data just now",
        HTTPStatus.BAD_REQUEST: "is no such address",
        HTTPStatus.INTERNAL_SERVER_ERROR: "internal error",
    }
)
"""What a badge says if there is no index."""


def _sensor(words: str, values: Mapping[str, str], now: float) -> HttpRequest:
    return request_at(SENSOR, [words], values, now)


def _area(words: str, values: Mapping[str, str], now: float) -> HttpRequest:
    parts = words.split(",")
    if len(parts) != len(AREA.words):
        raise BadRequest(f"an area is LAT,LON,KM, not {printable(words)}")
    return request_at(AREA, [], dict(values) | dict(zip(AREA.words, parts, strict=True)), now)


READERS: Mapping[str, Callable[[str, Mapping[str, str], float], HttpRequest]] = MappingProxyType(
    {"sensor": _sensor, "area": _area}
)


class Badges:
    """Answers requests for paths below BASE."""

    def __init__(self, answers: ApiAnswers) -> None:
        self._answers = answers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the badge of `/badge/KIND/WORDS.svg`; if there is none, a badge that says so."""
        kind = request.match_info["kind"]
        try:
            with self._answers.counting(kind if kind in READERS else OTHER) as done:
                asked = self._asked(request)
                body = await body_of([badge_svg(await self._badge(asked))])
                done(FOUND)
        except tuple(STATUS) as error:
            return _refused(request, STATUS[type(error)], error)
        except Exception:
            log.exception("answer_failed", extra={"request": printable(request.path)[:80]})
            return _refused(request, HTTPStatus.INTERNAL_SERVER_ERROR)
        headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": KEPT, "ETag": body.tag}
        return await send(request, body, headers | licensed(asked))

    def _asked(self, request: web.Request) -> HttpRequest:
        words = request.match_info["words"]
        read = READERS.get(request.match_info["kind"])
        if read is None or not words.endswith(SUFFIX):
            raise NotFound(f"below {BASE} are sensor/ID{SUFFIX} and area/LAT,LON,KM{SUFFIX}")
        check_length(words)
        values = values_of(("scale",), request.query.items())
        return read(words.removesuffix(SUFFIX), values, self._answers.moment().now)

    async def _badge(self, asked: HttpRequest) -> Badge:
        found = await self._answers.find(asked)
        moment = self._answers.moment()
        if isinstance(asked, SensorRequest) and found is not None:
            return sensor_badge(found, asked.choice.scale, moment.now, moment.version)
        if isinstance(asked, AreaRequest):
            return area_badge(found, moment.now, moment.version)
        raise NotFound("Item not found")


def _refused(request: web.Request, status: HTTPStatus, error: AqiError | None = None) -> web.Response:
    """Return a badge without an index; browsers show it too, although its status is an error's."""
    kind, words = request.match_info["kind"], request.match_info["words"]
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    seconds = RETRY_SECONDS.get(type(error)) if error else None
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    return web.Response(
        status=status,
        body=badge_svg(Badge(f"{kind} {words.removesuffix(SUFFIX)}", WORDS[status])),
        headers=headers,
    )
