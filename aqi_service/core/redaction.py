"""Makes foreign text fit to be shown: on one line, without control characters and secrets.

Rule: text in, text out; text on its way to a log, a terminal or a report may safely come through here twice.
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
"""Variables whose values are secrets wherever they appear."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
"""Characters that make a spreadsheet take a cell for a formula, or that it skips before it looks for one.

Source: OWASP, CSV Injection.
"""

LEAST_SECRET = 8
"""Such a value is removed from a text only if it has at least this many characters: a shorter one may be an
ordinary word."""

_URL = re.compile(r"://[^\s\"'<>]+")
_PASSWORD = re.compile(r":[^\s:/@\"'<>]+@")
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>]+")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)\b([\"']?\s{0,3}[:=]\s{0,3})[^\r\n]+")
_NAMED = re.compile(
    r"(?i)(password|passwd|pwd|secret|token|credential|signature|(?:access|api)[_-]?key)"
    r"([\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?!\[hidden)[^\s\"',;&<>]+"
)
"""Each search takes time that grows only linearly with the text, which may come from a peer."""


def printable(text: str) -> str:
    """Return the text on one line; characters that are not printable are written as Python's escapes.

    These are characters that move a cursor, end a line, change the direction of writing, or cannot be seen.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets, and without anything that has the form of a secret.

    URLs lose user, password, query and fragment, `user:password@host` its password; headers, and `name=value`
    with a telling name, lose their value.
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _PASSWORD.sub(f":{HIDDEN}@", _QUERY.sub("", _URL.sub(_plain_url, text)))
    return _NAMED.sub(rf"\1\2{HIDDEN}", _HEADER.sub(rf"\1\2{HIDDEN}", text))


def _plain_url(found: re.Match[str]) -> str:
    """Return the part of a URL from `://` on, without query, fragment and the part before an `@`."""
    place = re.split("[?#]", found[0], maxsplit=1)[0]
    return "/".join(part.rpartition("@")[2] for part in place.split("/"))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Return the secrets in an environment."""
    found = (environ.get(name, "") for name in SECRET_VARIABLES)
    return [value for value in found if len(value) >= LEAST_SECRET]
