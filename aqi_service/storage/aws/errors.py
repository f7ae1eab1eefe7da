"""AWS's errors as ours, and what to do about each.

One rule: above the storage shells nobody names botocore; what it raises is translated here, once.
"""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from aqi_service.core.redaction import redact, secrets_of
from aqi_service.errors import (
    OR_LOCALLY,
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
    GIVERS_BUSY,
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
"""Raised by what AWS's variables and files say, a file with a web identity's token among them."""

_SSO_ERRORS = (aws.TokenRetrievalError, aws.NoAuthTokenError, aws.SSOError)
_CREDENTIAL_ERRORS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.MetadataRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
)
_PASSING = frozenset({408, 425, 429})
"""Of the statuses that blame whoever asks, those of a moment."""

_AUTHORITIES = "the authorities that AWS_CA_BUNDLE or a profile's ca_bundle names cannot be read"

_TOO_EARLY = "certificate is not yet valid"
"""How a clock that was never set shows before AWS is even asked."""

_REGION = "Region"
"""Where our clients' handler notes it, beside what botocore notes of an answer."""

_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")  # the rest names account and user
_DENY = re.compile(r"with an explicit deny(?: in ((?:an?|the) [A-Za-z -]*?(?:policy|boundary)))?")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what botocore raises inside the block into our errors; `what` begins the sentence."""
    try:
        yield
    except aws.ClientError as error:
        raise translate(error, what) from error
    except (*_SSO_ERRORS, *_CREDENTIAL_ERRORS) as error:
        raise AccessDenied(f"{what}: {_no_credentials(error)}") from error
    except _CONFIG_ERRORS as error:
        raise ConfigError(f"{what}: AWS's settings cannot be used: {_one_line(error)}") from error
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer in time") from error
    except aws.SSLError as error:
        kind, why = (NotReady, CLOCK) if _TOO_EARLY in str(error) else (Unavailable, "no answer")
        raise kind(f"{what}: {why} ({_one_line(error)})") from error
    except (aws.BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError) as error:
        raise _no_answer(error, what) from error


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


def denied(error: Exception, usual: str) -> str:
    """Say why access is denied: by an explicit deny, where AWS says so, else what is `usual`."""
    words = said(error)
    named = _ACTION.search(words)
    if deny := _DENY.search(words):
        action = named[1] if named else "this"
        return (
            f"AWS denies access: an explicit deny in {deny[1] or 'a policy'} forbids {action}, which no "
            "permission outweighs: whoever owns that policy must change it"
        )
    return f"{usual}; the policy must allow {named[1]}" if named else usual


def said(error: Exception) -> str:
    """Return AWS's own sentence of an error, translated or not; empty if it is none of AWS's."""
    cause = error if isinstance(error, aws.ClientError) else error.__cause__
    response = cause.response if isinstance(cause, aws.ClientError) else {}
    return str(response.get("Error", {}).get("Message", ""))


def credentials_refused(error: aws.ClientError) -> str:
    """Say why a service that gives credentials refuses them for good; empty for what may pass.

    What their codes mean to S3 and DynamoDB counts only where it is about credentials as well.
    """
    code, status = _code(error), _status(error)
    words = _one_line(said(error))
    kind, advice = CODES.get(code, (Unavailable, ""))
    if issubclass(kind, NotReady) or SIGNED_OFF.search(words) or code in GIVERS_BUSY:
        return ""
    if issubclass(kind, AccessDenied):
        return f"{denied(error, advice)} ({code})"
    if status in _PASSING or not 400 <= status < 500:
        return ""
    return f"{error.operation_name} is refused: mend what it is asked for{OR_LOCALLY} ({code[:64]}: {words})"


def may_pass(error: AqiError) -> bool:
    """Tell whether the request that ended in this error is worth repeating within seconds."""
    if not isinstance(error, Unavailable) or isinstance(error, NotReady):
        return False
    cause = error.__cause__
    if not isinstance(cause, aws.ClientError):
        return True
    status = _status(cause)
    return status >= 500 or status == 429 or _code(cause) in BUSY


def is_throttled(error: AqiError) -> bool:
    """Tell whether AWS refused the request because it was asked for too much."""
    return isinstance(error.__cause__, aws.ClientError) and _code(error.__cause__) in THROTTLED


def translate(error: aws.ClientError, what: str) -> AqiError:
    """Return our error for a code of AWS's."""
    code = _code(error)
    words = _one_line(said(error))  # botocore's own text of it repeats the code
    kind, advice = _judged(error, words)
    if issubclass(kind, AccessDenied):
        advice = denied(error, advice)
    elif kind is MissingResource:
        advice += _where(error)
    detail = ""
    if issubclass(kind, IN_ITS_WORDS):
        detail = f" to {error.operation_name}" + (f": {words}" if words else "")
    return kind(f"{what}: {advice} ({code[:64]}{detail})")


