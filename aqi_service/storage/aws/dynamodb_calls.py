"""Calls of DynamoDB by a short way: botocore names, signs and reads each call, and its own pool sends it.

One rule: only documented events are used. `before-call` is answered here, with the objects that it gives, and
`before-parse` may keep an answer. So botocore's retries (it has one try) and its notes are left out.

An answer has a limited size, and is checked to be the one that was sent (`x-amz-crc32`).
"""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ChecksumError
from botocore.parsers import create_parser
from multidict import CIMultiDict
from yarl import URL

from aqi_service.errors import Unavailable
from aqi_service.storage.aws.http_pool import HttpPool, read_answer


class _Request(AWSRequest):
    """A request whose body is bytes: botocore's own prepares the body again at each look.

    Its headers are of aiohttp's kind: botocore's are those of an e-mail, and cost a thirtieth of a request.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params["method"], params["url"], data=params["body"])
        self.headers = CIMultiDict(params["headers"])  # type: ignore[assignment]  # the signer asks no more of it
        self.context = params["context"]
        self.stream_output = True  # the answer is read here
        self.headers["Host"] = str(URL(params["url"], encoded=True).host_port_subcomponent)

    @property
    def body(self) -> Any:
        """The signed and sent bytes."""
        return self.data


def shorten(client: Any, pool: HttpPool) -> None:
    """Make all requests of a client go the short way; `pool` sends them.

    No operation of its service may stream, or need a checksum. Other handlers of these events run first.
    """
    meta = client.meta
    parser: Any = create_parser(meta.service_model.resolved_protocol)

    async def answer(model: Any, params: Any, request_signer: Any, **_: object) -> tuple[Any, Any]:
        request: Any = _Request(params)
        await request_signer.sign(model.name, request)
        answered = await pool.session.send(request)
        body = await read_answer(answered.raw)
        _check(body, answered.headers.get("x-amz-crc32"))
        given = {
            "headers": answered.headers,
            "status_code": answered.status_code,
            "body": body,
            "context": {},
        }
        kept: dict[str, Any] = {}
        await meta.events.emit(
            f"before-parse.{model.service_model.service_id.hyphenize()}.{model.name}",
            operation_model=model,
            response_dict=given,
            customized_response_dict=kept,
        )
        if not kept and answered.status_code == HTTPStatus.OK:
            json_of(body)  # botocore takes what is none for an answer that says nothing: no such item
        return answered, kept or parser.parse(given, model.output_shape)

    meta.events.register_last("before-call", answer)


def json_of(body: object) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises Unavailable if it is none: nobody knows what was done."""
    if isinstance(body, bytes):
        with suppress(orjson.JSONDecodeError):
            body = orjson.loads(body)
    if not isinstance(body, dict):
        raise Unavailable(
            "the endpoint's answer is not DynamoDB's: check the endpoint, and what is on the way to it"
        )
    return body


def _check(body: bytes, wanted: str | None) -> None:
    if wanted is None:
        return
    found = str(zlib.crc32(body))
    if found != wanted.strip():
        raise ChecksumError(checksum_type="crc32", expected_checksum=wanted, actual_checksum=found)
