"""What may be shown of a text that is not ours: on one line, without control characters and secrets.

Rule: text in, text out; whatever leads to a log, a terminal or a report may be put through here once more.
"""

import re
from collections.abc import Iterable, Mapping

HIDDEN = "[hidden]"

SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)
"""Variables whose values are secrets wherever they turn up."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
"""What makes a spreadsheet take a cell for a formula, or what it passes over before it looks for one.

Source: OWASP, CSV Injection.
"""

LEAST_SECRET = 8
"""Characters from which on such a value is taken out of a text: a shorter one may be any word of it."""

_URL = re.compile(r"://[^\s\"'<>]+")
_PASSWORD = re.compile(r":[^\s:/@\"'<>]+@")
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>]+")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)\b([\"']?\s{0,3}[:=]\s{0,3})[^\r\n]+")
_NAMED = re.compile(
    r"(?i)(password|passwd|pwd|secret|token|credential|signature|(?:access|api)[_-]?key)"
    r"([\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?!\[hidden)[^\s\"',;&<>]+"
)
"""Each is searched in a time that grows with the text and no faster: it may be a peer's."""


def printable(text: str) -> str:
    """Return the text on one line: what is no printable character as Python would write it.

    That is what moves a cursor, ends a line, turns the direction of writing round, or cannot be seen.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets, and without what has the form of one.

    URLs lose user, password, query and fragment, `user:password@host` its password; headers, and `name=value`
    with a telling name, lose their value.
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _PASSWORD.sub(f":{HIDDEN}@", _QUERY.sub("", _URL.sub(_plain_url, text)))
    return _NAMED.sub(rf"\1\2{HIDDEN}", _HEADER.sub(rf"\1\2{HIDDEN}", text))


def _plain_url(found: re.Match[str]) -> str:
    """Return the part of a URL from `://` on without query, fragment and what stands before an `@`."""
    place = re.split("[?#]", found[0], maxsplit=1)[0]
    return "/".join(part.rpartition("@")[2] for part in place.split("/"))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Return the secrets that an environment holds."""
    found = (environ.get(name, "") for name in SECRET_VARIABLES)
    return [value for value in found if len(value) >= LEAST_SECRET]
