"""One bucket: its calls, each repeated while that may help, and its small objects.

One rule: each call names the bucket and its owner, and raises our errors.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from random import random
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from aqi_service.core.schedule import full_jitter
from aqi_service.errors import InGlacier, RequestRefused, Unavailable
from aqi_service.storage.aws.refusals import error_code
from aqi_service.storage.aws.retry import CALL, RetryPolicy, Sleep, call_with_retry
from aqi_service.storage.ports import DOCUMENT_LIMIT, SnapshotInfo

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

log = logging.getLogger("aqi_service")

SLOW = RetryPolicy(seconds=300.0)
"""For calls that may take long: sending a part or a document, and completing an upload."""

NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"412", "PreconditionFailed"})
CONFLICT = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})
"""Codes of AWS's (of a HEAD, the status)."""

CHANGES = 20
CHANGE_BASE, CHANGE_CAP = 0.1, 2.0
"""How often in a row another may change a document before us, and the upper edges, in seconds, of the first
and the longest wait in between: many shards of a backfill note themselves in one `latest.json`."""

UNCONDITIONAL = (
    "each write is checked by a look right before it, and not by the store: let one process at a time load"
)

LICENCE = "Sensor.Community, ODbL 1.0, contents DbCL 1.0"

_NEXT = {
    "list_objects_v2": {"ContinuationToken": "NextContinuationToken"},
    "list_multipart_uploads": {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
}
"""For each list: the parameter of the next page -> the field of this page that has it."""

Answer = TypeVar("Answer")


class Document(NamedTuple):
    """A small object: its bytes, and its version, which allows it to be replaced."""

    body: bytes
    etag: str


class Bucket:
    """A bucket by name; `owner` is the account that must own it. `what` begins the text of every error."""

    def __init__(
        self, client: "S3Client", name: str, owner: str | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._client: Any = client
        self._place = {"Bucket": name} | ({"ExpectedBucketOwner": owner} if owner else {})
        self.sleep = sleep
        self.what = f"bucket {name}"
        self.takes_conditions = True

    async def once(self, operation: str, **parameters: Any) -> Any:
        """Call an operation of the client once; its errors are botocore's."""
        return await getattr(self._client, operation)(**self._place, **parameters)

    async def repeat(self, request: Callable[[], Awaitable[Answer]], tries: RetryPolicy = CALL) -> Answer:
        """Make a request, and repeat it while its error may pass."""
        return await call_with_retry(self.what, request, self.sleep, tries)

    async def call(
        self, operation: str, tries: RetryPolicy = CALL, needs: str = "", **parameters: Any
    ) -> Any:
        """Call an operation and return its answer; an answer without the field `needs` confirms nothing."""

        async def request() -> Any:
            answer = await self.once(operation, **parameters)
            if needs and not answer.get(needs):
                raise Unavailable(f"{self.what}: S3 answered {operation} without its {needs}")
            if operation in _NEXT and not answer.keys() - {"ResponseMetadata"}:
                raise Unavailable(f"{self.what}: S3 answered {operation} without a word")
            return answer

        return await self.repeat(request, tries)

    async def pages(self, operation: str, **parameters: Any) -> AsyncIterator[Any]:
        """Yield the pages of a list, of 1,000 entries each."""
        more: dict[str, Any] = {}
        while True:
            page = await self.call(operation, **parameters, **more)
            yield page
            more = {ours: page[theirs] for ours, theirs in _NEXT[operation].items() if page.get(theirs)}
            if not page.get("IsTruncated") or not more:
                return

    async def document(self, key: str) -> Document | None:
        """Read an object (of one over DOCUMENT_LIMIT, one byte more than that); None if there is none."""

        async def read() -> Document:
            answer = await self.once("get_object", Key=key)
            if not answer.get("ETag"):
                raise Unavailable(f"{self.what}: S3 answered get_object without its ETag")
            body, some = bytearray(), answer["Body"]
            async with some:
                while piece := await some.read(DOCUMENT_LIMIT + 1 - len(body)):
                    body += piece
            return Document(bytes(body), answer["ETag"])

        try:
            return await self.repeat(read)
        except Unavailable as error:
            if error_code(error) in NOT_THERE:
                return None
            raise
        except InGlacier as error:
            raise in_glacier(self.what, key) from error

    async def put(self, key: str, body: bytes, **parameters: Any) -> None:
        """Write a whole object, replacing an older one of that key."""
        kind = "application/x-ndjson" if key.endswith(".ndjson") else "application/json"
        await self.call("put_object", SLOW, "ETag", Key=key, Body=body, **{"ContentType": kind} | parameters)

    async def change(self, key: str, new: Callable[[Document | None], bytes | None]) -> None:
        """Replace an object by what `new` makes of it (None: leave it); ask again if another changed it.

        The later one waits for a random time, so that each of many succeeds.
        """
        for attempt in range(CHANGES):
            if attempt:
                await self.sleep(full_jitter(attempt, random(), CHANGE_BASE, CHANGE_CAP))  # noqa: S311  # spreads load
            there = await self.document(key)
            body = new(there)
            if body is None:
                return
            try:
                await self._put_over(there, key, body)
            except Unavailable as error:
                if error_code(error) not in TAKEN | NOT_THERE | CONFLICT:
                    raise
            else:
                return
        raise Unavailable(f"{self.what}: others change {key} all the time")

    async def _put_over(self, there: Document | None, key: str, body: bytes) -> None:
        """Replace what was just read, under that condition if the store knows it."""
        if self.takes_conditions:
            try:
                await self.put(key, body, **{"IfMatch": there.etag} if there else {"IfNoneMatch": "*"})
            except RequestRefused as error:
                await self.put(key, body)
                self.goes_without_conditions(error)
        else:
            await self.put(key, body)

    def goes_without_conditions(self, error: RequestRefused) -> None:
        """Note that the store takes a write only without the condition; log that once."""
        self.takes_conditions = False
        log.warning("writes_unconditional", extra={"error": str(error), "hint": UNCONDITIONAL})

    async def head(self, name: str) -> SnapshotInfo | None:
        """Read the metadata of an object, or None if there is none."""
        try:
            answer = await self.call("head_object", Key=name)
        except Unavailable as error:
            if error_code(error) in NOT_THERE:
                return None
            raise
        kept = {key: unquote(value) for key, value in answer["Metadata"].items()}
        return SnapshotInfo(
            source=kept.get("source", ""),
            load_id=kept.get("load-id", ""),
            etag=kept.get("etag", ""),
            last_modified=kept.get("last-modified", ""),
            source_id=kept.get("source-id", ""),
        )


def in_glacier(what: str, key: str) -> InGlacier:
    """Return the error for an object that must be restored first."""
    return InGlacier(f"{what}: {key} lies in Glacier: restore it first (InvalidObjectState)")


def metadata(info: SnapshotInfo) -> dict[str, str]:
    """Return the metadata that `Bucket.head` reads back; percent-encoded, because S3 takes only ASCII."""
    kept = {
        "source": info.source,
        "load-id": info.load_id,
        "etag": info.etag,
        "last-modified": info.last_modified,
        "source-id": info.source_id,
        "licence": LICENCE,
    }
    return {
        name: quote(value, safe=" !#$&'()*+,/:;=?@[]\"-._~")[:500] for name, value in kept.items() if value
    }
