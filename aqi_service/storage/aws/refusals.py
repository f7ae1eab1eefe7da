"""The parts of AWS's refusals: code, status, words, region, and who denies.

One rule: everything repeated from it is on one line, without secrets.
"""

import os
import re
from typing import Any

from botocore import exceptions as aws

from aqi_service.core.redaction import redact, secrets_of
from aqi_service.errors import AqiError

_REGION = "Region"
"""The key under which our clients' handler notes the region in botocore's notes on an answer."""

_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")  # the rest names account and user
_DENY = re.compile(r"with an explicit deny(?: in ((?:an?|the) [A-Za-z -]*?(?:policy|boundary)))?")


def error_code(error: AqiError) -> str:
    """Return AWS's code of a translated error (for a HEAD, the status as text); empty if AWS gave none."""
    return code_of(error.__cause__) if isinstance(error.__cause__, aws.ClientError) else ""


def said(error: Exception) -> str:
    """Return AWS's own sentence of an error, translated or not; empty if the error is not AWS's."""
    cause = error if isinstance(error, aws.ClientError) else error.__cause__
    response = cause.response if isinstance(cause, aws.ClientError) else {}
    return str(response.get("Error", {}).get("Message", ""))


def denied(error: Exception, usual: str) -> str:
    """Say why access is denied: an explicit deny, if AWS says so, else the `usual` reason."""
    words = said(error)
    named = _ACTION.search(words)
    if deny := _DENY.search(words):
        action = named[1] if named else "this"
        return (
            f"AWS denies access: an explicit deny in {deny[1] or 'a policy'} forbids {action}, and no "
            "permission outweighs it: the owner of that policy must change it"
        )
    return f"{usual}; the policy must allow {named[1]}" if named else usual


def name_region(client: Any) -> None:
    """Make a client's errors name the region; `translate` uses it for a missing table."""
    region = client.meta.region_name

    def note(parsed: dict[str, Any], **_: object) -> None:
        parsed.setdefault("ResponseMetadata", {})[_REGION] = region

    client.meta.events.register("after-call", note)


def asked_region(error: aws.ClientError) -> str:
    """Say in which region something was searched, if known."""
    region = dict(error.response.get("ResponseMetadata", {})).get(_REGION)
    return f"; it was looked for in {region}, and AWS_REGION names another region" if region else ""


def status_of(error: aws.ClientError) -> int:
    """Return the HTTP status; 500 if there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))


def code_of(error: aws.ClientError) -> str:
    """Return AWS's code; the status as text if AWS gave none."""
    code = error.response.get("Error", {}).get("Code", "?")
    return str(code or status_of(error))  # a page that is well-formed XML gives an empty one


def one_line(error: object) -> str:
    """Return an error's text on one line, without secrets, and not too long."""
    return redact(" ".join(str(error).split()), secrets_of(os.environ))[:300]
