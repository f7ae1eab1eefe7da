"""The lifecycle rule with which S3 itself ends uploads that nobody completes.

One rule: S3 takes all rules of a bucket together, so the owner's rules go back unchanged, byte for byte.

botocore drops what its model does not know, and a rule of the owner without one of its conditions would
delete too much. So the XML is kept (`before-parse`) and sent (`before-call`) without the model.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aqi_service.errors import AqiError, ConfigError, Unavailable
from aqi_service.storage.aws.refusals import error_code
from aqi_service.storage.aws.retry import Sleep
from aqi_service.storage.aws.s3_bucket import Bucket
from aqi_service.storage.ports import SNAPSHOT_PREFIX

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

RULE_ID = "aqi-service-incomplete-uploads"
DAYS = 1
"""S3 counts from the midnight after the upload began (UTC), so no upload younger than a day is ended."""

_GET, _PUT = "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration"
_XML = "Xml"
_SENT = "aqi_service.lifecycle"
_SIZE = "TransitionDefaultMinimumObjectSize"
"""A header beside the rules: without it S3 sets its own default."""

_OPEN = b'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
_CLOSE = b"</LifecycleConfiguration>"
_RULE = (
    "<Rule><ID>{}</ID>{}<Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>{}"
    "</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
)
_PREFIX = f"<Prefix>{SNAPSHOT_PREFIX}</Prefix>"


async def end_incomplete_uploads(
    client: "S3Client", bucket: str, owner: str | None, sleep: Sleep = asyncio.sleep
) -> str | None:
    """Add the rule to a bucket, unless another one does the same; return the reason if that fails.

    A change by another between our read and write can be lost: S3 writes rules without a condition.
    """
    _prepare(client)
    place = Bucket(client, bucket, owner, sleep)
    try:
        await _add(place)
    except AqiError as error:
        return f"lifecycle rule that ends incomplete uploads under {SNAPSHOT_PREFIX} after a day: {error}"
    return None


async def _add(bucket: Bucket) -> None:
    there = await _there(bucket)
    rules = there.get("Rules", [])
    if any(map(_does_as_much, rules)):
        return
    if any(rule.get("ID") == RULE_ID for rule in rules):
        raise ConfigError(f"{bucket.what}: somebody changed the rule {RULE_ID}, so it is left as it is")
    xml = _with_ours(there[_XML], rules) if rules else _OPEN + _ours(rules) + _CLOSE
    if xml is None:
        raise ConfigError(f"{bucket.what}: its lifecycle rules have a form that this program does not know")
    sizes = {_SIZE: there[_SIZE]} if _SIZE in there else {}
    await bucket.call("put_bucket_lifecycle_configuration", LifecycleConfiguration=xml, **sizes)


async def _there(bucket: Bucket) -> Mapping[str, Any]:
    """Return the bucket's rules, parsed and as S3's own text; nothing if it has none."""
    try:
        answer: Mapping[str, Any] = await bucket.call("get_bucket_lifecycle_configuration")
    except Unavailable as error:
        if error_code(error) == "NoSuchLifecycleConfiguration":
            return {}
        raise
    return answer


def _does_as_much(rule: Mapping[str, Any]) -> bool:
    """Tell whether a rule ends all our uploads within the same time.

    For a rule without a prefix this is unknown: it may have a filter that botocore's model does not know.
    """
    prefix = rule.get("Filter", rule).get("Prefix")
    days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", DAYS + 1)
    covers = prefix is not None and SNAPSHOT_PREFIX.startswith(prefix)
    return covers and rule.get("Status") == "Enabled" and days <= DAYS


def _with_ours(xml: bytes, rules: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return the XML with our rule as its last; None if its end is not found."""
    before, close, after = xml.rpartition(_CLOSE)
    return before + _ours(rules) + close + after if close else None


def _ours(rules: Sequence[Mapping[str, Any]]) -> bytes:
    """Return our rule in the form of the others: S3 refuses a mixture.

    The older form has the prefix directly in the rule ("Filter element can only be used in Lifecycle V2").
    """
    is_old = any("Prefix" in rule for rule in rules)
    return _RULE.format(RULE_ID, _PREFIX if is_old else f"<Filter>{_PREFIX}</Filter>", DAYS).encode()


def _prepare(client: "S3Client") -> None:
    """Make a client take and give rules as XML; a second call changes nothing."""
    for event, operation, handler in (
        ("before-parse", _GET, _keep), ("provide-client-params", _PUT, _take), ("before-call", _PUT, _put),
    ):  # fmt: skip
        client.meta.events.register(f"{event}.s3.{operation}", handler, unique_id=f"aqi-{event}-{operation}")


def _keep(response_dict: Any, customized_response_dict: Any, **_: object) -> None:
    if response_dict["status_code"] == HTTPStatus.OK:
        customized_response_dict[_XML] = response_dict["body"]


def _take(params: Any, context: dict[str, Any], **_: object) -> Any:
    context[_SENT] = params["LifecycleConfiguration"]
    return {**params, "LifecycleConfiguration": {"Rules": []}}


def _put(params: Any, context: dict[str, Any], **_: object) -> None:
    params["body"] = context.pop(_SENT)
