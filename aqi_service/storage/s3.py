"""The Archive over S3: snapshots by multipart upload, complete or absent.

One rule: whoever leaves an upload without completing it leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from aqi_service.core.names import parse_name
from aqi_service.errors import AccessDenied, AqiError, ArchiveFailed, ConfigError, Unavailable
from aqi_service.storage import SNAPSHOT_PREFIX, SnapshotInfo
from aqi_service.storage.aws import error_code, translated
from aqi_service.storage.retry import CALL, Sleep, Tries, call

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

PART_SIZE = 5 * 1024 * 1024
"""Bytes of a part: the least that S3 takes for all but the last; 10,000 parts are 48 GiB."""

PARTS_IN_FLIGHT = 3
"""Parts on their way at once; with the one being filled they are the upload's memory."""

READ_SIZE = 64 * 1024
ABORT_SECONDS = 4.0
SLOW = Tries(seconds=300.0)
"""For what may take long: to send a part or a document, and to complete an upload."""

LICENCE = "Sensor.Community, ODbL 1.0, contents DbCL 1.0"

_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed"})
_CONFLICT = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})
_FORBIDDEN = (
    "access is denied: bucket names are global, so it may be another account's; name your own with --bucket, "
    "or give these credentials the permission"
)


class Bucket:
    """One bucket: each call names it and its owner, is repeated while that may help, and fails as ours."""

    def __init__(self, client: "S3Client", name: str, owner: str | None, sleep: Sleep) -> None:
        self._client: Any = client
        self._place = {"Bucket": name} | ({"ExpectedBucketOwner": owner} if owner else {})
        self._sleep = sleep
        self.what = f"bucket {name}"

    async def call(self, operation: str, tries: Tries = CALL, **parameters: Any) -> Any:
        """Call an operation of the client and return its answer."""
        method = getattr(self._client, operation)
        return await call(self.what, lambda: method(**self._place, **parameters), self._sleep, tries)

    async def document(self, key: str) -> bytes | None:
        """Read a whole object, or None if there is none."""

        async def read() -> bytes:
            body = (await self._client.get_object(**self._place, Key=key))["Body"]
            async with body:
                return bytes(await body.read())

        try:
            return await call(self.what, read, self._sleep)
        except Unavailable as error:
            if error_code(error) in _NOT_THERE:
                return None
            raise

    async def head(self, name: str) -> SnapshotInfo | None:
        """Read the metadata of an object, or None if there is none."""
        try:
            answer = await self.call("head_object", Key=name)
        except Unavailable as error:
            if error_code(error) in _NOT_THERE:
                return None
            raise
        kept = {key: unquote(value) for key, value in answer["Metadata"].items()}
        return SnapshotInfo(
            source=kept.get("source", ""),
            load_id=kept.get("load-id", ""),
            etag=kept.get("etag", ""),
            last_modified=kept.get("last-modified", ""),
        )


