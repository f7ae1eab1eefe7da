"""Change the code in small ways and see the tests fail: mutmut over core/, storage/ and the writers of load/.

One rule: a change that no test notices is named in tests/mutation/equivalent.toml, or makes this fail.

mutmut runs the tests that reach a changed function, in a fork, in the folder `mutants`; what it found is
kept there, so that a run that was ended goes on. A change that survives there is tried once more in a process
of its own, on its module's tests: what is made when a module is imported, as tables are, or remembered by a
cache, was made before the fork.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.mutation_areas import ROOT, Area, areas_of, covers, folder_of

EQUIVALENT = ROOT / "tests" / "mutation" / "equivalent.toml"
MUTMUT = (sys.executable, "-m", "mutmut")
OWN = {path.relative_to(ROOT) for path in (ROOT / "tests").glob("**/test_*.py")}
UNNOTICED = ("survived", "no tests", "suspicious")
RESULT = re.compile(r"\s*(aqi_service\.[\w.ǁ]+): ([a-z ]+)")


class Change(NamedTuple):
    """A change of one file: the lines that it takes out, and those that it puts in, without margins."""

    file: str
    before: str
    after: str


class Named(NamedTuple):
    """What no test has to notice; functions by mutmut's names."""

    changes: frozenset[Change]
    functions: frozenset[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mutmut area by area and print a row a module; 1 if a change is neither noticed nor named."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description="Mutation tests.")
    parser.add_argument(
        "--only", default="", help="an area, a module or a folder, as in s3, core/frames or storage"
    )
    parser.add_argument("--children", type=int, default=2, help="how many at once")
    asked = parser.parse_args(arguments)
    only = asked.only.removesuffix(".py").strip("/")
    areas = areas_of(only)
    if not areas:
        parser.error(f"{asked.only} is in no area: see tools/mutation_areas.py")
    ends = [change_area(area, only, asked.children) for area in areas]
    return int(any(ends))


def change_area(area: Area, only: str, children: int) -> int:
    """Run mutmut over an area, or what `only` names of it, and print what was found."""
    folder = folder_of(area)
    module = ".".join(["aqi_service", *([] if covers(area, only) else only.split("/"))])
    part = [] if covers(area, only) else [f"{module}*"]  # what is named is run again, the rest goes on
    run = [*MUTMUT, "run", "--max-children", str(children), *part]
    if code := subprocess.run(run, cwd=folder, check=False).returncode:
        return code
    found = results(output(folder, "results", "--all", "True"), module)
    left = judge(folder, found, known(EQUIVALENT.read_text("utf-8")))
    print(*table(found), sep="\n")
    for name, change in left.items():
        print(f"\n{name} is not noticed:\n- {change.before}\n+ {change.after}")
    return int(bool(left))


def output(folder: Path, *command: str) -> str:
    """Give what a command of mutmut's prints."""
    return subprocess.run([*MUTMUT, *command], cwd=folder, check=True, capture_output=True, text=True).stdout


def results(text: str, module: str) -> dict[str, str]:
    """Read the names of changes and what became of them."""
    found = (RESULT.fullmatch(line) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match and match[1].startswith(module)}


def judge(folder: Path, found: dict[str, str], named: Named) -> dict[str, Change]:
    """Give the changes that were not noticed and are not named; mark the named ones in `found`."""
    left = {}
    for name in [name for name, became in found.items() if became in UNNOTICED]:
        change = shown(output(folder, "show", name))
        if change in named.changes or name.partition("__mutmut_")[0] in named.functions:
            found[name] = "equivalent"
        elif is_noticed(folder, name, change.file):
            found[name] = "killed"
        else:
            left[name] = change
    return left


def is_noticed(folder: Path, name: str, file: str) -> bool:
    """Tell whether the module's own tests fail in a new process with the change in it."""
    path = Path(file)
    own = sorted(each for each in OWN if each.name == f"test_{path.name}" and each.parts[1] == path.parts[1])
    if not own:
        return False
    environment = os.environ | {"MUTANT_UNDER_TEST": name}
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *map(str, own)]
    done = subprocess.run(pytest, cwd=folder / "mutants", env=environment, check=False, capture_output=True)
    return done.returncode != 0


def shown(diff: str) -> Change:
    """Read a change from its diff."""
    lines: dict[str, list[str]] = {"-": [], "+": []}
    file = ""
    for line in diff.splitlines():
        if line.startswith("--- "):
            file = line[4:].split("\t")[0].strip()
        elif not line.startswith("+++ ") and line[:1] in lines:
            lines[line[0]].append(line[1:].strip())
    return Change(file, " ".join(lines["-"]), " ".join(lines["+"]))


def known(text: str) -> Named:
    """Read what is named: changes, and functions of which no change matters."""
    named = tomllib.loads(text)
    changes = {
        Change(file, each["before"], each["after"])
        for file, several in named["changes"].items()
        for each in several
    }
    return Named(frozenset(changes), frozenset(named["functions"]))


def table(found: dict[str, str]) -> Iterable[str]:
    """Give a row a module: how many changes, and what became of them."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for name, became in found.items():
        path = name.partition(".x")[0].removeprefix("aqi_service.").replace(".", "/")
        modules[path][became] += 1
    columns = ("killed", "timeout", "equivalent", *UNNOTICED)
    yield "|".join(("", "module", "changes", *columns, ""))
    yield "|".join(("", *["---"] * (len(columns) + 2), ""))
    modules["all"] = sum(modules.values(), Counter())
    for path, ends in modules.items():
        yield "|".join(("", path, str(ends.total()), *(str(ends[name]) for name in columns), ""))


if __name__ == "__main__":
    sys.exit(main())
