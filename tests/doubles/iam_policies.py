"""The policies of deploy/iam, and what the shim's journal says that a process would have needed of them.

One rule: a call of the journal becomes AWS's actions by one table; whether a policy allows one is decided as
IAM does, as far as these policies go: allowed by a statement, or not at all.
"""

import json
import string
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from aqi_service.storage.aws.create_table import SENSOR_INDEX
from tests import ROOT
from tests.doubles.faults.journal import Journal, Record

FOLDER = ROOT / "deploy" / "iam"

OBJECT, BUCKET = "object", "bucket"

S3: dict[str, dict[str, str]] = {
    "ListObjectsV2": {"s3:ListBucket": BUCKET},
    "ListMultipartUploads": {"s3:ListBucketMultipartUploads": BUCKET},
    # Who may not list is told 403 of a key that is not there, and could not tell it from one kept back.
    "GetObject": {"s3:GetObject": OBJECT, "s3:ListBucket": BUCKET},
    "HeadObject": {"s3:GetObject": OBJECT, "s3:ListBucket": BUCKET},
    "PutObject": {"s3:PutObject": OBJECT},
    "CreateMultipartUpload": {"s3:PutObject": OBJECT},
    "UploadPart": {"s3:PutObject": OBJECT},
    "CompleteMultipartUpload": {"s3:PutObject": OBJECT},
    "AbortMultipartUpload": {"s3:AbortMultipartUpload": OBJECT},
    "CreateBucket": {"s3:CreateBucket": BUCKET},
    "GetBucketTagging": {"s3:GetBucketTagging": BUCKET},
    "PutBucketTagging": {"s3:PutBucketTagging": BUCKET},
    "GetPublicAccessBlock": {"s3:GetBucketPublicAccessBlock": BUCKET},
    "PutPublicAccessBlock": {"s3:PutBucketPublicAccessBlock": BUCKET},
    "GetBucketEncryption": {"s3:GetEncryptionConfiguration": BUCKET},
    "PutBucketEncryption": {"s3:PutEncryptionConfiguration": BUCKET},
    "GetBucketLifecycleConfiguration": {"s3:GetLifecycleConfiguration": BUCKET},
    "PutBucketLifecycleConfiguration": {"s3:PutLifecycleConfiguration": BUCKET},
}
"""Operation -> action -> what it is about. Source: AWS, Service Authorization Reference, and the S3 User
Guide's page on multipart uploads. Of DynamoDB an action has its operation's name; the program queries one
index and nothing else. CloudWatch knows no resources: a namespace is a condition."""

CONDITIONS = {
    "dynamodb:LeadingKeys": "ForAllValues:StringEquals",
    "cloudwatch:namespace": "StringEquals",
}
"""What these policies ask of a request beside its resource, and how."""


class Place(NamedTuple):
    """Where a policy is for."""

    bucket: str
    table: str
    source: str = ""
    region: str = "us-east-1"
    account: str = "123456789012"
    namespace: str = "aqi"
    export: str = ""

    @property
    def names(self) -> dict[str, str]:
        """What stands for the placeholders of the policies."""
        return {
            "BUCKET": self.bucket,
            "TABLE": self.table,
            "NAMESPACE": self.namespace,
            "REGION": self.region,
            "ACCOUNT": self.account,
            "SOURCE_BUCKET": self.source.partition("/")[0],
            "SOURCE_PREFIX": self.source.partition("/")[2],
            "EXPORT_BUCKET": self.export.partition("/")[0],
            "EXPORT_PREFIX": self.export.partition("/")[2],
        }


class Need(NamedTuple):
    """One action on one resource; `keys` are the items' partition keys, or the namespace, it is about."""

    action: str
    resource: str
    keys: frozenset[str] = frozenset()


class Grant(NamedTuple):
    """One action on one pattern of resources that a policy allows, for these keys (None: for any)."""

    action: str
    pattern: str
    keys: frozenset[str] | None = None

    def covers(self, need: Need) -> bool:
        """Tell whether it allows what is needed."""
        fits = self.action == need.action and fnmatchcase(need.resource, self.pattern)
        return fits and (self.keys is None or need.keys <= self.keys)


def grants(name: str, place: Place) -> list[Grant]:
    """Read a policy, filled in for a place; anything that is not known here is an error."""
    text = string.Template((FOLDER / f"{name}.json").read_text(encoding="utf-8")).substitute(place.names)
    policy = json.loads(text)
    assert policy.keys() == {"Version", "Statement"}
    return [grant for statement in policy["Statement"] for grant in _granted(statement)]


def _granted(statement: dict[str, Any]) -> Iterator[Grant]:
    rest = statement.keys() - {"Sid", "Action", "Resource", "Condition"}
    assert (rest, statement["Effect"]) == ({"Effect"}, "Allow")
    keys: frozenset[str] | None = None
    for operator, test in statement.get("Condition", {}).items():
        [(about, listed)] = test.items()
        assert (keys, CONDITIONS[about]) == (None, operator)
        keys = frozenset(_listed(listed))
    for action in _listed(statement["Action"]):
        for pattern in _listed(statement["Resource"]):
            yield Grant(action, pattern, keys)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def needs(journal: Journal, place: Place) -> list[Need]:
    """Give all that the requests of a journal would have needed."""
    return [need for record in journal.records for need in _needed(record, place)]


def _needed(record: Record, place: Place) -> Iterator[Need]:
    call = record.call
    if call.service == "monitoring":
        yield Need(f"cloudwatch:{call.operation}", "*", frozenset({call.resource}))
        return
    if call.service == "dynamodb":
        keys = frozenset(
            next(iter(value.values())) for _, key in record.keys for value in json.loads(key).values()
        )
        table = f"arn:aws:dynamodb:{place.region}:{place.account}:table/{call.resource}"
        about = f"{table}/index/{SENSOR_INDEX}" if call.operation == "Query" else table
        yield Need(f"dynamodb:{call.operation}", about, keys)
        return
    for action, about in S3[call.operation].items():
        yield Need(
            action, f"arn:aws:s3:::{call.resource if about is OBJECT else call.resource.partition('/')[0]}"
        )
