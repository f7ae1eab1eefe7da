"""Who is uploading which snapshot: a document for each upload, and the sweep of what dead loads left.

One rule: a document is written before its upload begins and deleted after it has ended, so that an upload
without one is nobody's.

    uploads/data_10_08_17_11_23.json    {"holder": "...", "load_id": "...", "started": "2017-08-10T11:23:00Z"}
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import NamedTuple

from aqi_service.core.names import HOLDERS, holder_key, parse_name
from aqi_service.errors import NameTaken, Unavailable
from aqi_service.storage import SNAPSHOT_PREFIX
from aqi_service.storage.aws_errors import error_code
from aqi_service.storage.finishing import ended, finish, result_of
from aqi_service.storage.holder import holder_name, is_dead, is_here
from aqi_service.storage.s3_bucket import NOT_THERE, TAKEN, Bucket, Document

FOREIGN_SECONDS = 24 * 3600.0
"""How long a holder on another machine counts as live: whether its process lives cannot be seen from here."""

RELEASE_SECONDS = 2.0
WRITE_SECONDS = 0.5
"""Of RELEASE_SECONDS, what a document that is on its way has to arrive before it is deleted."""


class Holder(NamedTuple):
    """Who holds an upload, for which load, since when (epoch seconds)."""

    name: str
    load_id: str
    started: float

    def lives(self, now: float) -> bool:
        """Tell whether it may still be uploading at `now` (epoch seconds)."""
        if is_here(self.name):
            return not is_dead(self.name)
        return abs(now - self.started) < FOREIGN_SECONDS  # either way: the other machine's clock may be wrong


def encode(holder: Holder) -> bytes:
    """Return a holder as its document."""
    started = datetime.fromtimestamp(holder.started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"holder": holder.name, "load_id": holder.load_id, "started": started}).encode()


def decode(document: Document) -> Holder:
    """Return the holder that a document names; one that is not ours has at least the time of its writing."""
    try:
        facts = json.loads(document.body)
        started = datetime.fromisoformat(facts["started"]).timestamp()
        return Holder(str(facts["holder"]), str(facts["load_id"]), started)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Holder("", "", document.modified)


class Hold:
    """This process's hold of a snapshot's name, for one load; `started` is in epoch seconds."""

    def __init__(self, bucket: Bucket, name: str, load_id: str, started: float) -> None:
        self._bucket = bucket
        self._name = name
        self._holder = Holder(holder_name(), load_id, started)
        self._writing: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Write the document; cancelled meanwhile, `release` deletes it all the same.

        Raises NameTaken where a live holder has written its own.
        """
        writing = self._bucket.change(holder_key(self._name), self._over, fresh=True)
        self._writing = asyncio.create_task(writing)
        await result_of(self._writing)

    def _over(self, there: Document | None) -> bytes | None:
        """Return what to write over a document: nothing where it is ours, because an answer was lost."""
        holder = decode(there) if there else None
        if holder and holder.load_id == self._holder.load_id:
            return None
        if holder and holder.lives(self._holder.started):
            raise NameTaken(f"{self._bucket.what}: another load is writing the snapshot {self._name} now")
        return encode(self._holder)

    async def release(self, *, strays: bool) -> None:
        """Delete the document if it is still this load's; what cannot be deleted now is left to a sweep.

        With `strays`, abort first whatever uploads of the name are still open.
        """
        await finish(self._release(strays=strays), RELEASE_SECONDS)

    async def _release(self, *, strays: bool) -> None:
        if self._writing is not None:
            await ended(self._writing, WRITE_SECONDS)
        key = holder_key(self._name)
        document = await self._bucket.document(key)
        if document is None or decode(document).load_id != self._holder.load_id:
            return
        if strays:
            for name, upload_id in await _open_uploads(self._bucket, self._name):
                if name == self._name:
                    await _abort(self._bucket, name, upload_id)
        await _delete(self._bucket, key, document)


async def sweep(bucket: Bucket, now: float) -> int:
    """Abort the uploads under snapshots' names that nobody holds, and delete the documents of the dead.

    Returns how many uploads it aborted.
    """
    # The uploads are listed before their documents are read: whoever began one had written its document.
    uploads = [each for each in await _open_uploads(bucket, SNAPSHOT_PREFIX) if _is_snapshot(each[0])]
    aborted = 0
    for name, upload_id in uploads:
        document = await bucket.document(holder_key(name))
        if document is None or not decode(document).lives(now):
            aborted += await _abort(bucket, name, upload_id)
    await _sweep_documents(bucket, now)
    return aborted


async def _sweep_documents(bucket: Bucket, now: float) -> None:
    async for page in bucket.pages("list_objects_v2", Prefix=HOLDERS):
        for key in (entry["Key"] for entry in page.get("Contents", [])):
            document = await bucket.document(key) if _is_snapshot(key.removeprefix(HOLDERS)) else None
            if document is not None and not decode(document).lives(now):
                await _delete(bucket, key, document)


def _is_snapshot(key: str) -> bool:
    name = parse_name(key)
    return name is not None and name[0] == key


async def _open_uploads(bucket: Bucket, prefix: str) -> list[tuple[str, str]]:
    """Return key and upload id of the uploads that are under way."""
    pages = bucket.pages("list_multipart_uploads", Prefix=prefix)
    return [(each["Key"], each["UploadId"]) async for page in pages for each in page.get("Uploads", [])]


async def _abort(bucket: Bucket, name: str, upload_id: str) -> bool:
    """Abort an upload; False if it had ended by itself."""
    try:
        await bucket.call("abort_multipart_upload", Key=name, UploadId=upload_id)
    except Unavailable as error:
        if error_code(error) == "NoSuchUpload":
            return False
        raise
    return True


async def _delete(bucket: Bucket, key: str, document: Document) -> None:
    """Delete a document, unless another load has written its own over it meanwhile."""
    try:
        await bucket.call("delete_object", Key=key, IfMatch=document.etag)
    except Unavailable as error:
        if error_code(error) not in NOT_THERE | TAKEN:
            raise
