"""What each of AWS's error codes means for us, and what a person can do about it.

One rule: a code that is not listed here may pass (Unavailable), unless its status says that the request is
unknown.
"""

import re

from aqi_service.errors import (
    CREATE_MAKES_IT,
    LOCAL_DOES_WITHOUT,
    OR_LOCALLY,
    AccessDenied,
    AqiError,
    ConfigError,
    InGlacier,
    ItemOutdated,
    ItemRefused,
    MissingResource,
    NotReady,
    RequestRefused,
)

NO_CREDENTIALS = (
    "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    f"or give the machine a role{LOCAL_DOES_WITHOUT}"
)
_BAD_CREDENTIALS = f"AWS does not know these credentials, or they have expired: renew them{OR_LOCALLY}"
UNREADABLE = f"the AWS credentials cannot be read or renewed: mend them{OR_LOCALLY}"
SSO_ENDED = f"the SSO session has ended, or was never begun: run aws sso login for this profile{OR_LOCALLY}"
_DENIED = "AWS denies access: these credentials lack a permission, or the resource is another account's"
_REGION = "it is in another region: set AWS_REGION to the one that it is in"
_TABLE = f"there is no such table: {CREATE_MAKES_IT}--table names another"
_BUCKET = f"there is no such bucket: {CREATE_MAKES_IT}--bucket names another"
CLOCK = (
    "waiting until this machine's clock is set: AWS refuses requests that are signed more than 15 minutes "
    "off its own clock (does NTP run?)"
)
_SENT_ON = f"{_REGION}; or the endpoint sends on to another address: see AWS_ENDPOINT_URL"
NOT_AWS = "what answers there does not speak as AWS does: check the endpoint, and what is on the way to it"
_KEY = "its KMS key is disabled, gone or not for these credentials: mend the key"
_FULL = "the account has as many buckets as it may: delete one, or ask AWS for more"
_HEAD_400 = "the credentials have expired, or it is in another region: renew them, or set AWS_REGION"
_GLOBAL = "bucket names are global and this one is another account's: choose your own with --bucket"

UNKNOWN = "the service does not know this request, and waiting does not change that"
_WRONG = "the service says that this request is wrong, and waiting does not change that"

UNKNOWN_STATUS = frozenset({405, 501})
"""Statuses that mean the same with any code."""

IN_ITS_WORDS = (ItemRefused, RequestRefused, InGlacier)
"""Errors that repeat the service's words; those of other errors may name accounts, users and keys."""

CODES: dict[str, tuple[type[AqiError], str]] = {
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
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), (NotReady, CLOCK)),
    **dict.fromkeys(
        (
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "InvalidLocationConstraint",
        ),
        (ConfigError, _REGION),
    ),
    "301": (ConfigError, _SENT_ON),
    **dict.fromkeys(
        (
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "KMS.DisabledException",
            "KMS.KMSInvalidStateException",
            "KMS.NotFoundException",
        ),
        (AccessDenied, _KEY),
    ),
    "TooManyBuckets": (ConfigError, _FULL),
    "ResourceNotFoundException": (MissingResource, _TABLE),
    "TableNotFoundException": (MissingResource, _TABLE),
    "NoSuchBucket": (MissingResource, _BUCKET),
    "BucketAlreadyExists": (ConfigError, _GLOBAL),
    "ValidationException": (ItemRefused, "AWS calls the request invalid"),
    "ConditionalCheckFailedException": (ItemOutdated, "what is there is newer"),
    **dict.fromkeys(
        (
            "NotImplemented",
            "MethodNotAllowed",
            "UnknownOperationException",
            "UnknownOperation",
            "UnsupportedOperation",
            "UnsupportedOperationException",
            "InvalidAction",
        ),
        (RequestRefused, UNKNOWN),
    ),
    **dict.fromkeys(
        ("InvalidArgument", "InvalidRequest", "SerializationException"), (RequestRefused, _WRONG)
    ),
    "InvalidObjectState": (InGlacier, "the object lies in Glacier: restore it first"),
    "InvalidBucketName": (
        ConfigError,
        "AWS does not allow this bucket name: use 3 to 63 characters of a-z 0-9 . -",
    ),
}
"""AWS's error code (of a HEAD, the status) -> our error and what to do; the others may pass (Unavailable)."""

SIGNED_OFF = re.compile(r"Signature (expired|not yet current)")
"""The words that come with the code for a wrong signature if only the clock is wrong."""

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
BUSY = THROTTLED | {
    "InternalServerError",
    "LimitExceededException",
    "OperationAborted",
    "RequestTimeout",
    "TransactionInProgressException",
}
"""Codes that ask for a repetition, with any HTTP status (DynamoDB throttles with 400)."""
GIVERS_BUSY = BUSY | {"IDPCommunicationError"}
"""The same for the services that give credentials."""
