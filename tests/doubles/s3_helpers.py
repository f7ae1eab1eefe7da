"""Uploads in S3 as other loads leave them, and lists of them as S3 words them.

One rule: what is left here is left past the archive, as by another process; how old it is, the list says.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

from aiohttp import web

from tests.doubles.aws_answers import Answer, Forward, Reply, Request
from tests.doubles.aws_world import World
from tests.doubles.snapshot_name import AT, NAME

NOW = float(AT)


class Open(NamedTuple):
    """An upload that is under way; `begun` in epoch seconds."""

    key: str
    upload_id: str
    begun: float


def date_of(seconds: float) -> str:
    """Give a Date header."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


async def begin(world: World, key: str = NAME, begun: float = 0.0) -> Open:
    """Leave an upload open."""
    answer = await world.s3.create_multipart_upload(Bucket=world.bucket, Key=key)
    return Open(key, answer["UploadId"], begun)


def page(uploads: Sequence[Open], date: str, more: Open | None = None) -> web.Response:
    """Give a page of the list of uploads as S3 words it; `more` is the mark of the next."""
    marks = f"<NextKeyMarker>{more.key}</NextKeyMarker>" if more else ""
    marks += f"<NextUploadIdMarker>{more.upload_id}</NextUploadIdMarker>" if more else ""
    text = "".join(
        f"<Upload><Key>{key}</Key><UploadId>{upload_id}</UploadId>"
        f"<Initiated>{datetime.fromtimestamp(begun, UTC):%Y-%m-%dT%H:%M:%S.000Z}</Initiated></Upload>"
        for key, upload_id, begun in uploads
    )
    return web.Response(
        text=f"<?xml version='1.0'?>\n<ListMultipartUploadsResult><IsTruncated>{str(bool(more)).lower()}"
        f"</IsTruncated>{marks}{text}</ListMultipartUploadsResult>",
        content_type="application/xml",
        headers={"Date": date},
    )


def listed(*uploads: Open, date: str) -> Answer:
    """List these uploads."""

    async def answer(_request: Request, _forward: Forward) -> Reply:
        return page(uploads, date)

    return answer


async def killed_while_uploading(bucket: str, environment: dict[str, str]) -> None:
    """Run a process that begins an upload of NAME, and kill it."""
    program = (
        "import asyncio; from aqi_service.storage.ports import SnapshotInfo;"
        "from aqi_service.storage.aws.clients import open_clients;"
        "from aqi_service.storage.aws.s3_archive import S3Archive\n"
        "async def main():\n"
        "    async with open_clients() as clients:\n"
        f"        archive = S3Archive(clients.s3, {bucket!r})\n"
        f"        async with archive.upload({NAME!r}, SnapshotInfo('a', 'load-1')):\n"
        "            print('begun', flush=True)\n"
        "            await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"begun\n"
    finally:
        process.kill()
        await process.wait()
