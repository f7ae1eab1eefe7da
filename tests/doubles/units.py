"""The units of deploy/, as systemd reads them.

One rule: a directive that is given more than once keeps all that was given.
"""

import re
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

from tests import ROOT

DEPLOY = ROOT / "deploy"
SYSTEM, HOME = DEPLOY / "aqi.service", DEPLOY / "aqi-home.service"


def directives(unit: Path) -> Mapping[str, list[str]]:
    """Read a unit's directives, of all sections: name -> values."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, is_one, value = line.partition("=")
        if is_one and not line.startswith(("#", ";")):
            found.setdefault(name, []).append(value)
    return found


def variables(unit: Path) -> dict[str, str]:
    """Give the environment that a unit itself sets."""
    words = [word for value in directives(unit)["Environment"] for word in shlex.split(value)]
    return dict(word.split("=", 1) for word in words)


def command(unit: Path) -> list[str]:
    """Give what a unit starts, word by word."""
    [start] = directives(unit)["ExecStart"]
    return shlex.split(start)


def environment_file(text: str) -> dict[str, str]:
    """Give what a unit's EnvironmentFile= sets, as systemd 252 reads it (src/basic/env-file.c).

    A backslash at the end of a line takes the next one in, and so does a quote that nothing closes.
    """
    found = dict[str, str]()
    while head := re.match(r"\s*(?:[#;].*\n\s*)*(\w+)=[ \t]*", text):
        text, value = text[head.end() :], ""
        while part := re.match(r"""(?s)"((?:\\.|[^"\\])*)(?:"|\Z)[ \t]*|'([^']*)(?:'|\Z)[ \t]*""", text):
            text = text[part.end() :]
            value += part[2] if part[1] is None else re.sub(r'\\(["`$\\])', r"\1", part[1])
        rest = re.match(r"((?:\\(?s:.)|[^\n\\])*)(?:\n|\Z)", text)
        assert rest, text
        text = text[rest.end() :]
        found[head[1]] = value + re.sub(r"\\(?s:(.))", lambda it: it[1].strip("\n"), rest[1]).rstrip()
    return found


def allowed_calls(unit: Path, sets: str) -> set[str]:
    """Name the calls that a unit leaves; `sets` is what `systemd-analyze syscall-filter` prints."""
    groups: dict[str, list[str]] = {}
    for line in sets.splitlines():
        if line.startswith("@"):
            members = groups.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.lstrip().startswith("#"):
            members.append(line.strip())

    def calls(name: str) -> set[str]:
        return set().union(*map(calls, groups[name])) if name in groups else {name}

    left = calls("@default")
    for value in directives(unit)["SystemCallFilter"]:
        named = set().union(*map(calls, value.removeprefix("~").split()))
        left = left - named if value.startswith("~") else left | named
    return left | calls("@default")


def call_numbers(header: str) -> dict[str, int]:
    """Read the numbers of calls out of Linux's header."""
    found = re.findall(r"^#define __NR_(\w+)\s+(\d+)$", header, re.MULTILINE)
    return {name: int(number) for name, number in found}


def families(unit: Path) -> list[socket.AddressFamily]:
    """Give the families of sockets that a unit leaves."""
    [named] = directives(unit)["RestrictAddressFamilies"]
    return [socket.AddressFamily[name] for name in named.split()]
