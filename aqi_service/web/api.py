"""The API under /api/v1: the requests of the wire, over HTTP, only for reading.

    path, parameters --> request (core) --> find (handed in) --> what was found --> pieces --> body --> peer

One rule: it gets functions from its caller, and knows no store, no memory and no load.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from aqi_service.core.history import MINUTE, HistoryPage
from aqi_service.core.json_answers import has_sensors, terms_of
from aqi_service.core.json_rows import Moment
from aqi_service.core.places import Place, Places
from aqi_service.core.query import at_point, check_length, lists_of, place_of, request_at, values_of
from aqi_service.core.redaction import printable
from aqi_service.core.request_counts import FOUND, OTHER, Done
from aqi_service.core.requests import HistoryRequest, HttpRequest, PlaceRequest, SensorRequest
from aqi_service.core.times import iso
from aqi_service.errors import NotFound
from aqi_service.web.answer_cache import AnswerCache, PackedBody, pack
from aqi_service.web.bodies import body_of, send, send_packed
from aqi_service.web.openapi import NAME, description
from aqi_service.web.paths import BASE, CSV, Form, Found, find
from aqi_service.web.problems import STATUS, problem, problem_of

log = logging.getLogger("aqi_service")

READING = ("GET", "HEAD")

HEADERS = {
    "Server": "aqi_service",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Retry-After, Attribution",
}
"""Headers of every answer of the API: any page may read it, and nothing in it is run."""

FRESH = "public, max-age=60"
"""How long an answer may be cached without asking again."""

_ALLOWED = {"Allow": "GET, HEAD, OPTIONS"}
_ASKED_BEFORE = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-None-Match",
    "Access-Control-Max-Age": "86400",
}


@dataclass(frozen=True, slots=True)
class ApiAnswers:
    """The functions that the API needs.

    Attributes:
        find: returns the result of a request, or None; raises one of `problems.STATUS`.
        moment: gives the time, and the snapshot in memory.
        places: gives the cities that may be near a sensor; None if they cannot be read.
        large: gives a slot in which a large answer is made and sent; raises Busy if there is none.
        counting: counts a request of a kind, which its block answers, when it is told the outcome.
    """

    find: Callable[[HttpRequest], Awaitable[Any]]
    moment: Callable[[], Moment]
    places: Callable[[], Awaitable[Places | None]]
    large: Callable[[], AbstractAsyncContextManager[None]]
    counting: Callable[[str], AbstractContextManager[Done]]


class Api:
    """Answers requests for paths below BASE."""

    def __init__(self, answers: ApiAnswers) -> None:
        self._answers = answers
        self._cache = AnswerCache()
        self._description = description()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; an internal error is logged, and the client learns only that there was one."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_ALLOWED | _ASKED_BEFORE)
        if request.method not in READING:
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "the API is for reading", _ALLOWED)
        try:
            return await self._answer(request)
        except tuple(STATUS) as error:
            return problem_of(error)
        except Exception:
            log.exception("answer_failed", extra={"request": printable(request.path)[:80]})
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        tail = request.match_info.get("tail", "")  # BASE itself has none
        if tail == NAME:
            return await self._described(request)
        found = find(tail)
        with self._answers.counting(found.path.endpoint.kind if found else OTHER) as done:
            if found is None:
                raise NotFound(f"there is no such path below {BASE}")
            return await self._answer_at(found, request, done)

    async def _answer_at(self, found: Found, request: web.Request, done: Done) -> web.StreamResponse:
        """Answer a request for an existing path; `done` is called when the answer only has to be sent."""
        path, words, form = found
        for word in words:
            check_length(word)
        lists = lists_of(path.endpoint, request.query.items())
        once = ((name, value) for name, value in request.query.items() if name not in lists)
        values = values_of(path.endpoint.known, once)
        now = self._answers.moment().now
        named = place_of(path.endpoint, values, now)
        place = await self._city(named) if named else None
        if place:
            values = at_point(values, place.latitude, place.longitude)
        asked = request_at(path.endpoint, words, values, now, lists)
        if isinstance(asked, SensorRequest) and form is not CSV:  # which has no column for it
            asked = replace(asked, hours=True)
        asking = _Asked(request, asked, form, done)
        if path.cached:
            return await self._cached_reply(asking)
        async with self._answers.large() if path.large else nullcontext():
            return await self._reply(asking, place)

    async def _described(self, request: web.Request) -> web.StreamResponse:
        values_of((), request.query.items())
        headers = {"Content-Type": "application/json", "Cache-Control": FRESH, "ETag": self._description.tag}
        return await send(request, self._description, headers)

    async def _city(self, named: PlaceRequest) -> Place:
        """Return the best of the cities with that name, which is the largest."""
        cities = await self._answers.find(named)
        if not cities:
            raise NotFound(f"there is no place {printable(named.name)}")
        city: Place = cities[0]
        return city

    async def _reply(self, asked: "_Asked", place: Place | None) -> web.StreamResponse:
        """Find, write and send the result of a request."""
        request, form = asked.request, asked.form
        found = await self._answers.find(request)
        if found is None:
            raise NotFound("Item not found")
        said = licensed(request)
        said["Link"] = ", ".join((said["Link"], *_next(asked.http, request, found)))
        places = await self._answers.places() if form is not CSV and has_sensors(request) else None
        moment = replace(self._answers.moment(), place=place, places=places)
        body = await body_of(form.write(request, found, moment))
        del found  # what it was made of is larger, and the peer may be slow
        asked.done(FOUND)
        return await send(asked.http, body, _headers(form) | {"ETag": body.tag} | said)

    async def _cached_reply(self, asked: "_Asked") -> web.StreamResponse:
        """Send the cached answer; make it first if there is no valid one."""
        request, form = asked.request, asked.form

        async def make() -> PackedBody:
            found = await self._answers.find(request)
            return await pack(form.write(request, found, self._answers.moment()), found.holds)

        packed = await self._cache.get((request, form), make)
        headers = _headers(form) | {"ETag": packed.tag} | licensed(request)
        asked.done(FOUND)
        return await send_packed(asked.http, packed, headers)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it came and as it was read, its path and form, and the function that is told its end."""

    http: web.Request
    request: HttpRequest
    form: Form
    done: Done


def licensed(asked: HttpRequest) -> dict[str, str]:
    """Return the headers that name the data's source and licence."""
    terms = terms_of(asked)
    return {"Attribution": terms.attribution, "Link": f'<{terms.licence_url}>; rel="license"'}


def _headers(form: Form) -> dict[str, str]:
    return {"Content-Type": form.content_type, "Cache-Control": FRESH}


def _next(request: web.Request, asked: object, found: Any) -> list[str]:
    """Return the link to the next page of a history, if there is one."""
    if not isinstance(asked, HistoryRequest) or not isinstance(found, HistoryPage):
        return []
    if found.next_since is None:
        return []
    until = -(-asked.until // MINUTE) * MINUTE
    times = {"since": _typed(found.next_since), "until": _typed(until)}
    return [f'<{request.path}?{urlencode(dict(request.query) | times, safe=":")}>; rel="next"']


def _typed(seconds: int) -> str:
    """Write a time in the form of a request's parameter."""
    return iso(seconds).removesuffix(":00Z")
