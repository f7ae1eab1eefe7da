"""The examples of docs/integrations.md by their names, and what it says that they print."""

import re

from tests import ROOT
from tests.doubles.api_world import ApiWorld

PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")

_EXAMPLE = r"^`(\S+)`:\n\n```\w+\n([^`]*)^```$"
_PRINTED = r"\n\nwhich prints\n\n```text\n([^`]*)^```$"

EXAMPLES: dict[str, str] = dict(re.findall(_EXAMPLE, PAGE, re.MULTILINE))
PRINTED: dict[str, str] = {
    name: printed for name, _, printed in re.findall(_EXAMPLE + _PRINTED, PAGE, re.MULTILINE)
}


def here(text: str, world: ApiWorld) -> str:
    """Give an example with the address that the service has in a test."""
    assert "localhost:8080" in text
    return text.replace("localhost:8080", f"127.0.0.1:{world.port}")
