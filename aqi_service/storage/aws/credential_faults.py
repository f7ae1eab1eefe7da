"""Why a source gives no credentials: faults that pass by themselves, and faults that a person must mend.

One rule: this file judges answers of the services that give credentials; the same codes mean other things for
S3 and DynamoDB.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

from botocore import exceptions as aws

from aqi_service.errors import OR_LOCALLY, AccessDenied, ConfigError, NotReady, Unavailable
from aqi_service.storage.aws.error_codes import CODES, GIVERS_BUSY, SIGNED_OFF
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.refusals import code_of, denied, one_line, said, status_of

_STATUS = re.compile(r"non 200 response (\d{3})")
_FOR_GOOD = frozenset({"400", "401", "403"})
"""Statuses with which a container's agent refuses: it is there, but the request is wrong."""

_UNFIT = re.compile(r"Unsupported version|Missing required key")
"""botocore's words about a process that ended well but printed no credentials."""

_SET_FROM_OUTSIDE = frozenset({"Environment", "EcsContainer"})
"""Sources of a role's own credentials that are variables: these cannot appear while a process runs."""

_PASSING = frozenset({408, 425, 429})
"""Statuses that blame the client but may pass."""

_STALE = "its credentials have expired already: this machine's clock, or the source's, is wrong"
_NONE = f"it gives no valid credentials: mend it{OR_LOCALLY}"
_NO_VARIABLES = f"the variables that it names are not set: set them{OR_LOCALLY}"


@contextmanager
def explained(source: str, token_files: Collection[str]) -> Iterator[None]:
    """Raise NotReady for faults that pass by themselves, and ConfigError for those that a person must mend.

    `source` begins the sentence; each of `token_files` may be written, or filled, later.
    """
    what = f"AWS credentials from {source}"
    try:
        with translated(what), _judged(what, token_files):
            yield
    except NotReady:
        raise
    except Unavailable as error:
        raise NotReady(f"waiting for {error}") from error


@contextmanager
def _judged(what: str, token_files: Collection[str]) -> Iterator[None]:
    """Judge an error of the chain of sources; one that means the same everywhere goes on unchanged."""
    try:
        yield
    except Exception as error:
        judges = (judge for kinds, judge in _JUDGES if isinstance(error, kinds))
        judged = next(judges, _as_it_is)(error, what, token_files)
        if judged is error:
            raise
        raise judged from error


def _as_it_is(error: Any, _what: str, _token_files: Collection[str]) -> Exception:
    return error  # type: ignore[no-any-return]  # whatever it is


def _refused(error: Any, what: str, _token_files: Collection[str]) -> Exception:
    words = _refused_for_good(error)
    return AccessDenied(f"{what}: {words}") if words else error


def _refused_for_good(error: aws.ClientError) -> str:
    """Say why a service refuses credentials for good; empty if the refusal may pass.

    The meaning of its codes for S3 and DynamoDB counts only if that is about credentials too.
    """
    code, status = code_of(error), status_of(error)
    words = one_line(said(error))
    kind, advice = CODES.get(code, (Unavailable, ""))
    if issubclass(kind, NotReady) or SIGNED_OFF.search(words) or code in GIVERS_BUSY:
        return ""
    if issubclass(kind, AccessDenied):
        return f"{denied(error, advice)} ({code})"
    if status in _PASSING or not 400 <= status < 500:
        return ""
    return f"{error.operation_name} is refused: mend what it is asked for{OR_LOCALLY} ({code[:64]}: {words})"


def _not_given(error: Any, what: str, _token_files: Collection[str]) -> Exception:
    """Return what is wrong if a source was asked and gave nothing."""
    status = _STATUS.search(str(error))
    if status and status[1] in _FOR_GOOD:
        return error  # type: ignore[no-any-return]  # one of botocore's
    if error.kwargs.get("provider") in _SET_FROM_OUTSIDE:
        return AccessDenied(f"{what}: {_NO_VARIABLES}")
    if _UNFIT.search(str(error)):
        return _unfit(error, what, _token_files)
    return _not_ready(what, f"it answered {status[1]}" if status else "none yet")


def _no_file(error: Any, what: str, token_files: Collection[str]) -> Exception:
    if error.filename is None:  # uvloop's words of a process that cannot be begun
        return ConfigError(f"{what}: the program that it names cannot be run: {error.strerror}")
    is_late = error.filename in token_files and not isinstance(error, PermissionError)
    return _not_ready(what, f"there is no file {error.filename} yet") if is_late else error


def _no_parameter(error: Any, what: str, token_files: Collection[str]) -> Exception:
    is_late = token_files and "WebIdentityToken" in str(error)
    return _not_ready(what, "the file with the token is still empty") if is_late else error


def _no_answer(_error: Any, what: str, _token_files: Collection[str]) -> Exception:
    return _not_ready(what, "its answer has no credentials")


def _unfit(_error: Any, what: str, _token_files: Collection[str]) -> Exception:
    return AccessDenied(f"{what}: {_NONE}")


def _stale(error: Any, what: str, _token_files: Collection[str]) -> Exception:
    return _not_ready(what, _STALE) if "expired" in str(error) else error


_JUDGES: tuple[tuple[tuple[type[Exception], ...], Callable[[Any, str, Collection[str]], Exception]], ...] = (
    ((aws.ClientError,), _refused),
    ((aws.NoCredentialsError, aws.CredentialRetrievalError, aws.MetadataRetrievalError), _not_given),
    ((aws.ParamValidationError,), _no_parameter),
    ((FileNotFoundError, PermissionError), _no_file),
    ((KeyError, TypeError), _no_answer),
    ((JSONDecodeError, UnicodeDecodeError, AttributeError), _unfit),  # only what a process prints is read so
    ((RuntimeError,), _stale),
)


def _not_ready(what: str, why: str) -> NotReady:
    return NotReady(f"waiting for {what}: {why}")


def nobody_types(_prompt: str) -> str:
    """Refuse to ask for a code: a service has no user at a terminal, and its event loop would stop."""
    raise ConfigError(
        "AWS: the profile asks for an MFA code, which nobody can type into a service: name a profile with "
        f"credentials of a session (aws sts get-session-token){OR_LOCALLY}"
    )
