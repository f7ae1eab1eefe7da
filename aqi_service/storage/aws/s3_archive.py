"""The Archive over S3: snapshots by multipart upload, complete or absent.

One rule: an upload block that ends without `complete` leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from aqi_service.core.snapshot_names import parse_name
from aqi_service.core.times import DAY, http_time
from aqi_service.errors import AccessDenied, ArchiveFailed, InGlacier, Unavailable
from aqi_service.storage.aws.refusals import denied, error_code
from aqi_service.storage.aws.retry import Sleep
from aqi_service.storage.aws.s3_bucket import NOT_THERE, TAKEN, Bucket, in_glacier
from aqi_service.storage.aws.s3_objects import read_object
from aqi_service.storage.aws.s3_upload import S3Upload
from aqi_service.storage.ports import SNAPSHOT_PREFIX, SnapshotInfo

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

ABANDONED_SECONDS = DAY
"""At this age (seconds) of an upload under a snapshot's name its load counts as dead."""

_FORBIDDEN = (
    "access is denied: bucket names are global, so it may be another account's; name your own with --bucket, "
    "or give these credentials the permission"
)


class S3Archive:
    """Snapshots and documents in one bucket; `owner` is the account that must own it."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        owner: str | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._bucket = Bucket(client, bucket, owner, sleep)

    async def check(self) -> None:
        """List one name of the bucket: unlike HEAD, a list says why it is refused."""
        try:
            await self._bucket.call("list_objects_v2", Prefix=SNAPSHOT_PREFIX, MaxKeys=1)
        except AccessDenied as error:
            if error_code(error) != "AccessDenied":
                raise
            raise AccessDenied(f"{self._bucket.what}: {denied(error, _FORBIDDEN)}") from error

    async def names(self) -> Sequence[str]:
        """List the snapshots of the bucket; similar keys (`.json.gz`) are passed over."""
        pages = self._bucket.pages("list_objects_v2", Prefix=SNAPSHOT_PREFIX, Delimiter="/")
        keys = [entry["Key"] async for page in pages for entry in page.get("Contents", [])]
        return [key for key in keys if _is_snapshot(key)]

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[S3Upload]:
        """Begin a multipart upload; it is aborted unless the block completes it."""
        upload = S3Upload(self._bucket, name, info)
        try:
            await upload.begin()
            yield upload
        finally:
            await upload.close()

    async def sweep(self) -> int:
        """Abort the uploads under snapshots' names that began over ABANDONED_SECONDS ago; return how many.

        Only S3 tells the age: this machine's clock may be wrong, and the upload another's.
        """
        pages = self._bucket.pages("list_multipart_uploads", Prefix=SNAPSHOT_PREFIX)
        abandoned = [upload async for page in pages for upload in _abandoned(page)]
        return sum([await self._abort(*upload) for upload in abandoned])

    async def _abort(self, key: str, upload_id: str) -> bool:
        """Abort an upload; False if it had ended by itself."""
        try:
            await self._bucket.call("abort_multipart_upload", Key=key, UploadId=upload_id)
        except Unavailable as error:
            if error_code(error) == "NoSuchUpload":
                return False
            raise
        return True

    async def info(self, name: str) -> SnapshotInfo | None:
        """Read a snapshot's metadata."""
        return await self._bucket.head(name)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Read a snapshot by ranged GETs. Raises ArchiveFailed without it, or if it changes; InGlacier."""
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
        except InGlacier as error:
            raise in_glacier(self._bucket.what, name) from error

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
        """Return immediately: the code that opened the client closes it."""


def _abandoned(page: Any) -> list[tuple[str, str]]:
    """Return key and id of each abandoned upload of a page; none if S3 does not tell the time."""
    now = http_time(page["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
    if now is None:
        return []
    return [
        (each["Key"], each["UploadId"])
        for each in page.get("Uploads", [])
        if _is_snapshot(each["Key"]) and now - each["Initiated"].timestamp() > ABANDONED_SECONDS
    ]


def _is_snapshot(key: str) -> bool:
    name = parse_name(key)
    return name is not None and name[0] == key
