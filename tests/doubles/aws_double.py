"""An HTTP server in front of moto that records each request and, by rule, answers as AWS does and moto never.

One rule: what no rule matches goes through to moto unchanged, so that the real client stack is exercised.
"""

import io
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.doubles.aws_answers import Answer, Cut, Request, content, passed

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
    ("GET", "lifecycle", "GetBucketLifecycleConfiguration"),
    ("PUT", "lifecycle", "PutBucketLifecycleConfiguration"),
)


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
