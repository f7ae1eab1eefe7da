"""An S3 and a DynamoDB that take everything and keep nothing: `python -m tests.host.discarding`.

One rule: it answers as an empty bucket and an empty table would, so that a load does all of its work.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

XML = '<?xml version="1.0" encoding="UTF-8"?>'
LISTS = {"uploads": "ListMultipartUploadsResult", "list-type": "ListBucketResult"}
TABLE = {
    "TableStatus": "ACTIVE",
    "TableId": "00000000-0000-0000-0000-000000000001",
    "CreationDateTime": 1.7e9,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ItemCount": 0,
}


def dynamodb(operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Answer a call of DynamoDB."""
    match operation:
        case "DescribeTable":
            return {"Table": TABLE | {"TableName": asked["TableName"]}}
        case "BatchGetItem":
            return {"Responses": {table: [] for table in asked["RequestItems"]}, "UnprocessedKeys": {}}
        case "BatchWriteItem":
            return {"UnprocessedItems": {}}
        case "DescribeTimeToLive":
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        case _:
            return {}


async def s3(request: web.Request) -> web.Response:
    """Answer a call of S3; what is sent is read and thrown away."""
    async for _ in request.content.iter_any():
        pass
    headers = {"ETag": '"0123456789abcdef0123456789abcdef"'}
    if request.method == "GET":
        for name, result in LISTS.items():
            if name in request.query:
                return web.Response(text=f"{XML}<{result}><IsTruncated>false</IsTruncated></{result}>")
    if request.method in ("GET", "HEAD") and request.path.strip("/").count("/"):
        return web.Response(status=404, text=f"{XML}<Error><Code>NoSuchKey</Code></Error>")
    if request.method == "POST":
        kind = (
            "InitiateMultipartUploadResult" if "uploads" in request.query else "CompleteMultipartUploadResult"
        )
        text = f"{XML}<{kind}><UploadId>1</UploadId><ETag>&quot;1&quot;</ETag></{kind}>"
        return web.Response(text=text, headers=headers)
    return web.Response(status=204 if request.method == "DELETE" else 200, headers=headers)


def application() -> web.Application:
    """Make the server."""

    async def any_call(request: web.Request) -> web.Response:
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not target:
            return await s3(request)
        body = json.dumps(dynamodb(target, json.loads(await request.read()))).encode()
        return web.Response(body=body, content_type="application/x-amz-json-1.0")

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{place:.*}", any_call)
    return app


async def main() -> None:
    """Serve until killed."""
    runner = web.AppRunner(application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("port", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
