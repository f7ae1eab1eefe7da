"""The HTTP connections of one AWS client: botocore makes them with its own settings; they send.

One rule: no redirect to another endpoint is followed, and every answer that is read as a whole (all but an
object's bytes) has a size limit.
"""

from functools import partial
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientError, ClientResponse

from aqi_service.errors import Unavailable

MAX_ANSWER = 64 * 1024 * 1024
"""Most bytes of an answer. The longest are DynamoDB's, with 16 MB of items; JSON adds the attributes'
types."""

MAX_HEADER = 64 * 1024
"""Most bytes of one header, as for a feed: a store may stand behind the same proxies."""


REDIRECTS = frozenset({301, 302, 303, 307, 308})
REGION = "x-amz-bucket-region"
"""The header of S3's own redirects, to which botocore knows the answer."""


class HttpPool:
    """Stands for the class of the HTTP session in a client's settings; it keeps the session that is made.

    Attributes:
        session: the session, with the client's proxies, certificates, time-outs and number of connections.
    """

    session: AIOHTTPSession

    def __call__(self, **settings: Any) -> AIOHTTPSession:
        """Make the session when botocore asks for it."""
        self.session = _Session(**settings)
        return self.session


class _Session(AIOHTTPSession):
    async def _get_session(self, proxy_url: str | None) -> Any:
        return _OneWay(await super()._get_session(proxy_url))  # type: ignore[misc]  # no public way leads there


class _OneWay:
    """The part of aiohttp's session that sends a request."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **how: Any) -> ClientResponse:
        """Send one request and return the answer; its body must still be read."""
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
    """Return an answer's body. Raises Unavailable if it is longer than any of AWS's."""
    pieces, left = [], MAX_ANSWER
    async with answer:
        async for piece in answer.content.iter_any():
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                answer.close()
                raise Unavailable(f"the endpoint's answer is over {MAX_ANSWER} bytes, so AWS did not send it")
    return b"".join(pieces)
