"""The rule on the wall, held to the syntax tree: imports go one way, and nothing grows too long.

One rule: every rule is a table here, and a broken one is a sentence that names the file.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests import ROOT
from tests.doubles.package_trees import MODULES, PACKAGE, TREES

FLOORS = (
    ("errors",),
    ("core",),
    ("shutdown", "certificates"),
    ("storage", "server", "client", "web"),
    ("snapshots",),
    ("load", "lookup"),
    ("app",),
    ("cli",),
    ("__main__", "demo"),
)
"""The folders, and the files beside them, from the bottom up: each imports its own and what lies below it."""

ONLY_BY = {
    "aqi_service.app.config": ("aqi_service.app",),
    "aqi_service.storage.aws": ("aqi_service.storage.aws", "aqi_service.app.open"),
    "aqi_service.storage.local": ("aqi_service.storage.local", "aqi_service.app.open"),
    "aqi_service.storage.dry": ("aqi_service.app.open",),
    "aqi_service.demo": (),
}
"""Modules, or folders, that only these may import."""

LIBRARIES = {
    "aiohttp": ("snapshots.download", "snapshots.redirects", "web", "storage.aws"),  # AWS's lets its out
    "sqlite3": ("storage.local",),
    "aioboto3": ("storage.aws",),
    "aiobotocore": ("storage.aws",),
    "boto3": ("storage.aws",),
    "pyarrow": ("storage.local.parquet_file",),
    "botocore": ("storage.aws",),
}
"""Who may name a library: its exceptions are translated there."""

CORE_MAY = {
    *("array", "bisect", "collections", "csv", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "heapq", "io", "ipaddress", "itertools", "json", "math", "msgspec", "operator"),
    *("orjson", "re"),
    *("statistics", "struct", "types", "typing", "unicodedata", "zlib"),
}
"""What the core imports: no event loop, socket, environment, randomness or log."""

CLOCK_AND_FILES = {"now", "utcnow", "today", "open", "print", "input"}
"""Calls that would bring the clock or files into the core by way of modules it may import."""

WALL_CLOCK = {
    "app.backfill",
    "app.daemon",
    "app.load_only",
    "app.loads",
    "app.metrics",
    "app.scheduler",
    "client.answers",
    "client.client",
    "snapshots.manifests",
    "storage.aws.dynamodb_writes",
    "storage.local.store",
}
"""Who reads the clock that a person may set: for names, ages and expiry, where a table compares as it is
written, for what is dated ahead, and in the client for how many requests it is until now. All that waits goes
by another."""

CLIENT_MAY = {
    "aqi_service",
    "aqi_service.errors",
    "aqi_service.core.certificate_dates",
    "aqi_service.core.frames",
    "aqi_service.core.schedule",
    "aqi_service.core.redaction",
    "aqi_service.core.times",
    "aqi_service.certificates",
}
"""What the client has beside the standard library and itself, so that it starts at once."""

TEST_MODULES = frozenset(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("tests", "trials")
    for path in (ROOT / folder).rglob("test_*.py")
)
"""What no file imports: what two tests share lies beside them, most of it in tests/doubles/."""

MAX_LINES = {"file": 300, "function": 50}
LONGER: dict[str, str] = {}
"""Files, and functions as `file:name`, that are longer, each with the reason."""


def room_of(module: str) -> str:
    """Name the folder, or the file beside the folders, that a module is in: aqi_service.load.plan -> load."""
    return f"{module}.".split(".")[1]


def floor_of(room: str) -> int:
    return next((floor for floor, rooms in enumerate(FLOORS) if room in rooms), len(FLOORS))


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    """Tell whether a module is one of these, or in a folder that is."""
    return any(f"{module}.".startswith(f"{place}.") for place in places)


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
    if room_of(module) and floor_of(room_of(module)) == len(FLOORS):
        return [
            f"{module} is on no floor: place {room_of(module)!r} in FLOORS of project/test_architecture.py"
        ]
    return [fault for name in dict.fromkeys(imports(tree)) for fault in import_faults(module, name)]


def import_faults(module: str, name: str) -> Iterator[str]:
    """Say which rules one import breaks."""
    room, other, root = room_of(module), room_of(name), name.partition(".")[0]
    standard = root in sys.stdlib_module_names
    if root == "":
        yield f"{module} imports {name}: write it out from aqi_service on"
    if root == "aqi_service" and other not in ("", room) and floor_of(other) >= floor_of(room):
        yield f"{module} imports {name}, which is not below it"
    if room == "core" and root not in CORE_MAY | {"aqi_service"}:
        yield f"{module} imports {name}: the core is pure"
    if room == "client" and not (standard or other == room or name in CLIENT_MAY):
        yield f"{module} imports {name}: the client needs the standard library alone"
    if not room and not standard:
        yield f"{module} imports {name}; the package itself imports nothing heavy"
    yield from kept_to_few(module, name)


def kept_to_few(module: str, name: str) -> Iterator[str]:
    """Say where something is imported that only few may."""
    root = name.partition(".")[0]
    for place, users in ONLY_BY.items():
        if lies_in(name, (place,)) and not lies_in(module, users):
            yield f"{module} imports {name}, which only {', '.join(users) or 'nobody'} may"
    if root in LIBRARIES and not lies_in(module, tuple(f"aqi_service.{user}" for user in LIBRARIES[root])):
        yield f"{module} imports {root}, which only {', '.join(LIBRARIES[root])} may name"


def helpers_of_tests(tree: ast.AST) -> list[str]:
    """Name the test modules that a file imports."""
    return [name for name in imports(tree, TEST_MODULES) if name in TEST_MODULES]


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
def test_a_module_imports_only_what_its_floor_may(module: str) -> None:
    assert faults(module, TREES[module]) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports(tree)) & set(MODULES) - {module} for module, tree in TREES.items()}

    circle: list[str] = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert circle == []


def test_the_house_has_few_rooms() -> None:
    inside = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    files, folders = [p for p in inside if p.is_file()], [p for p in inside if p.is_dir()]
    assert len(files) <= 8
    assert len(folders) <= 10


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == "core"])
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


def test_every_log_line_has_the_program_s_name() -> None:
    names = {
        ast.unparse(node.args[0]) if node.args else ""
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger"
    }
    assert names <= {
        "'aqi_service'",
        "'aiobotocore.credentials'",
        "'aiobotocore.tokens'",
    }  # what they say of missing ones is said better


def test_nothing_is_imported_from_a_test_module() -> None:
    borrowing = {
        str(path.relative_to(ROOT)): names
        for folder in ("bench", "tests", "tools", "trials")
        for path in (ROOT / folder).rglob("*.py")
        if (names := helpers_of_tests(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert borrowing == {}


def test_no_file_passes_300_lines_and_no_function_50() -> None:
    long: list[str] = []
    for module, path in MODULES.items():
        name = str(path.relative_to(PACKAGE))
        long += too_long(name, TREES[module], len(path.read_text(encoding="utf-8").splitlines()))
    assert sorted(long) == sorted(LONGER)


def test_the_client_loads_nothing_but_the_standard_library() -> None:
    names = [name for name in MODULES if room_of(name) == "client" and not name.endswith("__main__")]
    program = (
        f"import sys; before = set(sys.modules); import {', '.join(names)}; print(*set(sys.modules) - before)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )

    loaded = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded - set(names) <= CLIENT_MAY | {"aqi_service.core"}


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("aqi_service.core.scales", "import os", "the core is pure"),
        ("aqi_service.core.scales", "from asyncio import sleep", "the core is pure"),
        ("aqi_service.core.scales", "from aqi_service.snapshots import download", "not below it"),
        ("aqi_service.errors", "from aqi_service.core import frames", "not below it"),
        ("aqi_service.web.app", "from aqi_service.storage.ports import Store", "not below it"),
        ("aqi_service.server.server", "import aqi_service.lookup.lookup", "not below it"),
        ("aqi_service.load.load", "from aqi_service.lookup.memory import MemoryIndex", "not below it"),
        ("aqi_service.load.load", "import_module('aqi_service.app.daemon')", "not below it"),
        ("aqi_service.load.load", "from botocore.exceptions import ClientError", "only storage.aws may name"),
        ("aqi_service.lookup.lookup", "def f():\n    import sqlite3", "only storage.local may name"),
        ("aqi_service.app.daemon", "from aqi_service.storage import dry", "only aqi_service.app.open may"),
        ("aqi_service.app.run", "import aqi_service.storage.aws.clients", "aqi_service.app.open may"),
        ("aqi_service.cli", "from aqi_service.app.config import Config", "only aqi_service.app may"),
        ("aqi_service.server.server", "from .errors import FrameError", "write it out"),
        ("aqi_service.client.output", "import click", "standard library alone"),
        ("aqi_service.client.output", "from aqi_service.core import scales", "standard library alone"),
        ("aqi_service.novelty", "", "on no floor"),
        ("aqi_service", "import aiohttp", "imports nothing heavy"),
    ],
)
def test_a_broken_rule_is_noticed(module: str, source: str, fault: str) -> None:
    assert any(fault in sentence for sentence in faults(module, ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from tests.core.test_frames import taken", ["tests.core.test_frames"]),
        ("from tests.core import test_frames", ["tests.core.test_frames"]),
        ("import trials.matrix.test_start", ["trials.matrix.test_start"]),
        ("from tests.doubles.frames import taken\nfrom aiohttp.test_utils import TestServer", []),
    ],
)
def test_a_helper_of_a_test_module_is_noticed(source: str, names: list[str]) -> None:
    assert helpers_of_tests(ast.parse(source)) == names


def test_what_is_too_long_is_noticed() -> None:
    source = "def long():\n" + "    pass\n" * 50
    assert list(too_long("x.py", ast.parse(source), 301)) == ["x.py", "x.py:long"]
    assert list(too_long("x.py", ast.parse("def short():\n    pass\n"), 300)) == []
