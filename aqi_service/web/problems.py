"""The API's answer to a request that fails: a problem document (RFC 9457).

One rule: `detail` is the wire's sentence for the same error, and shows nothing of what went wrong inside.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import orjson
from aiohttp import web

from aqi_service.errors import AqiError, BadRequest, Busy, NoAnswer, NotFound

STATUS: Mapping[type[AqiError], HTTPStatus] = MappingProxyType(
    {
        BadRequest: HTTPStatus.BAD_REQUEST,
        NotFound: HTTPStatus.NOT_FOUND,
        Busy: HTTPStatus.SERVICE_UNAVAILABLE,
        NoAnswer: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""The errors whose text is for the reader."""

RETRY_SECONDS: Mapping[type[AqiError], int] = MappingProxyType({Busy: 5, NoAnswer: 30})
"""The seconds of Retry-After."""


def problem_of(error: AqiError) -> web.Response:
    """Return the document of one of the errors of STATUS."""
    seconds = RETRY_SECONDS.get(type(error))
    return problem(STATUS[type(error)], str(error), {} if seconds is None else {"Retry-After": str(seconds)})


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a problem document, which must not be cached."""
    document = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return web.Response(
        status=status,
        body=orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE),
        headers={"Content-Type": "application/problem+json", "Cache-Control": "no-store", **(headers or {})},
    )
