"""Exported files as objects of any bucket, each complete or absent.

One rule: an object replaces an older one of its key, so a snapshot can be exported again. A file of at most
PART_SIZE goes out in one request, so a process that is killed meanwhile leaves no upload.
"""

import asyncio
import os
import uuid
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from aqi_service.errors import AccessDenied, ArchiveFailed, ExportFailed, MissingResource, Unavailable
from aqi_service.storage.aws.refusals import denied
from aqi_service.storage.aws.retry import Sleep
from aqi_service.storage.aws.s3_bucket import Bucket, metadata
from aqi_service.storage.aws.s3_upload import PART_SIZE, S3Upload
from aqi_service.storage.exports import RunOnThread
from aqi_service.storage.ports import SnapshotInfo

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

MOST_IN_MEMORY = 32 * 1024 * 1024
"""Most bytes of a file that wait in memory until it is whole, over ten times as many as the feed needs;
larger files are temporary files on disk."""

_DENIED = "access is denied: it is another account's, or these credentials lack s3:PutObject there"


_CONTENT_TYPE = "application/vnd.apache.parquet"


class _Replacement(S3Upload):
    """An upload without a condition."""

    content_type = _CONTENT_TYPE

    async def _complete(self, parts: list[dict[str, Any]]) -> None:
        await self._ask(parts)

    async def _decide(self, error: Unavailable) -> None:
        if await self._owner() != self._info.load_id:
            raise ArchiveFailed(str(error)) from error


class S3Target:
    """The keys of a bucket that begin with a prefix."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, sleep: Sleep = asyncio.sleep) -> None:
        self._bucket, self._prefix = Bucket(client, bucket, sleep=sleep), prefix
        self.what = f"s3://{bucket}/{prefix}"

    def begin(self) -> None:
        """Return immediately: the first snapshot shows whether the bucket takes it."""

    def draft(self, held: ExitStack) -> BinaryIO:
        """Make a file in memory, or in a temporary one if it is large."""
        return cast("BinaryIO", held.enter_context(SpooledTemporaryFile(MOST_IN_MEMORY)))

    async def publish(self, file: BinaryIO, name: str, run: RunOnThread) -> None:
        """Send the file. Raises ConfigError if waiting cannot mend the fault, else ExportFailed."""
        info = SnapshotInfo(source="--export", load_id=uuid.uuid4().hex)
        size = await run(lambda: file.seek(0, os.SEEK_END))
        send = self._put if size <= PART_SIZE else self._upload
        try:
            await run(lambda: file.seek(0))
            await send(file, self._prefix + name, info, run)
        except AccessDenied as error:
            raise AccessDenied(f"{self.what}: {denied(error, _DENIED)}") from error
        except MissingResource as error:
            raise MissingResource(f"{self.what}: there is no such bucket") from error
        except (ArchiveFailed, Unavailable) as error:
            raise ExportFailed(f"The export cannot be written to {self.what}: {error}") from error

    async def _put(self, file: BinaryIO, key: str, info: SnapshotInfo, run: RunOnThread) -> None:
        body = await run(file.read)
        await self._bucket.put(key, body, ContentType=_CONTENT_TYPE, Metadata=metadata(info))

    async def _upload(self, file: BinaryIO, key: str, info: SnapshotInfo, run: RunOnThread) -> None:
        upload = _Replacement(self._bucket, key, info)
        try:
            await upload.begin()
            while piece := await run(lambda: file.read(PART_SIZE)):
                await upload.write(piece)
            await upload.complete()
        finally:
            await upload.close()