def name_region(client: Any) -> None:
    """Have a client's errors say in which region it asked; `translate` tells of a table that is not there."""
    region = client.meta.region_name

    def note(parsed: dict[str, Any], **_: object) -> None:
        parsed.setdefault("ResponseMetadata", {})[_REGION] = region

    client.meta.events.register("after-call", note)


def _no_answer(error: Exception, what: str) -> AqiError:
    """Return our error where nothing came back; what a client could not even begin with is a setting."""
    begun = error.kwargs.get("error") if type(error) is aws.HTTPClientError else None
    if isinstance(begun, ssl.SSLError | FileNotFoundError | IsADirectoryError | PermissionError):
        return ConfigError(f"{what}: {_AUTHORITIES} ({_one_line(begun)})")
    if isinstance(begun, ValueError | aiohttp.NonHttpUrlClientError):
        return ConfigError(f"{what}: AWS's settings cannot be used: {_one_line(begun)}")
    return Unavailable(f"{what}: no answer ({_one_line(error)})")


def _no_credentials(error: Exception) -> str:
    if isinstance(error, aws.NoCredentialsError):
        return NO_CREDENTIALS
    return f"{SSO_ENDED if isinstance(error, _SSO_ERRORS) else UNREADABLE} ({type(error).__name__})"


def _where(error: aws.ClientError) -> str:
    """Say in which region something was looked for, if that is known."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    region = metadata.get(_REGION)
    return f"; it was looked for in {region}, and AWS_REGION names another region" if region else ""


def _judged(error: aws.ClientError, words: str) -> tuple[type[AqiError], str]:
    """Return our error, and what to do; `words` are AWS's sentence."""
    if SIGNED_OFF.search(words):
        return NotReady, CLOCK
    if _is_wordless(error):
        return (ConfigError if _status(error) == HTTPStatus.BAD_REQUEST else Unavailable), NOT_AWS
    return CODES.get(_code(error), _by_status(error))


def _is_wordless(error: aws.ClientError) -> bool:
    """Tell whether an answer that should have a code of AWS's blames the request, and has none.

    A HEAD has none; 301 and 403 say enough, and from 500 on it passes.
    """
    status = _status(error)
    told = status in (301, 403) or status in UNKNOWN_STATUS or status >= 500 or status == 429
    return _code(error) == str(status) and not error.operation_name.startswith("Head") and not told


def _by_status(error: aws.ClientError) -> tuple[type[AqiError], str]:
    """Return our error, and what to do, for a code that nobody knows."""
    if _status(error) in UNKNOWN_STATUS:
        return RequestRefused, UNKNOWN
    return Unavailable, "AWS cannot do it now"


def _status(error: aws.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))


def _code(error: aws.ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "?")
    return str(code or _status(error))  # a page that is well-formed XML gives an empty one


def _one_line(error: object) -> str:
    return redact(" ".join(str(error).split()), secrets_of(os.environ))[:300]
