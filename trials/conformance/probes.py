"""What AWS is known to answer, asked of any server: where an emulator differs, the shim makes up for it.

One rule: a probe asks through botocore and gives what came back in a word: an error's code, or a value.

Source: DynamoDB Developer Guide, "Service, account, and table quotas" and "Supported data types"; S3 API
Reference, CompleteMultipartUpload, UploadPart and PutObject.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from botocore.exceptions import ClientError

from aqi_service.storage.aws.clients import Clients
from aqi_service.storage.aws.dynamodb_writes import NOT_NEWER
from tests.doubles.aws_backends import plain_table
from tests.doubles.faults.s3_rules import MIN_PART

INVALID = "ValidationException"
NAME = "data_20_12_23_18_01.json"


@dataclass(frozen=True)
class Asked:
    """A server: a bucket or a table (key `id`, S) in it, for one probe."""

    clients: Clients
    bucket: str
    table: str

    async def put(self, **values: Any) -> None:
        """Put an item."""
        await self.clients.writes.put_item(TableName=self.table, Item={"id": {"S": "7"}} | values)

    async def get(self, name: str) -> str:
        """Give the text of an attribute of that item."""
        found: Any = await self.clients.writes.get_item(TableName=self.table, Key={"id": {"S": "7"}})
        return str(next(iter(found["Item"][name].values())))

    async def write(self, ids: Sequence[str]) -> None:
        """Put items in one batch."""
        puts: Any = orjson.dumps([{"PutRequest": {"Item": {"id": {"S": i}}}} for i in ids])
        await self.clients.writes.batch_write_item(RequestItems={self.table: puts})

    async def read(self, ids: Sequence[str]) -> None:
        """Read items in one batch."""
        keys: Any = orjson.dumps({"Keys": [{"id": {"S": i}} for i in ids]})
        await self.clients.writes.batch_get_item(RequestItems={self.table: keys})

    async def object(self, **how: Any) -> None:
        """Put an object."""
        await self.clients.s3.put_object(Bucket=self.bucket, Key=NAME, Body=b"[]", **how)

    async def upload(self, *parts: bytes) -> tuple[str, list[Any]]:
        """Begin an upload and give its id, and its parts as Complete lists them."""
        s3: Any = self.clients.s3
        where = {"Bucket": self.bucket, "Key": NAME}
        upload_id = (await s3.create_multipart_upload(**where, ChecksumAlgorithm="CRC32"))["UploadId"]
        listed = []
        for number, body in enumerate(parts, 1):
            made = await s3.upload_part(
                **where, UploadId=upload_id, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32"
            )
            listed.append(
                {"PartNumber": number, "ETag": made["ETag"], "ChecksumCRC32": made["ChecksumCRC32"]}
            )
        return upload_id, listed

    async def complete(self, upload_id: str, parts: list[Any], **how: Any) -> None:
        """Complete an upload."""
        await self.clients.s3.complete_multipart_upload(
            Bucket=self.bucket, Key=NAME, UploadId=upload_id, MultipartUpload={"Parts": parts}, **how
        )

    async def abort(self, upload_id: str) -> None:
        """Abort an upload."""
        await self.clients.s3.abort_multipart_upload(Bucket=self.bucket, Key=NAME, UploadId=upload_id)


Ask = Callable[[Asked], Awaitable[object]]


@dataclass(frozen=True)
class Probe:
    """A question, what AWS answers, and how to ask it; `service` is `dynamodb` or `s3`."""

    service: str
    name: str
    aws: str
    ask: Ask


async def answer(probe: Probe, asked: Asked) -> str:
    """Ask, and give what came back: an error's code, a value, or `taken`."""
    try:
        found = await probe.ask(asked)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "taken" if found is None else str(found)


async def all_answers(clients: Clients) -> dict[str, str]:
    """Ask each probe in a bucket and a table of its own; give the answers by its name."""
    found = {}
    for probe in PROBES:
        end = uuid.uuid4().hex[:12]
        asked = Asked(clients, f"bucket-{end}", f"table-{end}")
        if probe.service == "s3":
            await clients.s3.create_bucket(Bucket=asked.bucket)
        else:
            await plain_table(clients, asked.table, "S")
        found[probe.name] = await answer(probe, asked)
    return found


async def _number(asked: Asked) -> str:
    await asked.put(n={"N": "48.80"})
    return await asked.get("n")


async def _older(asked: Asked) -> None:
    await asked.put(measured_at={"N": "10"}, snapshot_at={"N": "10"})
    await asked.clients.writes.put_item(
        TableName=asked.table,
        Item={"id": {"S": "7"}},
        ConditionExpression=NOT_NEWER,
        ExpressionAttributeValues={":measured": {"N": "9"}, ":taken": {"N": "11"}, ":until": {"N": "99"}},
    )


async def _no_table(asked: Asked) -> None:
    await asked.clients.writes.get_item(TableName=f"{asked.table}-not", Key={"id": {"S": "7"}})


