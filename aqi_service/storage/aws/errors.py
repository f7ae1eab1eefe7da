"""AWS's errors as ours, and what to do about each.

One rule: above the storage shells nobody names botocore; what it raises is translated here, once.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from aqi_service.core.redaction import redact, secrets_of
from aqi_service.errors import (
    AccessDenied,
    AqiError,
    ConfigError,
    ItemOutdated,
    ItemRefused,
    MissingResource,
    Unavailable,
)

_NO_CREDENTIALS = (
    "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or give the machine a role; --local DIR does without AWS"
)
_BAD_CREDENTIALS = "AWS does not know these credentials, or they have expired: renew them, or use --local DIR"
_UNREADABLE = "the AWS credentials cannot be read or renewed: mend them, or use --local DIR"
_DENIED = "AWS denies access: these credentials lack a permission, or the resource is another account's"
_REGION = "it is in another region: set AWS_REGION to the one that it is in"
_TABLE = "there is no such table: --create makes it, --table names another"
_BUCKET = "there is no such bucket: --create makes it, --bucket names another"
_CLOCK = "this machine's clock is wrong: set it (AWS refuses what is signed more than 15 minutes off)"
_HEAD_400 = "the credentials have expired, or it is in another region: renew them, or set AWS_REGION"
_GLOBAL = "bucket names are global and this one is another account's: choose your own with --bucket"

_CODES: dict[str, tuple[type[AqiError], str]] = {
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "AllAccessDisabled",
            "AccountProblem",
            "NotSignedUp",
            "OptInRequired",
            "403",
        ),
        (AccessDenied, _DENIED),
    ),
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
    "400": (AccessDenied, _HEAD_400),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), (ConfigError, _CLOCK)),
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
    "UnknownOperationException": (ConfigError, "this endpoint does not know the operation"),
    "InvalidBucketName": (ConfigError, "AWS does not allow this bucket name: 3 to 63 of a-z 0-9 . -"),
}
"""AWS's error code (of a HEAD, the status) -> our error and what to do; the others may pass (Unavailable)."""

_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_BUSY = _THROTTLED | {
    "InternalServerError",
    "LimitExceededException",
    "OperationAborted",
    "RequestTimeout",
    "TransactionInProgressException",
}
"""Codes that ask for a repetition, whatever the HTTP status (DynamoDB throttles with 400)."""

_CONFIG_ERRORS = (
    aws.ParamValidationError,
    aws.ProfileNotFound,
    aws.NoRegionError,
    aws.ConfigNotFound,
    aws.ConfigParseError,
    aws.InvalidConfigError,
    aws.UnknownCredentialError,
    aws.InvalidRegionError,
    aws.InvalidProxiesConfigError,
    aws.InvalidRetryConfigurationError,
    aws.InvalidS3AddressingStyleError,
    aws.InvalidChecksumConfigError,
    aws.InvalidDefaultsMode,
    aws.EndpointProviderError,
    aws.MissingDependencyException,
    FileNotFoundError,
    PermissionError,
    ValueError,
)
"""Raised by what AWS's variables and files say, a file with a web identity's token among them."""

_CREDENTIAL_ERRORS = (
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.NoAuthTokenError,
    aws.SSOError,
    aws.MetadataRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
)
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")  # the rest names account and user


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what botocore raises inside the block into our errors; `what` begins the sentence."""
    try:
        yield
    except aws.ClientError as error:
        raise translate(error, what) from error
    except aws.NoCredentialsError as error:
        raise AccessDenied(f"{what}: {_NO_CREDENTIALS}") from error
    except _CREDENTIAL_ERRORS as error:
        raise AccessDenied(f"{what}: {_UNREADABLE} ({type(error).__name__})") from error
    except _CONFIG_ERRORS as error:
        raise ConfigError(f"{what}: AWS's settings cannot be used: {_one_line(error)}") from error
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer in time") from error
    except (aws.BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"{what}: no answer ({_one_line(error)})") from error


@contextmanager
def refused_as(kind: type[AqiError]) -> Iterator[None]:
    """Raise `kind` where AWS calls a request invalid that carries no item."""
    try:
        yield
    except ItemRefused as error:
        raise kind(str(error)) from error


def error_code(error: AqiError) -> str:
    """Return AWS's code of a translated error, of a HEAD the status as text; empty if AWS gave none."""
    return _code(error.__cause__) if isinstance(error.__cause__, aws.ClientError) else ""


def lacks(error: Exception) -> str:
    """Name, as the end of a sentence, the action that a refusal says is not allowed; empty if it does not."""
    cause = error if isinstance(error, aws.ClientError) else error.__cause__
    said = cause.response.get("Error", {}).get("Message", "") if isinstance(cause, aws.ClientError) else ""
    return f"; the policy must allow {named[1]}" if (named := _ACTION.search(str(said))) else ""


def may_pass(error: AqiError) -> bool:
    """Tell whether the request that ended in this error is worth repeating soon."""
    if not isinstance(error, Unavailable):
        return False
    cause = error.__cause__
    if not isinstance(cause, aws.ClientError):
        return True
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status >= 500 or status == 429 or _code(cause) in _BUSY


def is_throttled(error: AqiError) -> bool:
    """Tell whether AWS refused the request because it was asked for too much."""
    return isinstance(error.__cause__, aws.ClientError) and _code(error.__cause__) in _THROTTLED


def translate(error: aws.ClientError, what: str) -> AqiError:
    """Return our error for a code of AWS's."""
    code = _code(error)
    kind, advice = _CODES.get(code, (Unavailable, "AWS cannot do it now"))
    detail = f": {_one_line(error)}" if kind is ItemRefused else ""
    return kind(f"{what}: {advice}{lacks(error)} ({code[:64]}{detail})")


def _code(error: aws.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "?"))


def _one_line(error: Exception) -> str:
    return redact(" ".join(str(error).split()), secrets_of(os.environ))[:300]
