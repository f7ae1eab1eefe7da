"""Every line of the log is an event with facts that docs/logs.md lists: held to the syntax tree."""

import ast
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aqi_service.app.logs import NOT_FACTS
from tests.doubles.package_trees import TREES

LOGS = Path(__file__).parents[2] / "docs" / "logs.md"

LEVELS = ("debug", "info", "warning", "error", "critical")
METHODS = {**{level: level for level in LEVELS}, "exception": "error"}
"""What writes a line by `log.METHOD(event, ...)`, and the level that it has."""

PASSED_ON = {"afterwards": ("event", 2)}
"""Functions that log an event which their callers name: the parameter, and its place."""

RESERVED = NOT_FACTS | {"time", "level", "logger", "event", "traceback"}
"""Keys that no fact may have: logging's own, and those of a JSON line."""

ROW = re.compile(r"\| `(\w+)` \| ([\w, ]+) \| ([^|]*) \| [^|]+ \|")


@dataclass
class Event:
    """What is known of an event: its levels, and its facts."""

    levels: set[str] = field(default_factory=set)
    facts: list[str] = field(default_factory=list)

    def shown(self) -> tuple[str, str]:
        """Give levels and facts as the table has them."""
        levels = ", ".join(level for level in LEVELS if level in self.levels)
        return levels, ", ".join(f"`{fact}`" for fact in dict.fromkeys(self.facts))


@dataclass(frozen=True)
class Line:
    """One call that writes a line, or names an event for one that does."""

    event: ast.expr | None
    levels: frozenset[str]
    facts: ast.expr | None = None
    more: int = 0


def levels_in(node: ast.expr | None) -> frozenset[str]:
    names = set() if node is None else {ast.unparse(each) for each in ast.walk(node)}
    return frozenset(level for level in LEVELS if f"logging.{level.upper()}" in names)


def line_at(call: ast.Call) -> Line | None:
    """Return what a call logs; None for one that logs nothing."""
    name, keywords = ast.unparse(call.func), {word.arg: word.value for word in call.keywords}
    owner, _, method = name.rpartition(".")
    if owner == "log" and method in METHODS:
        return Line(call.args[0], frozenset({METHODS[method]}), keywords.get("extra"), len(call.args) - 1)
    if name == "log.log":
        return Line(call.args[1], levels_in(call.args[0]), keywords.get("extra"), len(call.args) - 2)
    if name == "say":
        facts = call.args[2] if len(call.args) > 2 else None
        return Line(call.args[0], levels_in(keywords.get("level")) or frozenset({"info"}), facts)
    if name in PASSED_ON:
        return Line(call.args[PASSED_ON[name][1]], frozenset())
    return None


def lines_of(tree: ast.AST) -> Iterator[Line]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (line := line_at(node)):
            yield line


def event_of(line: Line) -> str:
    """Return the event's name; "" for one that is no constant word."""
    found = line.event.value if isinstance(line.event, ast.Constant) else None
    return found if isinstance(found, str) and re.fullmatch("[a-z_]+", found) else ""


def facts_of(line: Line) -> list[object]:
    """Return the facts' keys; None for what is no constant."""
    if line.facts is None:
        return []
    keys = line.facts.keys if isinstance(line.facts, ast.Dict) else [None]
    return [key.value if isinstance(key, ast.Constant) else None for key in keys]


def faults(tree: ast.AST) -> list[str]:
    """Say what is wrong with a module's lines, one sentence each."""
    found = []
    for line in lines_of(tree):
        shown = "" if line.event is None else ast.unparse(line.event)
        if not event_of(line) and shown not in {parameter for parameter, _ in PASSED_ON.values()}:
            found.append(f"{shown} is no constant word")
        if line.more:
            found.append(f"{shown} is filled in: facts are fields")
        found += [
            f"{shown}: {key!r} is no fact's name"
            for key in facts_of(line)
            if not (isinstance(key, str) and re.fullmatch("[a-z_]+", key)) or key in RESERVED
        ]
    return found


def passed_on() -> dict[str, Line]:
    """Give by function the line that it logs of an event which it is given."""
    return {
        node.name: line
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in PASSED_ON
        for line in lines_of(node)
    }


def events() -> dict[str, Event]:
    """Give every event that the program logs."""
    given, found = passed_on(), dict[str, Event]()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not (line := line_at(node)) or not event_of(line):
                continue
            written = given.get(ast.unparse(node.func), line)
            event = found.setdefault(event_of(line), Event())
            event.levels |= written.levels
            event.facts += [str(key) for key in facts_of(written)]
    return found


@pytest.mark.parametrize("module", [name for name, tree in TREES.items() if list(lines_of(tree))])
def test_a_line_is_a_constant_event_with_facts_as_fields(module: str) -> None:
    assert faults(TREES[module]) == []


def test_the_documented_events_are_those_of_the_program_with_their_levels_and_facts() -> None:
    text = LOGS.read_text(encoding="utf-8").partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = [match for line in text.splitlines() if (match := ROW.fullmatch(line))]
    names = [row[1] for row in rows]
    assert names == sorted(set(names))
    assert {row[1]: (row[2], row[3]) for row in rows} == {
        name: event.shown() for name, event in events().items()
    }


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("log.info('loaded %s', report)", "no constant word"),
        ("log.info(f'loaded {name}')", "no constant word"),
        ("log.warning('no_contact: give one')", "no constant word"),
        ("log.log(logging.INFO, name)", "no constant word"),
        ("say(f'aqi-service: {error}', text)", "no constant word"),
        ("afterwards(work, 3, name)", "no constant word"),
        ("log.info('loaded', report)", "is filled in"),
        ("log.info('loaded', extra=facts)", "no fact's name"),
        ("log.info('loaded', extra={**facts})", "no fact's name"),
        ("log.info('loaded', extra={'name': 1})", "no fact's name"),
        ("say('loaded', text, {'message': 1})", "no fact's name"),
        ("log.error('loaded', extra={'level': 1})", "no fact's name"),
    ],
)
def test_a_line_that_is_none_is_noticed(source: str, fault: str) -> None:
    assert any(fault in sentence for sentence in faults(ast.parse(source)))


def test_what_logging_puts_into_a_record_is_reserved() -> None:
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "", 0, "event", (), None)
    assert set(vars(record)) <= RESERVED
