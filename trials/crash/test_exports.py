"""kill -9 at every step of an export: nothing half stays, and a second run makes it whole."""

import os
from pathlib import Path

import pytest

from tests.doubles.moto_names import Moto
from tests.doubles.outside import needs_package
from trials.crash.exporting import KINDS, survived

PARQUET = ("folder", "bucket")

EACH = int(os.environ.get("EACH_STEP", "1"))


@pytest.mark.parametrize("over_old", [False, True])
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=needs_package("pyarrow") if kind in PARQUET else ()) for kind in KINDS],
)
async def test_an_export_that_was_killed_at_any_step_left_whole_files_alone_and_the_next_run_brings_the_rest(
    kind: str, moto: Moto, tmp_path: Path, *, over_old: bool
) -> None:
    assert await survived(kind, tmp_path, moto, over_old=over_old, each=EACH) != set()
