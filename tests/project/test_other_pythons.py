"""What other Pythons than CI's get wrong: 3.11.2 of Debian 12, and 3.12.0 to 3.12.3."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

FOLDERS = ("aqi_service", "bench", "deploy", "tests", "tools", "trials")
POSSESSIVE = re.compile(r"[^\\]\)(?:[*+?]|\{{1,2}[0-9]*,?[0-9]*\}{1,2})\+|\(\?>")
"""A possessive quantifier behind a group, or a group that is never entered again."""

NUMBERED = re.compile(r"\?[0-9]")
STATEMENT = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b")


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


def numbered(source: str) -> list[str]:
    """Give the statements whose values are numbered: 3.12 warned of them before 3.12.4 (gh-117995)."""
    return [text for text in texts(source) if STATEMENT.search(text) and NUMBERED.search(text)]


def sources(folder: str) -> dict[str, str]:
    """Read a folder's programs, but for this one."""
    paths = [path for path in sorted(Path(ROOT, folder).rglob("*.py")) if path != Path(__file__)]
    assert paths
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pattern_has_a_possessive_group_which_matches_too_much_on_debian_12(folder: str) -> None:
    """`(?:a(?<!b))?+` matches there what it should not: numbers were kept as `8.10`, and elements cut."""
    assert {name: found for name, source in sources(folder).items() if (found := wrong(source))} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_statement_numbers_its_values_which_the_first_python_3_12_takes_for_named(folder: str) -> None:
    found = {name: numbered(source) for name, source in sources(folder).items() if "?" in source}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_a_numbered_value_would_be_found() -> None:
    assert numbered('execute("SELECT * FROM air WHERE id = ?1", (7,))') == ["SELECT * FROM air WHERE id = ?1"]
    assert numbered('execute("SELECT * FROM air WHERE id = ?", (7,)); url = "/?1"') == []


@pytest.mark.parametrize("pattern", [r"(?:a|b)*+", r"(?:ab)?+c", r"(a){1,3}+", "(?>ab)c"])
def test_a_possessive_group_would_be_found(pattern: str) -> None:
    assert wrong(f"PATTERN = {pattern!r}") == [pattern]
    assert wrong(f"PATTERN = rb'{pattern}'") == [pattern]
    doubled = pattern.replace("{", "{{").replace("}", "}}")
    assert wrong(f"PATTERN = rf'{{OTHER}}{doubled}'") == [f"x{pattern}"]


@pytest.mark.parametrize("pattern", [r"[ab]*+c", "a++", r"\)+", "()*+,;=[", "(a+)+"])
def test_what_is_right_everywhere_is_left_alone(pattern: str) -> None:
    assert wrong(f"PATTERN = {pattern!r}") == []
