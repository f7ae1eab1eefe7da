"""The list of changes that no test has to notice still speaks of the code that is there."""

import ast
import tomllib
from pathlib import Path

from tools.mutate import EQUIVALENT, ROOT, known

NAMED = known(EQUIVALENT.read_text("utf-8"))


def lines_of(file: str) -> set[str]:
    """Give a file's lines without margins."""
    return {line.strip() for line in Path(ROOT, file).read_text("utf-8").splitlines()}


def test_each_named_change_is_of_a_line_that_is_there() -> None:
    assert [change for change in NAMED.changes if change.before not in lines_of(change.file)] == []


def test_each_named_function_is_there() -> None:
    for name in NAMED.functions:
        module, _, function = name.rpartition(".x_")
        tree = ast.parse(Path(ROOT, *module.split(".")).with_suffix(".py").read_text("utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_named_change_has_a_reason_and_differs() -> None:
    named = tomllib.loads(EQUIVALENT.read_text("utf-8"))
    assert all(named["functions"].values())
    for change in (change for several in named["changes"].values() for change in several):
        assert change["why"]
        assert change["before"] != change["after"]