async def _small_part(asked: Asked) -> None:
    await asked.complete(*await asked.upload(b"[", b"]"))


async def _other_sum(asked: Asked) -> None:
    upload_id, _ = await asked.upload()
    await asked.clients.s3.upload_part(
        Bucket=asked.bucket, Key=NAME, UploadId=upload_id, PartNumber=1, Body=b"[]", ChecksumCRC32="AAAAAA=="
    )


async def _no_sums(asked: Asked) -> None:
    upload_id, parts = await asked.upload(b"[]")
    await asked.complete(upload_id, [{k: part[k] for k in ("PartNumber", "ETag")} for part in parts])


async def _name_taken(asked: Asked) -> None:
    await asked.object()
    await asked.complete(*await asked.upload(b"[]"), IfNoneMatch="*")


async def _aborted(asked: Asked) -> None:
    upload_id, parts = await asked.upload(b"[]")
    await asked.abort(upload_id)
    await asked.complete(upload_id, parts)


async def _again(asked: Asked) -> None:
    upload_id, parts = await asked.upload(b"[]")
    await asked.complete(upload_id, parts)
    await asked.complete(upload_id, parts)


async def _other_etag(asked: Asked) -> None:
    await asked.object()
    await asked.object(IfMatch='"00000000000000000000000000000000"')


async def _twice(asked: Asked) -> None:
    await asked.object(IfNoneMatch="*")
    await asked.object(IfNoneMatch="*")


async def _begun(asked: Asked) -> str:
    await asked.upload()
    [upload] = (await asked.clients.s3.list_multipart_uploads(Bucket=asked.bucket))["Uploads"]
    is_now = abs(upload["Initiated"] - datetime.now(UTC)) < timedelta(minutes=5)
    return "now" if is_now else f"{upload['Initiated']:%Y-%m-%d}"


async def _whole(asked: Asked) -> str:
    upload_id, parts = await asked.upload(b"[" + b" " * (MIN_PART - 1), b"]")
    await asked.complete(upload_id, parts, IfNoneMatch="*")
    head = await asked.clients.s3.head_object(Bucket=asked.bucket, Key=NAME)
    return f"{head['ContentLength']} bytes"


async def _past_the_end(asked: Asked) -> None:
    await asked.object()
    await asked.clients.s3.get_object(Bucket=asked.bucket, Key=NAME, Range="bytes=9-")


PROBES = (
    Probe("dynamodb", "25 items in a batch", "taken", lambda a: a.write([str(i) for i in range(25)])),
    Probe("dynamodb", "26 items in a batch", INVALID, lambda a: a.write([str(i) for i in range(26)])),
    Probe("dynamodb", "a key twice in a batch", INVALID, lambda a: a.write(["1", "1"])),
    Probe("dynamodb", "101 keys in a read", INVALID, lambda a: a.read([str(i) for i in range(101)])),
    Probe("dynamodb", "a key twice in a read", INVALID, lambda a: a.read(["1", "1"])),
    Probe("dynamodb", "38 digits", "taken", lambda a: a.put(n={"N": "1" * 38})),
    Probe("dynamodb", "39 digits", INVALID, lambda a: a.put(n={"N": "1" * 39})),
    Probe("dynamodb", "a number under 1E-130", INVALID, lambda a: a.put(n={"N": "1E-131"})),
    Probe("dynamodb", "48.80 read back", "48.8", _number),
    Probe("dynamodb", "an item over 400 KB", INVALID, lambda a: a.put(s={"S": "x" * 409_600})),
    Probe("dynamodb", "a key over 2,048 bytes", INVALID, lambda a: a.put(id={"S": "1" * 2049})),
    Probe("dynamodb", "an empty key", INVALID, lambda a: a.put(id={"S": ""})),
    Probe("dynamodb", "a key of another type", INVALID, lambda a: a.put(id={"N": "1"})),
    Probe("dynamodb", "an older item under the condition", "ConditionalCheckFailedException", _older),
    Probe("dynamodb", "no such table", "ResourceNotFoundException", _no_table),
    Probe("s3", "an upload in two parts", f"{MIN_PART + 1} bytes", _whole),
    Probe("s3", "a part under 5 MiB that is not the last", "EntityTooSmall", _small_part),
    Probe("s3", "a part with another's checksum", "BadDigest", _other_sum),
    Probe("s3", "Complete without the parts' checksums", "InvalidRequest", _no_sums),
    Probe("s3", "Complete under a name that is taken", "PreconditionFailed", _name_taken),
    Probe("s3", "Complete of what was aborted", "NoSuchUpload", _aborted),
    Probe("s3", "Complete again", "taken", _again),
    Probe("s3", "an object over one, If-None-Match", "PreconditionFailed", _twice),
    Probe("s3", "an object over another one, If-Match", "PreconditionFailed", _other_etag),
    Probe("s3", "when an upload was begun", "now", _begun),
    Probe("s3", "a range past the end", "InvalidRange", _past_the_end),
)
