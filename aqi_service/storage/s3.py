"""The Archive over S3: snapshots by multipart upload, complete or absent.

One rule: whoever leaves an upload without completing it leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from aqi_service.core.names import parse_name
from aqi_service.errors import AqiError, ArchiveFailed, ConfigError, MissingResource, Unavailable
from aqi_service.storage import SNAPSHOT_PREFIX, SnapshotInfo
from aqi_service.storage.aws import error_code, translate, translated

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

PART_SIZE = 5 * 1024 * 1024
"""Bytes of a part: the least that S3 takes for all but the last; 10,000 parts are 48 GiB."""

PARTS_IN_FLIGHT = 3
"""Parts on their way at once; with the one being filled they are the upload's memory."""

READ_SIZE = 64 * 1024
ABORT_SECONDS = 4.0
LICENCE = "Sensor.Community, ODbL 1.0, contents DbCL 1.0"

_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed", "NoSuchUpload", "404"})
_FORBIDDEN = (
    "access is denied: bucket names are global, so it may be another account's; name your own with --bucket, "
    "or give these credentials the permission"
)


class S3Archive:
    """Snapshots and documents in one bucket; `owner` is the account that must own it."""

    def __init__(self, client: "S3Client", bucket: str, owner: str | None = None) -> None:
        self._client: Any = client
        self._bucket = bucket
        self._place = {"Bucket": bucket} | ({"ExpectedBucketOwner": owner} if owner else {})

    async def check(self) -> None:
        """Ask for the bucket; HEAD gives no reason with a refusal, so the sentence names the likely ones."""
        try:
            with translated(self._what()):
                await self._client.head_bucket(**self._place)
        except Unavailable as error:
            code = error_code(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
            if code == "404":
                raise MissingResource(
                    f"{self._what()}: there is no such bucket: --create makes it, --bucket names another"
                ) from error
            if code == "403":
                raise ConfigError(f"{self._what()}: {_FORBIDDEN}") from error
            raise

    async def names(self) -> Sequence[str]:
        """List the snapshots of the bucket (a page is 1,000 keys)."""
        found = []
        pages = self._client.get_paginator("list_objects_v2")
        with translated(self._what()):
            async for page in pages.paginate(**self._place, Prefix=SNAPSHOT_PREFIX, Delimiter="/"):
                found += [name[0] for entry in page.get("Contents", []) if (name := parse_name(entry["Key"]))]
        return found

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator["S3Upload"]:
        """Begin a multipart upload; it is aborted unless the block completes it."""
        with translated(self._what()):
            begun = await self._client.create_multipart_upload(
                **self._place,
                Key=name,
                ContentType="application/json",
                Metadata=_metadata(info),
                ChecksumAlgorithm="CRC32",
            )
        upload = S3Upload(self._client, self._place | {"Key": name}, begun["UploadId"], info.load_id)
        try:
            yield upload
        finally:
            await upload.close()

    async def info(self, name: str) -> SnapshotInfo | None:
        """Read a snapshot's metadata."""
        return await _info(self._client, self._place | {"Key": name}, self._what())

    async def read(self, name: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Read a snapshot by one ranged GET."""
        place = self._place | {"Key": name}
        with translated(self._what()):
            answer = await self._client.get_object(**place, Range=f"bytes={offset}-")
            body = answer["Body"]
            async with body:
                while chunk := await body.read(READ_SIZE):
                    yield chunk

    async def put(self, key: str, body: bytes) -> None:
        """Write a document."""
        kind = "application/x-ndjson" if key.endswith(".ndjson") else "application/json"
        with translated(self._what()):
            await self._client.put_object(**self._place, Key=key, Body=body, ContentType=kind)

    async def get(self, key: str) -> bytes | None:
        """Read a document."""
        try:
            with translated(self._what()):
                answer = await self._client.get_object(**self._place, Key=key)
                async with answer["Body"] as body:
                    return bytes(await body.read())
        except Unavailable as error:
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _NOT_THERE:
                return None
            raise

    async def close(self) -> None:
        """Return at once: whoever opened the client closes it."""

    def _what(self) -> str:
        return f"bucket {self._bucket}"


class S3Upload:
    """One multipart upload: parts of PART_SIZE, at most PARTS_IN_FLIGHT on their way."""

    def __init__(self, client: Any, place: dict[str, str], upload_id: str, load_id: str) -> None:
        self._client = client
        self._place = place
        self._id = {"UploadId": upload_id}
        self._load_id = load_id
        self._what = f"bucket {place['Bucket']}"
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
        parts = [await task for task in self._parts]
        try:
            answer = await self._client.complete_multipart_upload(
                **self._place, **self._id, IfNoneMatch="*", MultipartUpload={"Parts": parts}
            )
        except ClientError as error:
            if error_code(error) not in _TAKEN or not await self._is_ours():
                raise _failed(translate(error, self._what)) from error
        else:
            if not answer.get("ETag") and not await self._is_ours():
                raise ArchiveFailed(f"{self._what}: S3 confirmed an upload without doing it")
        self._done = True

    async def close(self) -> None:
        """Abort the upload unless it was completed; a failure to do so leaves it to the sweep."""
        if self._done:
            return
        for task in self._parts:
            task.cancel()
        await asyncio.gather(*self._parts, return_exceptions=True)
        with suppress(ClientError, OSError, TimeoutError, AqiError):
            async with asyncio.timeout(ABORT_SECONDS):
                with translated(self._what):
                    await self._client.abort_multipart_upload(**self._place, **self._id)

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
            with translated(self._what):
                answer = await self._client.upload_part(
                    **self._place, **self._id, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32"
                )
        except AqiError as error:
            raise _failed(error) from error
        finally:
            self._slots.release()
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        return part | {k: answer[k] for k in ("ChecksumCRC32",) if k in answer}

    async def _is_ours(self) -> bool:
        """Tell whether the object under the name is this load's: then an answer was lost, not the work."""
        info = await _info(self._client, self._place, self._what)
        return info is not None and info.load_id == self._load_id


def _failed(error: AqiError) -> AqiError:
    """Return what a failing bucket means for the load: a refusal stays one, all else is ArchiveFailed."""
    return error if isinstance(error, ConfigError) else ArchiveFailed(str(error))


async def _info(client: Any, place: dict[str, str], what: str) -> SnapshotInfo | None:
    try:
        with translated(what):
            answer = await client.head_object(**place)
    except Unavailable as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _NOT_THERE:
            return None
        raise
    kept = {name: unquote(value) for name, value in answer["Metadata"].items()}
    return SnapshotInfo(
        source=kept.get("source", ""),
        load_id=kept.get("load-id", ""),
        etag=kept.get("etag", ""),
        last_modified=kept.get("last-modified", ""),
    )


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
