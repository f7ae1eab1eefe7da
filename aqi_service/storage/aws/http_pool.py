"""The HTTP connections of one client of AWS's: botocore makes them, by its own settings, and they send.

One rule: what leads a request elsewhere than to its endpoint is not followed, and an answer that is read as a
whole, as all are but an object's bytes, is bounded.
"""

from functools import partial
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientError, ClientResponse

from aqi_service.errors import Unavailable

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer. The longest are DynamoDB's, of 16 MB of items; JSON adds the types of attributes."""

MAX_HEADER = 64 * 1024
"""Bytes of an answer's longest header, as of a feed's: a store may stand behind the same proxies."""


REDIRECTS = frozenset({301, 302, 303, 307, 308})
REGION = "x-amz-bucket-region"
"""What S3 says beside a redirect of its own, which botocore knows how to answer."""


class HttpPool:
    """What a client's settings name as the class of its HTTP session; it keeps the one that is made.

    Attributes:
        session: with the client's proxies, certificates, time-outs and number of connections.
    """

    session: AIOHTTPSession

    def __call__(self, **settings: Any) -> AIOHTTPSession:
        """Make the session, as botocore asks for it."""
        self.session = _Session(**settings)
        return self.session


class _Session(AIOHTTPSession):
    async def _get_session(self, proxy_url: str | None) -> Any:
        return _OneWay(await super()._get_session(proxy_url))  # type: ignore[misc]  # no public way leads there


class _OneWay:
    """A session of aiohttp's as far as a request is sent."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **how: Any) -> ClientResponse:
        """Send one request and return the answer, whose body is yet to be read."""
        answer: ClientResponse = await self._session.request(
            method, allow_redirects=False, max_line_size=MAX_HEADER, max_field_size=MAX_HEADER, **how
        )
        if answer.status in REDIRECTS and "Location" in answer.headers and REGION not in answer.headers:
            answer.close()
            where = answer.headers["Location"]
            raise ClientError(f"the endpoint leads to {where}: name that as the endpoint, if it is right")
        answer.read = partial(read_answer, answer)  # type: ignore[method-assign]  # botocore reads by it
        return answer


async def read_answer(answer: ClientResponse) -> bytes:
    """Return what an answer says. Raises Unavailable if it is longer than any that AWS gives."""
    pieces, left = [], MAX_ANSWER
    async with answer:
        async for piece in answer.content.iter_any():
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                answer.close()
                raise Unavailable(f"the endpoint's answer is over {MAX_ANSWER} bytes, so AWS did not send it")
    return b"".join(pieces)
