"""The import rules, held to the syntax tree: who may import whom, and how large a file or function grows.

One rule: every rule is a table here, and a broken one is a sentence that names the file.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "aqi_service"

LAYERS = (
    ("errors", "interrupt"),
    ("core",),
    ("connection", "listening", "tls", "feed", "storage", "web", "logs", "progress", "stopping", "cleanup"),
    ("server", "client", "sources", "lag", "latest", "misses"),
    ("choosing", "intake", "ledger", "leasing", "plan", "status", "config"),
    ("delivery", "catchup", "expiry"),
    ("remainder", "tally", "noting"),
    ("load", "lookup", "following", "opening"),
    ("checking", "rounds"),
    ("once", "loader"),
    ("daemon",),
    ("running",),
    ("cli",),
    ("demo", "__main__"),
)
"""From the bottom up. A part imports its own files and the layers below it, never a neighbour.

A part is a folder, or a file with those that carry its name before an underscore: client_run.py is of client.
"""

ONLY_BY = {
    "config": {
        "opening",
        "checking",
        "rounds",
        "once",
        "loader",
        "daemon",
        "running",
        "cli",
    },  # shells take plain values
    "daemon": {"running"},
    "demo": set(),
}
"""Parts that few may import, beside themselves."""

NEVER = {"server": {"storage", "feed", "web", "status"}}
"""Lower parts that a part must do without all the same: the server is handed its answers."""

SHELLS = ("feed", "storage", "web")
LIBRARIES = {"aiohttp", "sqlite3", "aioboto3", "aiobotocore", "boto3", "botocore"}
"""What only the shells may name: their exceptions are translated there."""

CORE_MAY = {
    *("collections", "csv", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "io"),
    *("itertools", "json", "math", "operator", "orjson", "re", "struct", "types", "typing", "zlib"),
}
"""What the core imports: no event loop, socket, environment, randomness or log."""

CLOCK_AND_FILES = {"now", "utcnow", "today", "open", "print", "input"}
"""Calls that would bring the clock or files into the core by way of modules it may import."""

WALL_CLOCK = {"daemon", "ledger", "loader", "once", "rounds", "status"}
"""Who reads the clock that a person may set: for names, ages and expiry. All that waits goes by another."""

CLIENT_MAY = {
    "aqi_service.errors",
    "aqi_service.interrupt",
    "aqi_service.core.frames",
    "aqi_service.core.csvtext",
    "aqi_service.core.showing",
    "aqi_service.tls",
}
"""What the client has beside the standard library and itself, so that it starts at once."""

MAX_LINES = {"file": 300, "function": 50}
LONGER: dict[str, str] = {}
"""Files, and functions as `file:name`, that are longer, each with the reason."""


def part_of(module: str) -> str:
    """Name the part that a module belongs to: aqi_service.client_run -> client."""
    name = f"{module}.".split(".")[1]
    return name if name.startswith("__") else name.partition("_")[0]


def layer_of(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def modules() -> dict[str, Path]:
    """Give every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports(tree: ast.AST, known: frozenset[str] = frozenset(MODULES)) -> Iterator[str]:
    """Give the modules that a file imports: wherever, for types alone, or by import_module("...")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def faults(module: str, tree: ast.AST) -> list[str]:
    """Say what is wrong with a module's imports, one sentence each."""
    part = part_of(module)
    if not part:
        ours = [name for name in imports(tree) if name not in sys.stdlib_module_names]
        return [f"{module} imports {name}; the package itself imports nothing heavy" for name in ours]
    if not any(part in parts for parts in LAYERS):
        return [f"{module} is in no layer: place {part!r} in LAYERS of tests/test_architecture.py"]
    return [fault for name in dict.fromkeys(imports(tree)) for fault in import_faults(module, name)]


def import_faults(module: str, name: str) -> Iterator[str]:
    """Say which rules one import breaks."""
    part, root = part_of(module), name.partition(".")[0]
    if root == "":
        yield f"{module} imports {name}: write it out from aqi_service on"
    elif root == "aqi_service":
        yield from ours_faults(module, part_of(name), name)
    elif root in LIBRARIES and part not in SHELLS:
        yield f"{module} imports {root}, which only {', '.join(SHELLS)} may name"
    if part == "core" and root not in CORE_MAY | {"aqi_service"}:
        yield f"{module} imports {name}: the core is pure"
    if (
        part == "client"
        and part_of(name) != part
        and name not in CLIENT_MAY
        and root not in sys.stdlib_module_names
    ):
        yield f"{module} imports {name}: the client needs the standard library alone"


