"""Batch requests whose JSON is made here: what is sent and signed, and what is read back."""

from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aqi_service import __version__
from aqi_service.core.items import Item
from aqi_service.errors import Unavailable
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.dynamodb_attributes import put_request, to_attributes
from aqi_service.storage.aws.dynamodb_batches import answer_of
from tests.doubles.storage_items import FULL

PUTS = [{"PutRequest": {"Item": to_attributes(FULL._replace(sensor_type='a"\\\n\u20ac'), "S")}}]
KEYS = {"Keys": [{"id": {"S": "1"}}], "ConsistentRead": True}


class Peer:
    """An endpoint that keeps what it was sent and answers what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, bytes]] = []
        self.status, self.answer = 200, b"{}"

    async def reply(self, request: web.Request) -> web.Response:
        self.seen.append((request.headers, await request.read()))
        return web.Response(status=self.status, body=self.answer)


@pytest.fixture
async def peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    found = Peer()
    application = web.Application()
    application.router.add_post("/", found.reply)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    async with TestServer(application) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", str(server.make_url("/")))
        yield found


async def sent_by_botocore(operation: str, asked: Any) -> None:
    async with aioboto3.Session(region_name="us-east-1").client("dynamodb") as client:
        await getattr(client, operation)(RequestItems={"t": asked})


async def sent_by_us(operation: str, asked: Any) -> Any:
    async with open_clients() as clients:
        return await getattr(clients.writes, operation)(RequestItems={"t": orjson.dumps(asked)})


@pytest.mark.parametrize(("operation", "asked"), [("batch_write_item", PUTS), ("batch_get_item", KEYS)])
async def test_what_is_sent_is_what_botocore_sends(peer: Peer, operation: str, asked: Any) -> None:
    await sent_by_botocore(operation, asked)
    await sent_by_us(operation, asked)
    (theirs, their_body), (ours, our_body) = peer.seen
    assert orjson.loads(our_body) == orjson.loads(their_body) == {"RequestItems": {"t": asked}}
    for name in ("Content-Type", "X-Amz-Target", "Host"):
        assert ours[name] == theirs[name]
    assert ours["Content-Length"] == str(len(our_body))
    assert ours["User-Agent"].startswith(f"aqi-service/{__version__}")


async def test_a_put_is_sent_as_botocore_sends_it(peer: Peer) -> None:
    asked: Any = {
        "Item": to_attributes(FULL, "S"),
        "ConditionExpression": "measured_at < :measured",
        "ExpressionAttributeValues": {":measured": {"N": "7"}},
    }
    async with aioboto3.Session(region_name="us-east-1").client("dynamodb") as client:
        await client.put_item(TableName="t", **asked)
    async with open_clients() as clients:
        await clients.writes.put_item(TableName="t", **asked)
    (theirs, their_body), (ours, our_body) = peer.seen
    assert orjson.loads(our_body) == orjson.loads(their_body) == {"TableName": "t", **asked}
    assert ours["X-Amz-Target"] == theirs["X-Amz-Target"]


async def test_the_signature_is_that_of_the_body_that_was_sent(peer: Peer) -> None:
    await sent_by_us("batch_write_item", PUTS)
    [(headers, body)] = peer.seen
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", f"http://{headers['Host']}/", {n: headers[n] for n in signed}, body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI"), "dynamodb", "us-east-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert headers["Authorization"].endswith(f"Signature={signature}")


async def test_the_answer_is_given_as_it_is(peer: Peer) -> None:
    peer.answer = b'{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"id":{"N":"7"}}}}]}}'
    assert answer_of(await sent_by_us("batch_write_item", PUTS)) == orjson.loads(peer.answer)


async def test_an_error_is_an_error_of_botocores(peer: Peer) -> None:
    peer.status = 400
    peer.answer = b'{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}'
    with pytest.raises(ClientError) as caught:
        await sent_by_us("batch_write_item", PUTS)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": "no"}


async def test_a_table_named_by_its_arn_is_asked_at_its_accounts_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def instead_of_sending(request: Any, **_: object) -> None:
        raise LookupError(request.url)

    async with open_clients() as clients:
        clients.writes.meta.events.register("before-sign.dynamodb.BatchWriteItem", instead_of_sending)
        asked: Any = {"arn:aws:dynamodb:us-east-1:123456789012:table/air": b"[]"}
        with pytest.raises(LookupError, match=r"^https://123456789012\.ddb\.us-east-1\.amazonaws\.com/$"):
            await clients.writes.batch_write_item(RequestItems=asked)


async def test_botocore_has_nothing_to_walk_through(peer: Peer) -> None:
    peer.answer = b'{"UnprocessedItems":{"t":[]}}'
    assert set(await sent_by_us("batch_write_item", PUTS)) == {"Answer", "ResponseMetadata"}


@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]"])
async def test_an_answer_of_something_else_does_not_count_as_done(peer: Peer, answer: bytes) -> None:
    peer.answer = answer
    with pytest.raises(Unavailable):
        answer_of(await sent_by_us("batch_write_item", PUTS))


@given(text=st.text().filter(lambda text: text.isprintable()), kind=st.sampled_from("SN"))
def test_a_put_is_the_items_attributes_in_json(text: str, kind: str) -> None:
    item = Item("7", sensor_type=text, pm25="0.9", measured_at=8)
    assert orjson.loads(put_request(item, kind)) == {"PutRequest": {"Item": to_attributes(item, kind)}}
