"""The package's modules, and their syntax trees."""

import ast
from pathlib import Path

import aqi_service

PACKAGE = Path(aqi_service.__file__).resolve().parent


def modules() -> dict[str, Path]:
    """Give every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()

TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