def ours_faults(module: str, other: str, name: str) -> Iterator[str]:
    """Say which rules an import within the package breaks."""
    part = part_of(module)
    if part == other or not other:
        return
    if not any(other in parts for parts in LAYERS) or layer_of(other) >= layer_of(part):
        yield f"{module} imports {name}, which is not below it"
    if part not in ONLY_BY.get(other, {part}):
        yield f"{module} imports {name}, which only {', '.join(sorted(ONLY_BY[other])) or 'nobody'} may"
    if other in NEVER.get(part, ()):
        yield f"{module} imports {name}, which it must do without"


def too_long(name: str, tree: ast.AST, lines: int) -> Iterator[str]:
    """Give the file's name and `file:function` where they are longer than they may be."""
    if lines > MAX_LINES["file"]:
        yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > MAX_LINES["function"]:
                yield f"{name}:{node.name}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    assert faults(module, TREES[module]) == []


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "core"])
def test_the_core_knows_no_clock_and_no_file(module: str) -> None:
    calls = [node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    names = {ast.unparse(call).rpartition(".")[2] for call in calls}
    assert names & CLOCK_AND_FILES == set()


def test_few_read_the_wall_clock() -> None:
    reading = {
        module.partition(".")[2]
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now")
    }
    assert reading == WALL_CLOCK


def test_no_file_passes_300_lines_and_no_function_50() -> None:
    long: list[str] = []
    for module, path in MODULES.items():
        name = str(path.relative_to(PACKAGE))
        long += too_long(name, TREES[module], len(path.read_text(encoding="utf-8").splitlines()))
    assert sorted(long) == sorted(LONGER)


def test_the_client_loads_nothing_but_the_standard_library() -> None:
    names = [name for name in MODULES if part_of(name) == "client"]
    program = (
        f"import sys; before = set(sys.modules); import {', '.join(names)}; print(*set(sys.modules) - before)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )

    loaded = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded - set(names) <= CLIENT_MAY | {"aqi_service", "aqi_service.core"}


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("aqi_service.core.scales", "import os", "the core is pure"),
        ("aqi_service.core.scales", "from asyncio import sleep", "the core is pure"),
        ("aqi_service.core.scales", "from aqi_service import feed", "not below it"),
        ("aqi_service.errors", "from aqi_service.core import frames", "not below it"),
        ("aqi_service.web.app", "from aqi_service.storage import Store", "not below it"),
        ("aqi_service.server", "import aqi_service.storage.s3", "must do without"),
        (
            "aqi_service.load",
            "from botocore.exceptions import ClientError",
            "only feed, storage, web may name",
        ),
        ("aqi_service.lookup", "def f():\n    import sqlite3", "only feed, storage, web may name"),
        ("aqi_service.load", "import_module('aqi_service.daemon')", "not below it"),
        (
            "aqi_service.load_archive",
            "from aqi_service.config import Config",
            "only checking, cli, daemon, loader, once, opening, rounds, running may",
        ),
        ("aqi_service.server", "from .errors import FrameError", "write it out"),
        ("aqi_service.client_run", "import click", "standard library alone"),
        ("aqi_service.client_run", "from aqi_service.core import scales", "standard library alone"),
        ("aqi_service.novelty", "", "in no layer"),
        ("aqi_service", "import aiohttp", "imports nothing heavy"),
    ],
)
def test_a_broken_rule_is_noticed(module: str, source: str, fault: str) -> None:
    known = frozenset({*MODULES, "aqi_service.feed", "aqi_service.core.scales"})
    assert "aqi_service.feed" in imports(ast.parse("from aqi_service import feed"), known)
    assert any(fault in sentence for sentence in faults(module, ast.parse(source)))


def test_what_is_too_long_is_noticed() -> None:
    source = "def long():\n" + "    pass\n" * 50
    assert list(too_long("x.py", ast.parse(source), 301)) == ["x.py", "x.py:long"]
    assert list(too_long("x.py", ast.parse("def short():\n    pass\n"), 300)) == []
