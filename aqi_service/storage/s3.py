"""The Archive over S3: snapshots by multipart upload, complete or absent.

One rule: whoever leaves an upload without completing it leaves nothing behind.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from aqi_service.core.names import parse_name
from aqi_service.errors import AccessDenied, ArchiveFailed, Unavailable
from aqi_service.storage import SNAPSHOT_PREFIX, SnapshotInfo
from aqi_service.storage.aws_errors import error_code, lacks
from aqi_service.storage.retry import Sleep
from aqi_service.storage.s3_bucket import NOT_THERE, TAKEN, Bucket
from aqi_service.storage.s3_holders import Hold, sweep
from aqi_service.storage.s3_objects import read_object
from aqi_service.storage.s3_upload import S3Upload

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

_FORBIDDEN = (
    "access is denied: bucket names are global, so it may be another account's; name your own with --bucket, "
    "or give these credentials the permission"
)


class S3Archive:
    """Snapshots and documents in one bucket; `owner` is the account that must own it.

    `now` gives epoch seconds, for the holders of uploads.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        owner: str | None = None,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bucket = Bucket(client, bucket, owner, sleep)
        self._now = now

    async def check(self) -> None:
        """Ask for a name in the bucket: unlike HEAD, a list says why it is refused."""
        try:
            await self._bucket.call("list_objects_v2", Prefix=SNAPSHOT_PREFIX, MaxKeys=1)
        except AccessDenied as error:
            if error_code(error) != "AccessDenied":
                raise
            raise AccessDenied(f"{self._bucket.what}: {_FORBIDDEN}{lacks(error)}") from error

    async def names(self) -> Sequence[str]:
        """List the snapshots of the bucket; keys that only resemble theirs (`.json.gz`) are passed over."""
        pages = self._bucket.pages("list_objects_v2", Prefix=SNAPSHOT_PREFIX, Delimiter="/")
        keys = [entry["Key"] async for page in pages for entry in page.get("Contents", [])]
        return [key for key in keys if (name := parse_name(key)) and name[0] == key]

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[S3Upload]:
        """Begin a multipart upload under a hold; it is aborted unless the block completes it."""
        hold = Hold(self._bucket, name, info.load_id, self._now())
        upload = S3Upload(self._bucket, name, info)
        try:
            await hold.take()
            try:
                await upload.begin()
                yield upload
            finally:
                await upload.close()
        finally:
            await hold.release(strays=upload.may_have_strays)

    async def sweep(self) -> int:
        """Abort the uploads of dead loads; return how many."""
        return await sweep(self._bucket, self._now())

    async def info(self, name: str) -> SnapshotInfo | None:
        """Read a snapshot's metadata."""
        return await self._bucket.head(name)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Read a snapshot by ranged GETs. Raises ArchiveFailed without it, or if it changes meanwhile."""
        try:
            async with aclosing(read_object(self._bucket, name, offset)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Unavailable as error:
            if error_code(error) in NOT_THERE:
                raise ArchiveFailed(f"{self._bucket.what}: there is no snapshot {name}") from error
            if error_code(error) in TAKEN:
                raise ArchiveFailed(f"{self._bucket.what}: {name} was replaced while it was read") from error
            raise

    async def put(self, key: str, body: bytes) -> None:
        """Write a document."""
        await self._bucket.put(key, body)

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        """Change a document by a conditional write."""
        await self._bucket.change(key, lambda there: new(there.body if there else None))

    async def get(self, key: str) -> bytes | None:
        """Read a document."""
        document = await self._bucket.document(key)
        return None if document is None else document.body

    async def close(self) -> None:
        """Return at once: whoever opened the client closes it."""
