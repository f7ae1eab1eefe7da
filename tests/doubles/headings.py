"""The headings of a page, as links name them."""

import re
from pathlib import Path


def anchors(page: Path, below: str) -> list[str]:
    """Give the anchors of the headings of the third level under one of the second."""
    text = page.read_text(encoding="utf-8").partition(f"\n## {below}\n")[2].partition("\n## ")[0]
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in _HEADING.findall(text)]


_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
