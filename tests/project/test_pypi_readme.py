"""README.md as PyPI shows it: a link leads to the repository, or is the name of a file."""

import importlib
import re
from typing import Any

import pytest

from tests import ROOT
from tests.doubles.outside import needs_package

pytestmark = needs_package("hatchling", "release")

RELATIVE = re.compile(r"\]\((?!https?://)")
TEXT = """# Title

![A map](docs/map.png) [Map](docs/map.md#colours), [below](#below), [docs/sql.md](docs/sql.md#a) and [Defra](https://uk-air.defra.gov.uk/a).
"""


@pytest.fixture
def step() -> Any:
    """The step of the build: its module wants the back end."""
    return importlib.import_module("tools.pypi_readme")


def test_a_link_leads_to_the_file_at_the_tag_and_a_picture_to_its_bytes(step: Any) -> None:
    at = "https://example.org/a/b"
    assert step.linked(TEXT, f"{at}/", "v1.2.3").splitlines()[2] == (
        f"![A map]({at}/raw/v1.2.3/docs/map.png) [Map]({at}/blob/v1.2.3/docs/map.md#colours), "
        f"[below]({at}/blob/v1.2.3/README.md#below), [docs/sql.md]({at}/blob/v1.2.3/docs/sql.md#a) "
        "and [Defra](https://uk-air.defra.gov.uk/a)."
    )


def test_without_a_repository_that_is_shown_a_link_is_the_name_of_its_file(step: Any) -> None:
    assert step.named(TEXT).splitlines() == [
        *("# Title", "", step.NAMED.strip(), ""),
        " Map (`docs/map.md`), below, docs/sql.md and [Defra](https://uk-air.defra.gov.uk/a).",
    ]


@pytest.mark.parametrize("urls", [{}, {"urls": {"Source": "https://example.org/a/b"}}])
def test_no_link_of_the_readme_leads_nowhere(step: Any, urls: dict[str, Any]) -> None:
    assert RELATIVE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    metadata = {"version": "1.2.3", **urls}
    step.Readme(str(ROOT), {}).update(metadata)
    assert metadata["readme"]["content-type"] == "text/markdown"
    shown = metadata["readme"]["text"]
    assert not RELATIVE.search(shown)
    assert ("blob/v1.2.3/docs/operations.md#runbook" if urls else "(`docs/operations.md`)") in shown
    assert shown.startswith("# aqi_service\n\n")
