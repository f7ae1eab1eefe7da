"""An S3 and a DynamoDB that take everything and keep little: `python -m trials.host.discarding`.

One rule: it answers as an empty bucket and an empty table would, so that a load does all of its work.
Snapshots are on the disk, for a load that reads the rest out of the archive because the table was slow, and
for the memory of lookups, to which leads what a load writes beside them.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web

from aqi_service.storage.aws.s3_upload import PART_SIZE

TAG = '"0123456789abcdef0123456789abcdef"'
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


async def s3(request: web.Request, kept: Path, documents: dict[str, bytes]) -> web.StreamResponse:
    """Answer a call of S3; of what is sent it keeps the parts of an upload, as one file, and documents."""
    _, _, key = request.path.strip("/").partition("/")
    if request.method in ("GET", "HEAD"):
        return _read(request, key, kept, documents)
    if request.method == "POST":
        kind = "Initiate" if "uploads" in request.query else "Complete"
        text = f"<UploadId>1</UploadId><ETag>{TAG}</ETag>"
        return web.Response(text=f"{XML}<{kind}MultipartUploadResult>{text}</{kind}MultipartUploadResult>")
    if "partNumber" in request.query:
        await _keep(request, kept / key)
    elif request.method == "PUT":
        documents[key] = await request.read()
    return web.Response(status=204 if request.method == "DELETE" else 200, headers={"ETag": TAG})


def _read(request: web.Request, key: str, kept: Path, documents: Mapping[str, bytes]) -> web.StreamResponse:
    for name, result in LISTS.items():
        if name in request.query:
            return web.Response(text=f"{XML}<{result}><IsTruncated>false</IsTruncated></{result}>")
    if key.startswith("data_") and request.method == "GET":
        return web.FileResponse(kept / key, headers={"ETag": TAG})
    if key in documents:
        return web.Response(body=documents[key], headers={"ETag": TAG})
    missing = web.Response(status=404, text=f"{XML}<Error><Code>NoSuchKey</Code></Error>")
    return missing if key else web.Response(headers={"ETag": TAG})


async def _keep(request: web.Request, file: Path) -> None:
    body = await request.read()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, body, (int(request.query["partNumber"]) - 1) * PART_SIZE)
    finally:
        os.close(descriptor)


def application(kept: Path) -> web.Application:
    """Make the server; `kept` is the folder of the snapshots."""
    documents: dict[str, bytes] = {}

    async def any_call(request: web.Request) -> web.StreamResponse:
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not target:
            return await s3(request, kept, documents)
        body = json.dumps(dynamodb(target, json.loads(await request.read()))).encode()
        return web.Response(body=body, content_type="application/x-amz-json-1.0")

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{place:.*}", any_call)
    return app


async def main() -> None:
    """Serve until killed."""
    with TemporaryDirectory() as kept:
        await _serve(Path(kept))


async def _serve(kept: Path) -> None:
    runner = web.AppRunner(application(kept), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("port", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
