"""What a request to AWS asks for: its service, operation and the thing it is about.

One rule: names are AWS's own, found in tables; a request that no table knows keeps its method and query.

Only path-style S3 addresses are read (that is what boto uses with an endpoint on an IP address).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        service: `dynamodb`, `s3` or `monitoring`, which is CloudWatch.
        operation: AWS's name of it, such as `UploadPart`.
        resource: the table (several with commas), the bucket, `bucket/key`, or the namespace of metrics.
        upload_id: the multipart upload it belongs to, or empty.
        part: the part's number, or 0.
        sender: the access key that signed it: tells processes apart that were given different ones.
        range: the Range header: which bytes of an object are asked for.
    """

    service: str
    operation: str
    resource: str = ""
    upload_id: str = ""
    part: int = 0
    sender: str = ""
    range: str = ""

    @property
    def key(self) -> str:
        """The S3 key, or empty."""
        return self.resource.partition("/")[2] if self.service == "s3" else ""


Table = tuple[tuple[str, set[str], str], ...]

OF_AN_OBJECT: Table = (
    ("PUT", {"partNumber", "x-amz-copy-source"}, "UploadPartCopy"),
    ("PUT", {"partNumber"}, "UploadPart"),
    ("POST", {"uploads"}, "CreateMultipartUpload"),
    ("POST", {"uploadId"}, "CompleteMultipartUpload"),
    ("DELETE", {"uploadId"}, "AbortMultipartUpload"),
    ("GET", {"uploadId"}, "ListParts"),
    ("PUT", {"x-amz-copy-source"}, "CopyObject"),
    ("PUT", set(), "PutObject"),
    ("GET", set(), "GetObject"),
    ("HEAD", set(), "HeadObject"),
    ("DELETE", set(), "DeleteObject"),
)
"""Method, query names and headers that must be there, operation; the first that fits."""

OF_A_BUCKET: Table = (
    ("GET", {"uploads"}, "ListMultipartUploads"),
    ("GET", {"list-type"}, "ListObjectsV2"),
    ("POST", {"delete"}, "DeleteObjects"),
    ("GET", {"tagging"}, "GetBucketTagging"),
    ("PUT", {"tagging"}, "PutBucketTagging"),
    ("GET", {"publicAccessBlock"}, "GetPublicAccessBlock"),
    ("PUT", {"publicAccessBlock"}, "PutPublicAccessBlock"),
    ("GET", {"encryption"}, "GetBucketEncryption"),
    ("PUT", {"encryption"}, "PutBucketEncryption"),
    ("GET", {"lifecycle"}, "GetBucketLifecycleConfiguration"),
    ("PUT", {"lifecycle"}, "PutBucketLifecycleConfiguration"),
    ("PUT", set(), "CreateBucket"),
    ("HEAD", set(), "HeadBucket"),
    ("DELETE", set(), "DeleteBucket"),
    ("GET", set(), "ListObjects"),
)

OF_THE_SERVICE: Table = (("GET", set(), "ListBuckets"),)

PLAIN = {"x-id", "prefix", "delimiter", "max-keys", "marker", "encoding-type", "versionId"}
"""Query names that do not make an operation another one."""


def form_of(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return the fields of a request to CloudWatch, which are a form's; of others none."""
    is_form = headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    return dict(parse_qsl(body.decode())) if is_form else {}


def name_of(
    method: str,
    raw_path: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None,
    form: Mapping[str, str] = MappingProxyType({}),
) -> Call:
    """Name a request; `body` is the JSON of one to DynamoDB, `form` the fields of one to CloudWatch."""
    target = headers.get("X-Amz-Target", "")
    sender = _sender(headers.get("Authorization", ""))
    if "Action" in form:
        return Call("monitoring", form["Action"], form.get("Namespace", ""), sender=sender)
    if target:
        return Call("dynamodb", target.rpartition(".")[2], ",".join(tables_of(body or {})), sender=sender)
    parts = urlsplit(raw_path)
    query = parse_qs(parts.query, keep_blank_values=True)
    bucket, _, key = parts.path.removeprefix("/").partition("/")
    table = OF_AN_OBJECT if key else OF_A_BUCKET if bucket else OF_THE_SERVICE
    return Call(
        "s3",
        _operation(method, {*query, *(name.lower() for name in headers)}, query, table),
        unquote(f"{bucket}/{key}" if key else bucket),
        query.get("uploadId", [""])[0],
        int(query.get("partNumber", ["0"])[0]),
        sender,
        headers.get("Range", ""),
    )


def tables_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the tables that a DynamoDB request is about."""
    return (body["TableName"],) if "TableName" in body else tuple(body.get("RequestItems", {}))


def _sender(authorization: str) -> str:
    """Return the access key of a signature: `AWS4-HMAC-SHA256 Credential=KEY/20231220/us-east-1/...`."""
    return authorization.partition("Credential=")[2].partition("/")[0]


def _operation(method: str, marks: set[str], query: Iterable[str], table: Table) -> str:
    for verb, needed, operation in table:
        if verb == method and needed <= marks and (needed or set(query) <= PLAIN):
            return operation
    return f"{method} ?{'&'.join(sorted(query))}"
