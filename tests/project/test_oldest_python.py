"""What the oldest Python that is supported gets wrong: 3.11.2 of Debian 12, which no machine of CI has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

FOLDERS = ("aqi_service", "bench", "deploy", "tests", "tools", "trials")
POSSESSIVE = re.compile(r"[^\\]\)(?:[*+?]|\{{1,2}[0-9]*,?[0-9]*\}{1,2})\+|\(\?>")
"""A possessive quantifier behind a group, or a group that is never entered again."""


def texts(source: str) -> Iterator[str]:
    """Give each text of a program; what is put into one is an x."""
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inside.update(node.values)
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values)
        elif isinstance(node, ast.Constant) and node not in inside and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def wrong(source: str) -> list[str]:
    """Give the patterns that match what they should not before Python 3.11.5 (gh-106052)."""
    if not POSSESSIVE.search(source):
        return []
    return [text for text in texts(source) if POSSESSIVE.search(text) and is_pattern(text)]


def is_pattern(text: str) -> bool:
    """Tell whether a text is a regular expression: some others have the same characters in them."""
    try:
        re.compile(text)
    except re.error:
        return False
    return True


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pattern_has_a_possessive_group_which_matches_too_much_on_debian_12(folder: str) -> None:
    """`(?:a(?<!b))?+` matches there what it should not: numbers were kept as `8.10`, and elements cut."""
    paths = [path for path in sorted(Path(ROOT, folder).rglob("*.py")) if path != Path(__file__)]
    assert paths
    assert {path.name: found for path in paths if (found := wrong(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("pattern", [r"(?:a|b)*+", r"(?:ab)?+c", r"(a){1,3}+", "(?>ab)c"])
def test_a_possessive_group_would_be_found(pattern: str) -> None:
    assert wrong(f"PATTERN = {pattern!r}") == [pattern]
    assert wrong(f"PATTERN = rb'{pattern}'") == [pattern]
    doubled = pattern.replace("{", "{{").replace("}", "}}")
    assert wrong(f"PATTERN = rf'{{OTHER}}{doubled}'") == [f"x{pattern}"]


@pytest.mark.parametrize("pattern", [r"[ab]*+c", "a++", r"\)+", "()*+,;=[", "(a+)+"])
def test_what_is_right_everywhere_is_left_alone(pattern: str) -> None:
    assert wrong(f"PATTERN = {pattern!r}") == []
