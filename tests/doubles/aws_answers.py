"""What a rule of the double may answer: errors as AWS words them, lost and cut answers, unprocessed batches.

One rule: an Answer is handed the request and a way to moto, and nothing else.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from tests.doubles.faults import answers


@dataclass(frozen=True)
class Request:
    """A request as the double received it."""

    operation: str
    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body of a request to DynamoDB."""
        return json.loads(self.body)

    @property
    def is_table(self) -> bool:
        return "X-Amz-Target" in self.headers


@dataclass(frozen=True)
class Cut:
    """A response that breaks off after so many bytes of its body."""

    response: web.Response
    length: int


Forward = Callable[[Request], Awaitable[web.Response]]
Reply = web.Response | answers.Answer | Cut | None
Answer = Callable[[Request, Forward], Awaitable[Reply]]
"""What a rule does with a request; None cuts the connection."""


async def passed(request: Request, forward: Forward) -> Reply:
    """Give moto's answer."""
    return await forward(request)


async def cut(_request: Request, _forward: Forward) -> Reply:
    """Cut the connection before anything is done."""
    return None


async def lost(request: Request, forward: Forward) -> Reply:
    """Do the work, and lose the answer."""
    await forward(request)
    return None


async def cut_inside(request: Request, forward: Forward) -> Reply:
    """Break off in the middle of moto's answer."""
    response = await forward(request)
    return Cut(response, len(content(response)) // 2)


def cut_after(length: int) -> Answer:
    """Break off after so many bytes of moto's answer."""

    async def answer(request: Request, forward: Forward) -> Reply:
        return Cut(await forward(request), length)

    return answer


def held(gate: asyncio.Event) -> Answer:
    """Let moto answer once the gate is open."""

    async def answer(request: Request, forward: Forward) -> Reply:
        await gate.wait()
        return await forward(request)

    return answer


def error(status: int, code: str, message: str = "injected", **headers: str) -> Answer:
    """Answer with an AWS error, in the form of the service that was asked."""

    async def answer(request: Request, _forward: Forward) -> Reply:
        written = answers.error("dynamodb" if request.is_table else "s3", code, message, status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(written, headers={**written.headers, **named})

    return answer


def done_but(status: int, code: str) -> Answer:
    """Do the work, and answer with an AWS error all the same."""

    async def answer(request: Request, forward: Forward) -> Reply:
        await forward(request)
        return await error(status, code)(request, forward)

    return answer


def body(text: str, status: int = 200) -> Answer:
    """Answer with this text and do nothing."""

    async def answer(_request: Request, _forward: Forward) -> web.Response:
        return web.Response(status=status, text=text, content_type="application/xml")

    return answer


def unprocessed(processed: int) -> Answer:
    """Do the first `processed` of a batch, and give the others back."""

    async def answer(request: Request, forward: Forward) -> web.Response:
        wanted = request.json
        ((table, asked),) = wanted["RequestItems"].items()
        keys = asked["Keys"] if isinstance(asked, dict) else asked
        rest: Any = keys[processed:]
        done: dict[str, Any] = {"UnprocessedItems": {}, "UnprocessedKeys": {}}
        if processed:
            part = keys[:processed] if isinstance(asked, list) else asked | {"Keys": keys[:processed]}
            done = json.loads(
                content(
                    await forward(replace(request, body=json.dumps({"RequestItems": {table: part}}).encode()))
                )
            )
        if isinstance(asked, list):
            done["UnprocessedItems"] = {table: rest} if rest else {}
        else:
            done["UnprocessedKeys"] = {table: asked | {"Keys": rest}} if rest else {}
        return web.json_response(done, content_type="application/x-amz-json-1.0")

    return answer


def poison(*ids: str) -> Answer:
    """Call every request invalid that writes one of these ids."""

    async def answer(request: Request, forward: Forward) -> Reply:
        if any(f'"{each}"'.encode() in request.body for each in ids):
            return await error(400, "ValidationException", "One or more parameter values were invalid")(
                request, forward
            )
        return await forward(request)

    return answer


def content(response: web.Response) -> bytes:
    """Give the body of a response that `_forward` made."""
    assert isinstance(response.body, bytes)
    return response.body