class S3Archive:
    """Snapshots and documents in one bucket; `owner` is the account that must own it."""

    def __init__(
        self, client: "S3Client", bucket: str, owner: str | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._bucket = Bucket(client, bucket, owner, sleep)

    async def check(self) -> None:
        """Ask for a name in the bucket: unlike HEAD, a list says why it is refused."""
        try:
            await self._bucket.call("list_objects_v2", Prefix=SNAPSHOT_PREFIX, MaxKeys=1)
        except AccessDenied as error:
            if error_code(error) != "AccessDenied":
                raise
            raise AccessDenied(f"{self._bucket.what}: {_FORBIDDEN}") from error

    async def names(self) -> Sequence[str]:
        """List the snapshots of the bucket (a page is 1,000 keys)."""
        found: list[str] = []
        more: dict[str, Any] = {}
        while True:
            page = await self._bucket.call("list_objects_v2", Prefix=SNAPSHOT_PREFIX, Delimiter="/", **more)
            found += [name[0] for entry in page.get("Contents", []) if (name := parse_name(entry["Key"]))]
            if not page.get("NextContinuationToken"):
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator["S3Upload"]:
        """Begin a multipart upload; it is aborted unless the block completes it."""
        begun = await self._bucket.call(
            "create_multipart_upload",
            Key=name,
            ContentType="application/json",
            Metadata=_metadata(info),
            ChecksumAlgorithm="CRC32",
        )
        if not begun.get("UploadId"):
            raise ArchiveFailed(f"{self._bucket.what}: S3 began an upload without naming it")
        upload = S3Upload(self._bucket, name, begun["UploadId"], info.load_id)
        try:
            yield upload
        finally:
            await upload.close()

    async def info(self, name: str) -> SnapshotInfo | None:
        """Read a snapshot's metadata."""
        return await self._bucket.head(name)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Read a snapshot by one ranged GET. Raises ArchiveFailed if there is no such snapshot."""
        try:
            answer = await self._bucket.call("get_object", Key=name, Range=f"bytes={offset}-")
        except Unavailable as error:
            if error_code(error) == "InvalidRange":  # nothing lies behind the offset
                return
            if error_code(error) in _NOT_THERE:
                raise ArchiveFailed(f"{self._bucket.what}: there is no snapshot {name}") from error
            raise
        body = answer["Body"]
        with translated(self._bucket.what):
            async with body:
                while chunk := await body.read(READ_SIZE):
                    yield chunk

    async def put(self, key: str, body: bytes) -> None:
        """Write a document."""
        kind = "application/x-ndjson" if key.endswith(".ndjson") else "application/json"
        await self._bucket.call("put_object", SLOW, Key=key, Body=body, ContentType=kind)

    async def get(self, key: str) -> bytes | None:
        """Read a document."""
        return await self._bucket.document(key)

    async def close(self) -> None:
        """Return at once: whoever opened the client closes it."""


class S3Upload:
    """One multipart upload: parts of PART_SIZE, at most PARTS_IN_FLIGHT on their way."""

    def __init__(self, bucket: Bucket, name: str, upload_id: str, load_id: str) -> None:
        self._bucket = bucket
        self._name = name
        self._id: dict[str, Any] = {"Key": name, "UploadId": upload_id}
        self._load_id = load_id
        self._buffer = bytearray()
        self._slots = asyncio.Semaphore(PARTS_IN_FLIGHT)
        self._parts: list[asyncio.Task[dict[str, Any]]] = []
        self._done = False

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; wait while PARTS_IN_FLIGHT parts are on their way."""
        self._buffer += chunk
        while len(self._buffer) >= PART_SIZE:
            await self._send(PART_SIZE)

    async def complete(self) -> None:
        """Send the last part and make the object appear, unless another load's stands there."""
        if self._buffer or not self._parts:
            await self._send(len(self._buffer))
        parts = {"Parts": [await task for task in self._parts]}
        try:
            answer = await self._bucket.call(
                "complete_multipart_upload", SLOW, **self._id, IfNoneMatch="*", MultipartUpload=parts
            )
        except Unavailable as error:
            if error_code(error) in _CONFLICT or not await self._is_ours():
                raise self._not_completed(error) from error
        else:
            if not answer.get("ETag") and not await self._is_ours():
                raise ArchiveFailed(f"{self._bucket.what}: S3 confirmed an upload without doing it")
        self._done = True

    async def close(self) -> None:
        """Abort the upload unless it was completed; a failure to do so leaves it to the sweep."""
        if self._done:
            return
        for task in self._parts:
            task.cancel()
        await asyncio.gather(*self._parts, return_exceptions=True)
        with suppress(AqiError, TimeoutError):
            async with asyncio.timeout(ABORT_SECONDS):
                await self._bucket.call("abort_multipart_upload", **self._id)

    async def _send(self, size: int) -> None:
        """Start the next part; raise what an earlier one failed with."""
        await self._slots.acquire()
        for task in self._parts:
            if task.done():
                task.result()
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._parts.append(asyncio.create_task(self._part(len(self._parts) + 1, body)))

    async def _part(self, number: int, body: bytes) -> dict[str, Any]:
        try:
            answer = await self._bucket.call(
                "upload_part",
                SLOW,
                **self._id,
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm="CRC32",
            )
        except Unavailable as error:
            raise ArchiveFailed(str(error)) from error
        finally:
            self._slots.release()
        if not answer.get("ETag"):
            raise ArchiveFailed(f"{self._bucket.what}: S3 confirmed a part without its ETag")
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        return part | {k: answer[k] for k in ("ChecksumCRC32",) if k in answer}

    def _not_completed(self, error: Unavailable) -> ArchiveFailed:
        if error_code(error) in _TAKEN:
            return ArchiveFailed(f"{self._bucket.what}: another load's snapshot has the name {self._name}")
        return ArchiveFailed(str(error))

    async def _is_ours(self) -> bool:
        """Tell whether the object under the name is this load's: then an answer was lost, not the work."""
        try:
            info = await self._bucket.head(self._name)
        except (ConfigError, Unavailable):
            return False
        return info is not None and info.load_id == self._load_id


def _metadata(info: SnapshotInfo) -> dict[str, str]:
    """Return the object's metadata; percent-encoded, because S3 takes ASCII only."""
    kept = {
        "source": info.source,
        "load-id": info.load_id,
        "etag": info.etag,
        "last-modified": info.last_modified,
        "licence": LICENCE,
    }
    return {
        name: quote(value, safe=" !#$&'()*+,/:;=?@[]\"-._~")[:500] for name, value in kept.items() if value
    }
