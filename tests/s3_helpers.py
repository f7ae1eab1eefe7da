"""Uploads in S3 as live, dead and far away loads leave them.

One rule: what is left here is left past the archive, as by another process.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from aiohttp import web

from aqi_service.core.names import holder_key
from aqi_service.storage import SnapshotInfo
from aqi_service.storage.holder import holder_name
from aqi_service.storage.s3 import S3Archive
from aqi_service.storage.s3_holders import Holder, encode
from tests.aws_world import World

NAME = "data_20_12_23_18_55.json"
SECOND = "data_20_12_23_18_55-2.json"
KEY = f"uploads/{NAME}"
NOW = 1_703_098_500
STARTED = "2023-12-20T18:55:00Z"
ABROAD = "/".join(["elsewhere", *holder_name().split("/")[1:]])
TELL = "from aqi_service.storage.holder import holder_name; print(holder_name())"


@cache
def dead() -> str:
    """Give the name of a process of this machine that has ended."""
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def archive(world: World, now: float = NOW) -> S3Archive:
    return S3Archive(world.s3, world.bucket, sleep=world.waits, now=lambda: now)


async def begin(world: World, name: str = NAME, holder: str | None = None, started: float = NOW) -> None:
    """Leave an upload open, with the document of this holder if one is given."""
    if holder is not None:
        await hold(world, name, holder, started)
    await world.s3.create_multipart_upload(Bucket=world.bucket, Key=name)


async def hold(world: World, name: str, holder: str, started: float = NOW) -> None:
    body = encode(Holder(holder, "load-x", started))
    await world.s3.put_object(Bucket=world.bucket, Key=holder_key(name), Body=body)


async def begun_id(world: World, name: str) -> str:
    answer = await world.s3.create_multipart_upload(Bucket=world.bucket, Key=name)
    return str(answer["UploadId"])


def page(key: str, upload_id: str, *, truncated: bool) -> web.Response:
    """Give a page of the list of uploads, of one entry, as S3 words it."""
    text = (
        "<?xml version='1.0'?>\n<ListMultipartUploadsResult>"
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
        f"<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{upload_id}</NextUploadIdMarker>"
        f"<Upload><Key>{key}</Key><UploadId>{upload_id}</UploadId></Upload></ListMultipartUploadsResult>"
    )
    return web.Response(text=text, content_type="application/xml")


async def keep(world: World) -> None:
    async with archive(world).upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
        await upload.write(b"[]")
        await upload.complete()


@contextmanager
def uploading(world: World, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has begun an upload of NAME and goes on until it is killed."""
    program = (
        "import asyncio, sys; from aqi_service.storage import SnapshotInfo;"
        "from aqi_service.storage.aws import open_clients; from aqi_service.storage.s3 import S3Archive\n"
        "async def main():\n"
        "    async with open_clients() as clients:\n"
        f"        archive = S3Archive(clients.s3, {world.bucket!r})\n"
        f"        async with archive.upload({NAME!r}, SnapshotInfo('a', 'load-1')):\n"
        "            print('begun', flush=True)\n"
        "            await asyncio.to_thread(sys.stdin.read)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        yield process
        process.kill()
