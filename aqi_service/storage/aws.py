"""AWS clients as this program wants them, and AWS's errors as ours.

One rule: above the storage shells nobody names botocore; what it raises is translated here, once.

Credentials, region, profile and endpoint come from AWS's own variables and files.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from botocore import exceptions as aws

from aqi_service.errors import (
    AccessDenied,
    AqiError,
    ConfigError,
    ItemOutdated,
    ItemRefused,
    MissingResource,
    Unavailable,
)

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_s3.client import S3Client

DEFAULT_REGION = "us-east-1"
WRITE_CONCURRENCY = 8
"""Requests to the table at once during a load."""
LOOKUP_CONCURRENCY = 64
"""Lookups at the table at once; more wait for a connection."""

_NO_CREDENTIALS = (
    "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or give the machine a role; --local DIR does without AWS"
)
_BAD_CREDENTIALS = "AWS does not know these credentials, or they have expired: renew them, or use --local DIR"
_DENIED = "AWS denies access: these credentials lack a permission, or the resource is another account's"
_REGION = "it is in another region: set AWS_REGION to the one that it is in"
_TABLE = "there is no such table: --create makes it, --table names another"
_BUCKET = "there is no such bucket: --create makes it, --bucket names another"
_GLOBAL = "bucket names are global and this one is another account's: choose your own with --bucket"

_CODES: dict[str, tuple[type[AqiError], str]] = {
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "AllAccessDisabled"), (AccessDenied, _DENIED)),
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidToken",
            "IncompleteSignatureException",
            "MissingAuthenticationTokenException",
        ),
        (AccessDenied, _BAD_CREDENTIALS),
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        (ConfigError, _REGION),
    ),
    "ResourceNotFoundException": (MissingResource, _TABLE),
    "TableNotFoundException": (MissingResource, _TABLE),
    "NoSuchBucket": (MissingResource, _BUCKET),
    "BucketAlreadyExists": (ConfigError, _GLOBAL),
    "ValidationException": (ItemRefused, "AWS calls the request invalid"),
    "ConditionalCheckFailedException": (ItemOutdated, "what is there is newer"),
    "InvalidBucketName": (ConfigError, "AWS does not allow this bucket name: 3 to 63 of a-z 0-9 . -"),
}
"""AWS's error code -> our error and what to do; what is not here may pass by itself (Unavailable)."""

_CONFIG_ERRORS = (
    aws.ParamValidationError,
    aws.ProfileNotFound,
    aws.NoRegionError,
    aws.ConfigParseError,
    aws.InvalidRegionError,
    ValueError,
)
_CREDENTIAL_ERRORS = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)


@dataclass(frozen=True, slots=True)
class Clients:
    """One client for each purpose: a load that is throttled must not slow lookups down."""

    s3: "S3Client"
    writes: "DynamoDBClient"
    lookups: "DynamoDBClient"


@asynccontextmanager
async def open_clients() -> AsyncIterator[Clients]:
    """Open the clients; raises ConfigError when AWS's own settings cannot be used."""
    with translated("AWS"):
        session = aioboto3.Session(region_name=region())
    async with AsyncExitStack() as stack:
        with translated("AWS"):
            s3 = await stack.enter_async_context(session.client("s3", config=_config(8, 5, 30)))
            writes = await stack.enter_async_context(
                session.client("dynamodb", config=_config(WRITE_CONCURRENCY + 2, 1, 10))
            )
            lookups = await stack.enter_async_context(
                session.client("dynamodb", config=_config(LOOKUP_CONCURRENCY, 2, 3))
            )
        yield Clients(s3, writes, lookups)


def region() -> str | None:
    """Return the region to use; None leaves it to the profile.

    boto reads AWS_DEFAULT_REGION only, every other SDK AWS_REGION; here both count.
    """
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if named:
        return named
    profile = aioboto3.Session().region_name
    return str(profile) if profile else DEFAULT_REGION


def described(clients: Clients) -> str:
    """Name the region, and each endpoint that is not AWS's own."""
    urls = {name: c.meta.endpoint_url for name, c in (("S3", clients.s3), ("DynamoDB", clients.writes))}
    others = {
        name: url
        for name, url in urls.items()
        if not (urlsplit(url).hostname or "").endswith(".amazonaws.com")
    }
    if len(set(others.values())) == 1 and len(others) == len(urls):
        others = {"": next(iter(others.values()))}
    ends = "".join(f", {name} endpoint {url}".replace("  ", " ") for name, url in others.items())
    return f"region {clients.writes.meta.region_name}{ends}"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what botocore raises inside the block into our errors; `what` begins the sentence."""
    try:
        yield
    except aws.ClientError as error:
        raise translate(error, what) from error
    except _CREDENTIAL_ERRORS as error:
        raise AccessDenied(f"{what}: {_NO_CREDENTIALS}") from error
    except _CONFIG_ERRORS as error:
        raise ConfigError(f"{what}: {_one_line(error)}") from error
    except (aws.BotoCoreError, OSError) as error:
        raise Unavailable(f"{what}: no answer ({_one_line(error)})") from error


def error_code(error: aws.ClientError) -> str:
    """Return AWS's code of the error, the HTTP status as text where there is none."""
    return str(error.response.get("Error", {}).get("Code", "?"))


def translate(error: aws.ClientError, what: str) -> AqiError:
    """Return our error for a code of AWS's."""
    code = error_code(error)
    kind, advice = _CODES.get(code, (Unavailable, "AWS cannot do it now"))
    detail = f": {_one_line(error)}" if kind is ItemRefused else ""
    return kind(f"{what}: {advice} ({code}{detail})")


def _config(connections: int, attempts: int, read_timeout: float) -> AioConfig:
    """Make a client's settings; all set here, because botocore's defaults move."""
    return AioConfig(
        max_pool_connections=connections,
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
