"""The Python of the system, where it is another build than the one that runs the tests: Debian 12 has 3.11.2.

One rule: it has our packages, and nothing else is lent to it. Its `re` once matched too much: numbers were
kept as they came, and elements ended too soon (tests/project/test_oldest_python.py).
"""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.plain_reading import CAPTURES, plain
from tests.doubles.program import environment

SYSTEM = Path(f"/usr/bin/python3.{sys.version_info.minor}")
PACKAGES = [folder for folder in sys.path if folder.endswith("-packages")]
LENT = environment(PYTHONPATH=os.pathsep.join([str(ROOT), *PACKAGES]))
COLUMNS = {
    "id": "id",
    "latitude": "latitude",
    "altitude": "altitude",
    "pm25": "P2.5",
    "pm10": "P10",
    "aqi": "AQI",
}


def is_another() -> bool:
    """Tell whether the system has a whole Python of this minor version that is not the one that runs."""
    if not SYSTEM.exists():
        return False
    asked = [str(SYSTEM), "-c", "import asyncio, sqlite3, ssl, sys; print(sys.version)"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() != sys.version.strip()


pytestmark = pytest.mark.skipif(not is_another(), reason=f"{SYSTEM} is not there, or is what runs the tests")


@pytest.mark.parametrize("capture", ["real", "generated"])
def test_a_capture_comes_to_the_same_items_by_the_python_of_the_system(capture: str, tmp_path: Path) -> None:
    body, taken = CAPTURES[capture]
    (tmp_path / "capture.json").write_bytes(body)
    command = (
        *(str(SYSTEM), "-m", "aqi_service", "--load-only", "--local", "d", "capture.json"),
        *("--snapshot-time", taken.replace(" ", "T")),
    )
    done = subprocess.run(command, cwd=tmp_path, env=LENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = plain(body, "daqi", taken)
    with closing(sqlite3.connect(tmp_path / "d/air_quality.db")) as table:
        rows = table.execute(f"SELECT {', '.join(COLUMNS)} FROM items").fetchall()  # noqa: S608  # our own names
    found = {str(id_): (str(id_), *rest) for id_, *rest in rows}
    assert found == {item["id"]: tuple(map(item.get, COLUMNS.values())) for item in wanted.items}
    assert f'"rejected":{len(wanted.rejected)},"without_pm":{wanted.without_pm}' in done.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_nobody_reads_vanishes_in_silence(option: str, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = (str(SYSTEM), "-m", "aqi_service.client", option)
    done = subprocess.run(
        command, cwd=tmp_path, env=LENT, stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")
