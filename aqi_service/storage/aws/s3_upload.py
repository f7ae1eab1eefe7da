"""A snapshot on its way into S3: one multipart upload, complete or absent.

One rule: an upload block that ends without `complete` leaves nothing behind.
"""

import asyncio
from io import BytesIO
from typing import Any

from aqi_service.errors import ArchiveFailed, ConfigError, NameInUse, RequestRefused, Unavailable
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.refusals import error_code
from aqi_service.storage.aws.s3_bucket import CONFLICT, SLOW, TAKEN, Bucket, metadata
from aqi_service.storage.cleanup import cancel_after, run_despite_cancel, wait_result
from aqi_service.storage.ports import SnapshotInfo
from aqi_service.storage.turns import between_lookups

PART_SIZE = 5 * 1024 * 1024
"""Bytes of a part: the least that S3 takes, except for the last; 10,000 parts are 48 GiB."""

PARTS_IN_FLIGHT = 3
"""Parts under way at the same time; with the one being filled they are the upload's memory."""

ABORT_SECONDS = 3.0
CREATE_SECONDS = 1.5
"""The part of ABORT_SECONDS for a Create under way: it must first name the upload to abort."""


class S3Upload:
    """One multipart upload: parts of PART_SIZE, at most PARTS_IN_FLIGHT under way."""

    content_type = "application/json"

    def __init__(self, bucket: Bucket, name: str, info: SnapshotInfo) -> None:
        self._bucket = bucket
        self._name = name
        self._info = info
        self._creating: asyncio.Task[None] | None = None
        self._id: dict[str, Any] = {}
        self._buffer = BytesIO()
        self._slots = asyncio.Semaphore(PARTS_IN_FLIGHT)
        self._parts: list[asyncio.Task[dict[str, Any]]] = []
        self._done = False

    async def begin(self) -> None:
        """Create the upload; even if this is cancelled, `close` learns its name."""
        self._creating = asyncio.create_task(self._create())
        await wait_result(self._creating)

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; wait while PARTS_IN_FLIGHT parts are under way."""
        rest = memoryview(chunk)
        while len(rest) >= (room := PART_SIZE - self._buffer.tell()):
            self._buffer.write(rest[:room])
            rest = rest[room:]
            await self._send()
        self._buffer.write(rest)

    async def complete(self) -> None:
        """Send the last part and make the object appear.

        Raises NameInUse if there is another load's object, or S3 finds a conflict; ArchiveFailed if it fails,
        or if its result is not known.
        """
        if self._buffer.tell() or not self._parts:
            await self._send()
        parts = [await task for task in self._parts]
        try:
            await self._bucket.repeat(lambda: self._complete(parts), SLOW)
        except Unavailable as error:
            await self._decide(error)
        self._done = True

    async def close(self) -> None:
        """Abort the upload unless it was completed; a failure to do so leaves it to the sweep."""
        if not self._done:
            await run_despite_cancel(self._abort(), ABORT_SECONDS)

    async def _create(self) -> None:
        """Begin the upload.

        If the answer is lost, an empty upload stays for the sweep: it looks like another load's.
        """
        begun = await self._bucket.call(
            "create_multipart_upload",
            Key=self._name,
            ContentType=self.content_type,
            Metadata=metadata(self._info),
            ChecksumAlgorithm="CRC32",
        )
        if not begun.get("UploadId"):
            raise ArchiveFailed(f"{self._bucket.what}: S3 began an upload without naming it")
        self._id = {"Key": self._name, "UploadId": begun["UploadId"]}

    async def _send(self) -> None:
        """Start the next part with all waiting bytes; raise an earlier part's error.

        The bytes are not copied: that takes some 3 ms, for which lookups would wait.
        """
        await self._slots.acquire()
        for task in self._parts:
            if task.done():
                task.result()
        body, self._buffer = self._buffer.getvalue(), BytesIO()
        self._parts.append(asyncio.create_task(self._part(len(self._parts) + 1, body)))

    async def _part(self, number: int, body: bytes) -> dict[str, Any]:
        sent = {**self._id, "PartNumber": number, "Body": body, "ChecksumAlgorithm": "CRC32"}
        try:
            await between_lookups()  # without TLS a signature is made of all of it, in one step of 5 ms
            answer = await self._bucket.call("upload_part", SLOW, needs="ETag", **sent)
        except Unavailable as error:
            raise ArchiveFailed(str(error)) from error
        finally:
            self._slots.release()
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        return part | {k: answer[k] for k in ("ChecksumCRC32",) if k in answer}

    async def _complete(self, parts: list[dict[str, Any]]) -> None:
        """Complete once, under the condition that no object exists; if S3 knows no conditions, look first."""
        if self._bucket.takes_conditions:
            try:
                return await self._ask(parts, IfNoneMatch="*")
            except RequestRefused as error:
                refused = error
        else:
            refused = None
        if not await self._is_there():
            await self._ask(parts)
        if refused:
            self._bucket.goes_without_conditions(refused)
        return None

    async def _is_there(self) -> bool:
        """Tell whether an earlier try made the object; raises NameInUse if it is another's."""
        info = await self._bucket.head(self._name)
        if info is not None and info.load_id != self._info.load_id:
            raise self._taken(None)
        return info is not None

    async def _ask(self, parts: list[dict[str, Any]], **condition: str) -> None:
        try:
            with translated(self._bucket.what):
                answer = await self._bucket.once(
                    "complete_multipart_upload", **self._id, **condition, MultipartUpload={"Parts": parts}
                )
        except Unavailable as error:
            # S3 has ended the upload with it: to repeat would only be told that there is none.
            if error_code(error) in CONFLICT:
                raise self._taken(error) from error
            raise
        # botocore calls a 200 that confirms nothing a success.
        if not answer.get("ETag") and await self._owner() != self._info.load_id:
            raise Unavailable(f"{self._bucket.what}: S3 confirmed an upload without doing it")

    async def _decide(self, error: Unavailable) -> None:
        """Return if the object exists although S3 did not say so, else raise the reason."""
        owner = await self._owner()
        if owner == self._info.load_id:
            return
        if owner is not None or error_code(error) in TAKEN:
            raise self._taken(error) from error
        raise ArchiveFailed(str(error)) from error

    async def _owner(self) -> str | None:
        """Return the load id of the object under the name; None if there is none, or if it is not known."""
        try:
            info = await self._bucket.head(self._name)
        except (ConfigError, Unavailable):
            return None
        return None if info is None else info.load_id

    def _taken(self, error: Unavailable | None) -> NameInUse:
        code = "seen before Complete" if error is None else error_code(error) or "no answer"
        return NameInUse(f"{self._bucket.what}: another load's snapshot has the name {self._name} ({code})")

    async def _abort(self) -> None:
        if self._creating is not None:
            await cancel_after(self._creating, CREATE_SECONDS)
        for task in self._parts:
            task.cancel()
        await asyncio.gather(*self._parts, return_exceptions=True)
        if self._id:
            await self._bucket.call("abort_multipart_upload", **self._id)
