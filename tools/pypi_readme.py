"""README.md as PyPI shows it: a step of the build (`[tool.hatch.metadata.hooks.custom]` of pyproject.toml).

One rule: no link leads nowhere. On PyPI a link is relative to PyPI, and headings have no anchors. So a link
to a file of the repository becomes one to where the repository is shown, at its version's tag: `Source` under
`[project.urls]`. Where that is not said it becomes the file's name, as it is in the source archive.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")
"""An image or a link without a scheme: whether an image, its text, and where it leads."""

NAMED = "Files that are named here are in the source archive.\n"


class Readme(MetadataHookInterface):  # type: ignore[misc]  # its types are not looked at (pyproject.toml)
    """What hatchling calls for the field `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the text into the metadata that is built; `version` is there already."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        shown = linked(text, source, f"v{metadata['version']}") if source else named(text)
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}


def linked(text: str, source: str, tag: str) -> str:
    """Lead every link into the repository's pages of a tag, as GitHub has them."""

    def absolute(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        path = f"README.md{target}" if target.startswith("#") else target
        return f"{image}[{words}]({source.rstrip('/')}/{'raw' if image else 'blob'}/{tag}/{path})"

    return LINK.sub(absolute, text)


def named(text: str) -> str:
    """Write the file's name where a link would be, unless the words are that already; leave pictures out."""

    def plain(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        path = target.partition("#")[0]
        return "" if image else words if path in ("", words) else f"{words} (`{path}`)"

    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NAMED}{LINK.sub(plain, rest)}"
