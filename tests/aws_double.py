"""An HTTP server in front of moto that records each request and, by rule, answers as AWS does and moto never.

One rule: what no rule matches goes through to moto unchanged, so that the real client stack is exercised.
"""

import asyncio
import io
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_HOP = frozenset({"connection", "content-length", "date", "expect", "host", "server", "transfer-encoding"})
_OBJECT = {"HEAD": "HeadObject", "GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_BUCKET = {"HEAD": "HeadBucket", "GET": "ListObjects", "PUT": "CreateBucket"}
_BY_QUERY = (
    ("POST", "uploads", "CreateMultipartUpload"),
    ("PUT", "partNumber", "UploadPart"),
    ("POST", "uploadId", "CompleteMultipartUpload"),
    ("DELETE", "uploadId", "AbortMultipartUpload"),
    ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "list-type", "ListObjectsV2"),
    ("PUT", "publicAccessBlock", "PutPublicAccessBlock"),
    ("PUT", "encryption", "PutBucketEncryption"),
)


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
Reply = web.Response | Cut | None
Answer = Callable[[Request, Forward], Awaitable[Reply]]
"""What a rule does with a request; None cuts the connection."""


@dataclass
class _Rule:
    operation: str
    answer: Answer
    skip: int
    times: int


@dataclass
class AwsDouble:
    """The server; `requests` are all that came, `at_once` the most of an operation at one time."""

    moto: str
    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    at_once: Counter[str] = field(default_factory=Counter)
    _now: Counter[str] = field(default_factory=Counter)
    _rules: list[_Rule] = field(default_factory=list)

    def on(self, operation: str, answer: Answer, *, skip: int = 0, times: int = 1_000_000) -> None:
        """Let `answer` have the operation's next requests but for `skip`; the newest rule goes first."""
        self._rules.insert(0, _Rule(operation, answer, skip, times))

    def clear(self) -> None:
        """Forget rules and requests."""
        self._rules.clear()
        self.requests.clear()
        self.at_once.clear()

    def seen(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def count(self, operation: str) -> int:
        return len(self.seen(operation))

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    async def handle(self, incoming: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        """Answer one request by the first rule that wants it, or by moto."""
        request = await _read(incoming)
        self.requests.append(request)
        self._now[request.operation] += 1
        self.at_once |= self._now
        try:
            answer = await self._rule(request)(request, lambda changed: _forward(session, self.moto, changed))
        finally:
            self._now[request.operation] -= 1
        if isinstance(answer, web.Response):
            return answer
        begun = await _begin(answer, incoming) if answer else web.Response()
        if incoming.transport:
            incoming.transport.abort()
        return begun

    def _rule(self, request: Request) -> Answer:
        for rule in self._rules:
            if rule.operation == request.operation and rule.times > 0:
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                return rule.answer
        return passed


@asynccontextmanager
async def aws_double(moto: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[AwsDouble]:
    """Run a double in front of the moto server at this URL, over TLS if a context is given."""
    double = AwsDouble(moto)
    app = web.Application(client_max_size=2**30)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def handle(incoming: web.Request) -> web.StreamResponse:
            return await double.handle(incoming, session)

        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            double.endpoint = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
            yield double
        finally:
            await runner.cleanup()


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


def held(gate: asyncio.Event) -> Answer:
    """Let moto answer once the gate is open."""

    async def answer(request: Request, forward: Forward) -> Reply:
        await gate.wait()
        return await forward(request)

    return answer


def error(status: int, code: str, message: str = "injected", **headers: str) -> Answer:
    """Answer with an AWS error, in the form of the service that was asked; a HEAD has no body."""

    async def answer(request: Request, _forward: Forward) -> web.Response:
        if request.is_table:
            text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
            return web.Response(status=status, text=text, content_type="application/x-amz-json-1.0")
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            status=status, text=_xml(code, message), headers=names, content_type="application/xml"
        )

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
            done = json.loads(content(await forward(_with(request, {"RequestItems": {table: part}}))))
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


def _with(request: Request, content: Any) -> Request:
    body = json.dumps(content).encode()
    return Request(request.operation, request.path, request.query, request.headers, body)


def _xml(code: str, message: str) -> str:
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


def content(response: web.Response) -> bytes:
    """Give the body of a response that `_forward` made."""
    assert isinstance(response.body, bytes)
    return response.body


async def _begin(answer: Cut, incoming: web.Request) -> web.StreamResponse:
    """Send headers for the whole body, and the first bytes of it."""
    body = content(answer.response)
    begun = web.StreamResponse(status=answer.response.status, headers=answer.response.headers)
    begun.content_length = len(body)
    await begun.prepare(incoming)
    await begun.write(body[: answer.length])
    return begun


async def _read(incoming: web.Request) -> Request:
    path, query = incoming.rel_url.raw_path, dict(incoming.query)
    operation = _operation(incoming.method, path, query, incoming.headers.get("X-Amz-Target", ""))
    return Request(
        operation,
        f"{incoming.method} {incoming.rel_url}",
        query,
        CIMultiDict(incoming.headers),
        await incoming.read(),
    )


def _operation(method: str, path: str, query: dict[str, str], target: str) -> str:
    if target:
        return target.rpartition(".")[2]
    for wanted, name, operation in _BY_QUERY:
        if method == wanted and name in query:
            return operation
    is_object = "/" in path.strip("/")
    return (_OBJECT if is_object else _BUCKET).get(method, method)


async def _forward(session: aiohttp.ClientSession, moto: str, request: Request) -> web.Response:
    method, _, path = request.path.partition(" ")
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
    url = URL(moto + path, encoded=True)
    data = io.BytesIO(request.body) if request.body else None
    async with session.request(method, url, headers=headers, data=data) as answer:
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
        return web.Response(status=answer.status, headers=CIMultiDict(kept), body=await answer.read())
