"""Translates AWS's errors into ours, and says what to do about each.

One rule: above the storage folders nothing names botocore; its errors are translated here, once.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from aqi_service.errors import (
    AccessDenied,
    AqiError,
    ConfigError,
    ItemRefused,
    MissingResource,
    NotReady,
    RequestRefused,
    Unavailable,
)
from aqi_service.storage.aws.error_codes import (
    BUSY,
    CLOCK,
    CODES,
    IN_ITS_WORDS,
    NO_CREDENTIALS,
    NOT_AWS,
    SIGNED_OFF,
    SSO_ENDED,
    THROTTLED,
    UNKNOWN,
    UNKNOWN_STATUS,
    UNREADABLE,
)
from aqi_service.storage.aws.refusals import asked_region, code_of, denied, one_line, said, status_of

_CONFIG_ERRORS = (
    aws.ParamValidationError,
    aws.ProfileNotFound,
    aws.NoRegionError,
    aws.ConfigNotFound,
    aws.ConfigParseError,
    aws.UnknownCredentialError,
    *(kind for name, kind in vars(aws).items() if name.startswith("Invalid")),  # all are of a setting
    aws.EndpointProviderError,
    aws.MissingDependencyException,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ValueError,
)
"""Errors that come from AWS's variables and files (also from a file with a web identity's token)."""

_SSO_ERRORS = (aws.TokenRetrievalError, aws.NoAuthTokenError, aws.SSOError)
_CREDENTIAL_ERRORS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.MetadataRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
)
_AUTHORITIES = "the authorities that AWS_CA_BUNDLE or a profile's ca_bundle names cannot be read"

_TOO_EARLY = "certificate is not yet valid"
"""The sign of a clock that was never set, before AWS is even asked."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's errors in the block into ours; `what` begins the sentence."""
    try:
        yield
    except aws.ClientError as error:
        raise translate(error, what) from error
    except (*_SSO_ERRORS, *_CREDENTIAL_ERRORS) as error:
        raise AccessDenied(f"{what}: {_no_credentials(error)}") from error
    except _CONFIG_ERRORS as error:
        raise ConfigError(f"{what}: AWS's settings cannot be used: {one_line(error)}") from error
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer in time") from error
    except aws.SSLError as error:
        kind, why = (NotReady, CLOCK) if _TOO_EARLY in str(error) else (Unavailable, "no answer")
        raise kind(f"{what}: {why} ({one_line(error)})") from error
    except (aws.BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError) as error:
        raise _no_answer(error, what) from error


@contextmanager
def refused_as(kind: type[AqiError]) -> Iterator[None]:
    """Raise `kind` if AWS calls a request without items invalid."""
    try:
        yield
    except ItemRefused as error:
        raise kind(str(error)) from error


def may_pass(error: AqiError) -> bool:
    """Tell whether it makes sense to repeat the request of this error within seconds."""
    if not isinstance(error, Unavailable) or isinstance(error, NotReady):
        return False
    cause = error.__cause__
    if not isinstance(cause, aws.ClientError):
        return True
    status = status_of(cause)
    return status >= 500 or status == 429 or code_of(cause) in BUSY


def is_throttled(error: AqiError) -> bool:
    """Tell whether AWS refused the request because there were too many."""
    return isinstance(error.__cause__, aws.ClientError) and code_of(error.__cause__) in THROTTLED


def translate(error: aws.ClientError, what: str) -> AqiError:
    """Return our error for one of AWS's codes."""
    code = code_of(error)
    words = one_line(said(error))  # botocore's own text of it repeats the code
    kind, advice = _judged(error, words)
    if issubclass(kind, AccessDenied):
        advice = denied(error, advice)
    elif kind is MissingResource:
        advice += asked_region(error)
    detail = ""
    if issubclass(kind, IN_ITS_WORDS):
        detail = f" to {error.operation_name}" + (f": {words}" if words else "")
    return kind(f"{what}: {advice} ({code[:64]}{detail})")


def _no_answer(error: Exception, what: str) -> AqiError:
    """Return our error if no answer came; if a client could not even begin, a setting is wrong."""
    begun = error.kwargs.get("error") if type(error) is aws.HTTPClientError else None
    if isinstance(begun, ssl.SSLError | FileNotFoundError | IsADirectoryError | PermissionError):
        return ConfigError(f"{what}: {_AUTHORITIES} ({one_line(begun)})")
    if isinstance(begun, ValueError | aiohttp.NonHttpUrlClientError):
        return ConfigError(f"{what}: AWS's settings cannot be used: {one_line(begun)}")
    return Unavailable(f"{what}: no answer ({one_line(error)})")


def _no_credentials(error: Exception) -> str:
    if isinstance(error, aws.NoCredentialsError):
        return NO_CREDENTIALS
    return f"{SSO_ENDED if isinstance(error, _SSO_ERRORS) else UNREADABLE} ({type(error).__name__})"


def _judged(error: aws.ClientError, words: str) -> tuple[type[AqiError], str]:
    """Return our error, and what to do; `words` is AWS's sentence."""
    if SIGNED_OFF.search(words):
        return NotReady, CLOCK
    if _is_wordless(error):
        return (ConfigError if status_of(error) == HTTPStatus.BAD_REQUEST else Unavailable), NOT_AWS
    return CODES.get(code_of(error), _by_status(error))


def _is_wordless(error: aws.ClientError) -> bool:
    """Tell whether an answer blames the request but lacks the code that AWS would give.

    A HEAD never has a code; 301 and 403 say enough, and from 500 on it may pass.
    """
    status = status_of(error)
    told = status in (301, 403) or status in UNKNOWN_STATUS or status >= 500 or status == 429
    return code_of(error) == str(status) and not error.operation_name.startswith("Head") and not told


def _by_status(error: aws.ClientError) -> tuple[type[AqiError], str]:
    """Return our error, and what to do, for an unknown code."""
    if status_of(error) in UNKNOWN_STATUS:
        return RequestRefused, UNKNOWN
    return Unavailable, "AWS cannot do it now"
