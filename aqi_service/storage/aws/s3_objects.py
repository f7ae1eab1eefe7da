"""Lists objects of any bucket, and reads them to their end.

One rule: a read is whole, and of one version of its object, or it ends in an error.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from random import random
from typing import TYPE_CHECKING, Any

from aqi_service.core.schedule import full_jitter
from aqi_service.errors import AccessDenied, FetchFailed, InGlacier, MissingResource, Unavailable
from aqi_service.storage.aws.credentials import LateCredentials
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.refusals import denied, error_code
from aqi_service.storage.aws.retry import CALL, Sleep
from aqi_service.storage.aws.s3_bucket import NOT_THERE, Bucket
from aqi_service.storage.ports import ObjectEntry

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

READ_SIZE = 64 * 1024

BREAKS = 4
"""How often in a row a connection may break; after PROGRESS bytes the count starts again."""

PROGRESS = 1024 * 1024

_WHY = {
    "404": "there is no such object",
    "NoSuchKey": "there is no such object",
    "PreconditionFailed": "it was replaced while it was read",
}
"""Why an object cannot be read, by AWS's code."""

_DENIED = (
    "access is denied: it is another account's, these credentials lack s3:GetObject or s3:ListBucket, "
    "or there is no such object"
)


class S3Objects:
    """The objects that a client may read, in any bucket."""

    def __init__(
        self,
        client: "S3Client",
        sleep: Sleep = asyncio.sleep,
        *,
        credentials: LateCredentials | None = None,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._credentials = credentials

    async def authenticate(self) -> None:
        """Ask for credentials, if the client's are known."""
        if self._credentials:
            await self._credentials.ready()

    async def each(self, bucket: str, prefix: str) -> AsyncGenerator[ObjectEntry, None]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys, page by page.

        Raises MissingResource without the bucket, AccessDenied, FetchFailed if S3 does not answer.
        """
        with _as_source(f"s3://{bucket}/{prefix}"):
            async for page in self._bucket(bucket).pages("list_objects_v2", Prefix=prefix):
                for each in page.get("Contents", []):
                    yield ObjectEntry(each["Key"], each["Size"], each.get("ETag", ""), _time_of(each))

    async def list(self, bucket: str, prefix: str) -> Sequence[ObjectEntry]:
        """Return all of them. Raises as `each` does."""
        return [entry async for entry in self.each(bucket, prefix)]

    async def look(self, bucket: str, key: str) -> ObjectEntry | None:
        """Return the object; None if it cannot be seen now, or is empty.

        Raises MissingResource without the object or its bucket, AccessDenied if it may not be read. Errors
        that may pass, or that only some reads meet, are left to the read.
        """
        place, absent = f"s3://{bucket}/{key}", False
        with suppress(FetchFailed), _as_source(place):
            try:
                answer = await self._bucket(bucket).call("get_object", Key=key, Range="bytes=0-0")
                answer["Body"].close()
                return _entry(key, answer)
            except Unavailable as error:
                absent = error_code(error) in NOT_THERE
        if absent:
            raise MissingResource(f"{place}: {_WHY['NoSuchKey']}")
        return None

    async def read(self, bucket: str, key: str) -> AsyncGenerator[bytes, None]:
        """Yield an object's bytes as they are stored, up to READ_SIZE at a time.

        Raises MissingResource without the bucket; FetchFailed without the object, or if it cannot be read to
        its end; AccessDenied if the credentials are no good at all.
        """
        with _as_source(f"s3://{bucket}/{key}", one=True):
            async with aclosing(read_object(self._bucket(bucket), key)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _bucket(self, name: str) -> Bucket:
        return Bucket(self._client, name, sleep=self._sleep)


def _time_of(listed: Any) -> int:
    """Return when a listed object was last modified (epoch seconds); 0 if not given."""
    changed = listed.get("LastModified")
    return int(changed.timestamp()) if changed else 0


async def read_object(bucket: Bucket, key: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of an object from `offset` on; nothing if it ends before.

    After a broken connection it continues at that byte. Raises Unavailable with AWS's code.
    """
    reading = _Reading(bucket, key, offset)
    breaks = 0
    while (body := await reading.open()) is not None:
        begun = reading.at
        try:
            async with aclosing(reading.take(body)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Unavailable:
            breaks = 1 if reading.at - begun >= PROGRESS else breaks + 1
            if breaks > BREAKS or not reading.can_continue:
                raise
            await bucket.sleep(full_jitter(breaks, random(), CALL.base))  # noqa: S311  # spreads load, guards nothing
        else:
            return


class _Reading:
    """An object that is being read: `at` is the offset of the next byte."""

    def __init__(self, bucket: Bucket, key: str, offset: int) -> None:
        self._bucket = bucket
        self._key = key
        self._end: int | None = None
        self._version: dict[str, Any] = {}
        self.at = offset

    @property
    def can_continue(self) -> bool:
        """Tell whether bytes are missing, and the version is known."""
        return self._end is not None and self.at < self._end and bool(self._version)

    async def open(self) -> Any:
        """Ask for the bytes from `at` on, and return them as a stream; None if there are none."""
        wanted: dict[str, Any] = {"Range": f"bytes={self.at}-"} if self.at else {}
        try:
            answer = await self._bucket.call("get_object", Key=self._key, **wanted, **self._version)
        except Unavailable as error:
            if error_code(error) == "InvalidRange" and self._end is None:
                return None
            raise
        if wanted and not answer.get("ContentRange", "").startswith(f"bytes {self.at}-"):
            answer["Body"].close()
            raise Unavailable(f"{self._bucket.what}: S3 gave another range of {self._key} than was asked for")
        if "ContentLength" not in answer:
            answer["Body"].close()
            raise Unavailable(f"{self._bucket.what}: S3 gave {self._key} without its length")
        self._end = self.at + answer["ContentLength"]
        self._version = {"IfMatch": answer["ETag"]} if answer.get("ETag") else {}
        return answer["Body"]

    async def take(self, body: Any) -> AsyncGenerator[bytes, None]:
        """Yield the stream's bytes. Raises Unavailable if some are missing."""
        with translated(self._bucket.what):
            async with body:
                while chunk := await body.read(READ_SIZE):
                    self.at += len(chunk)
                    yield chunk
        if self.at != self._end:
            raise Unavailable(f"{self._bucket.what}: {self._key} broke off at byte {self.at} of {self._end}")


def _entry(key: str, answer: Any) -> ObjectEntry | None:
    """Read the headers of an object's first byte; None if they do not tell its size."""
    size = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return ObjectEntry(key, int(size), answer.get("ETag", "")) if size.isdecimal() else None


@contextmanager
def _as_source(place: str, *, one: bool = False) -> Iterator[None]:
    """Raise what is wrong with a source, in a sentence that names it; for one object, that object."""
    try:
        yield
    except Unavailable as error:
        raise FetchFailed(f"{place}: {_WHY.get(error_code(error), error)}") from error
    except MissingResource as error:
        raise MissingResource(f"{place}: there is no such bucket") from error
    except InGlacier as error:
        raise InGlacier(f"{place}: it lies in Glacier: restore it first") from error
    except AccessDenied as error:
        if error_code(error) not in ("AccessDenied", "AllAccessDisabled"):
            raise
        if one:
            raise FetchFailed(f"{place}: {denied(error, _DENIED)}", for_good=True) from error
        raise AccessDenied(f"{place}: {denied(error, _DENIED)}") from error
