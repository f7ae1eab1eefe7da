"""Makes the bucket, private and encrypted, or finishes one that an interrupted `--create` began.

One rule: a bucket that `--create` did not make keeps its access and its encryption.

Our buckets have a tag (TAG), which is set before anything else. A later start adds only settings that are not
set at all; an owner's other settings stay. A setting that a store does not take gives one sentence, and the
rest goes on.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aqi_service.errors import AccessDenied, AqiError, MissingResource, NotReady, Unavailable
from aqi_service.storage.aws.errors import may_pass
from aqi_service.storage.aws.refusals import error_code
from aqi_service.storage.aws.retry import Sleep, answering
from aqi_service.storage.aws.s3_bucket import Bucket

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

TAG = "aqi-service"
"""The key of the tag that says that `--create` made the bucket."""

_TAGS = [{"Key": TAG, "Value": "made-by-create"}]
_PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


class _Setting(NamedTuple):
    """One setting of a bucket: what is missing without it, how to ask for it, and how to make it.

    `absent` is the code with which S3 says that it is not set.
    """

    lacks: str
    look: str
    absent: str
    make: str
    values: Mapping[str, Any]


_SETTINGS = (
    _Setting(
        "block of public access",
        "get_public_access_block",
        "NoSuchPublicAccessBlockConfiguration",
        "put_public_access_block",
        {"PublicAccessBlockConfiguration": _PRIVATE},
    ),
    _Setting(
        "encryption by default",
        "get_bucket_encryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        "put_bucket_encryption",
        {"ServerSideEncryptionConfiguration": _ENCRYPTED},
    ),
)


class BucketMaker:
    """Makes one bucket, in as many attempts as needed; `owner` is the account that must own it."""

    def __init__(
        self, client: "S3Client", name: str, owner: str | None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._client, self._name = client, name
        self._bucket = Bucket(client, name, owner, sleep)
        self._made = False  # by this process, which knows it without the tag

    async def make(self) -> list[str]:
        """Make the bucket, or what it lacks; return what could not be made, one sentence each.

        Another account's bucket is left alone; `Archive.check` reports it.
        """
        try:
            async with answering(self._bucket.what):
                await self._bucket.call("list_objects_v2", MaxKeys=1)
        except MissingResource:
            await self._create()
        except AccessDenied as error:
            if error_code(error) != "AccessDenied":
                raise
            return []
        return await self._harden()

    async def _create(self) -> None:
        """Make the bucket; one made by an earlier request of ours whose answer was lost is fine too."""
        where = _region(self._client.meta.region_name)
        try:
            await self._bucket.repeat(lambda: self._client.create_bucket(Bucket=self._name, **where))
        except Unavailable as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise
        self._made = True

    async def _harden(self) -> list[str]:
        """Make our bucket private and encrypted; for another's only say what it lacks."""
        if self._made:
            lacks = [await self._tag(), *[await self._put(setting) for setting in _SETTINGS]]
        elif await self._is_ours():
            lacks = [await self._add(setting) for setting in _SETTINGS]
        else:
            lacks = [await self._left_alone()]
        return [lack for lack in lacks if lack]

    async def _is_ours(self) -> bool:
        """Tell whether `--create` made the bucket; False if its tags cannot be read."""
        try:
            answer = await self._ask("get_bucket_tagging")
        except AqiError as error:
            if not _refused(error):
                raise
            return False
        return TAG in {tag["Key"] for tag in answer.get("TagSet", [])}

    async def _tag(self) -> str:
        """Put our tag on a bucket that we have just made; return the reason if that fails."""
        try:
            await self._ask("put_bucket_tagging", Tagging={"TagSet": _TAGS})
        except AqiError as error:
            if not _refused(error):
                raise
            return f"tag {TAG}, by which a later start knows the bucket for its own: {error}"
        return ""

    async def _put(self, setting: _Setting) -> str:
        """Make a setting; return the reason if the store does not take it. Raises AccessDenied."""
        try:
            await self._ask(setting.make, **setting.values)
        except AqiError as error:
            if not _refused(error) or isinstance(error, AccessDenied):
                raise
            return f"{setting.lacks}: {error}"
        return ""

    async def _add(self, setting: _Setting) -> str:
        """Make a missing setting; return the reason if it cannot be made or checked."""
        seen = await self._look(setting)
        if isinstance(seen, AqiError):
            return f"{setting.lacks}: {seen}"
        return "" if seen else await self._put(setting)

    async def _look(self, setting: _Setting) -> bool | AqiError:
        """Tell whether a setting exists, in any form; or return why that cannot be checked."""
        try:
            await self._ask(setting.look)
        except AqiError as error:
            if not _refused(error):
                raise
            return False if error_code(error) == setting.absent else error
        return True

    async def _left_alone(self) -> str:
        """Say in one sentence what a bucket that is not ours lacks."""
        lacks = [setting.lacks for setting in _SETTINGS if await self._look(setting) is False]
        if not lacks:
            return ""
        return f"{' and '.join(lacks)}: {self._bucket.what} was there before, and stays as its owner has it"

    async def _ask(self, operation: str, **values: Any) -> Any:
        """Call an operation; a bucket that is missing although it was just made, or there, may come back."""
        try:
            return await self._bucket.call(operation, **values)
        except MissingResource:
            raise Unavailable(f"{self._bucket.what} is not there yet, or no more") from None


def _refused(error: AqiError) -> bool:
    """Tell whether a store will refuse this request the next time too, for whatever reason."""
    return not (isinstance(error, NotReady) or may_pass(error))


def _region(name: str) -> dict[str, Any]:
    """Return where to make a bucket; nothing for us-east-1, S3's default, which it refuses by name."""
    return {} if name == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": name}}
