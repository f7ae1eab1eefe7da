"""The fault shim with answers that a test writes itself, and a record of each request as it came.

One rule: what no answer is given for goes through the shim to moto unchanged, so that the real client stack
is exercised, and moto is as strict as AWS.
"""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.doubles.aws_answers import Answer, Cut, Reply, Request, content
from tests.doubles.faults import answers, upstream
from tests.doubles.faults.shim import Shim
from tests.doubles.faults.work import Job


@dataclass
class _Rule:
    operation: str
    answer: Answer
    skip: int
    times: int


class AwsDouble(Shim):
    """The server; `requests` are all that came, `moto` is where what no answer is given for goes."""

    def __init__(self, moto: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(moto, tls=tls, cancels=True)
        self.moto = moto
        self.requests: list[Request] = []
        self._answers: list[_Rule] = []

    def on(self, operation: str, answer: Answer, *, skip: int = 0, times: int = 1_000_000) -> None:
        """Let `answer` have the operation's next requests but for `skip`; the newest rule goes first."""
        self._answers.insert(0, _Rule(operation, answer, skip, times))

    def clear(self) -> None:
        """Forget answers and requests."""
        self._answers.clear()
        self.requests.clear()
        self.renew()

    def seen(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def count(self, operation: str) -> int:
        return len(self.seen(operation))

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    async def _answer(self, job: Job) -> answers.Answer:
        asked = job.asked
        path, query = f"{asked.method} {asked.raw_path}", dict(URL(asked.raw_path, encoded=True).query)
        request = Request(job.operation, path, query, CIMultiDict(asked.headers), asked.body)
        self.requests.append(request)

        wanted = next(self._wanting(job.operation), None)
        if wanted is None:
            return await super()._answer(job)

        async def forward(changed: Request) -> web.Response:
            done = await super(AwsDouble, self)._answer(_changed(job, changed))
            body = (
                done.body if isinstance(done.body, bytes) else b"".join([piece async for piece in done.body])
            )
            return web.Response(status=done.status, headers=CIMultiDict(done.headers), body=body)

        given = _given(await wanted(request, forward))
        return given if asked.method != "HEAD" else replace(given, body=b"")

    def _wanting(self, operation: str) -> Iterator[Answer]:
        """Give the answer that wants the operation's next request, if one does."""
        for rule in self._answers:
            if rule.operation == operation and rule.times > 0:
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                yield rule.answer


def _changed(job: Job, request: Request) -> Job:
    method, _, path = request.path.partition(" ")
    asked = upstream.Request(method, path, request.headers, request.body)
    return replace(job, asked=asked, body=json.loads(request.body) if request.is_table else None)


def _given(reply: Reply) -> answers.Answer:
    """Put what a test answers into the shim's words."""
    if reply is None:
        return answers.Answer(gone=answers.Gone.RESET)
    if isinstance(reply, answers.Answer):
        return reply
    if isinstance(reply, Cut):
        return replace(_given(reply.response), cut=reply.length, gone=answers.Gone.CLOSE)
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    return answers.Answer(reply.status, CIMultiDict(headers), content(reply))
