"""The blocks of commands that a page shows below its headings."""

import re
from pathlib import Path

_BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


def blocks(page: Path) -> dict[str, list[str]]:
    """Give, by heading, each block without its indent."""
    _, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for part in parts:
        heading, _, body = part.partition("\n")
        found[heading] = [_unindented(block) for block in _BLOCK.findall(body)]
    return found


def _unindented(block: str) -> str:
    lines = block.splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "".join(f"{line[indent:]}\n" for line in lines)
