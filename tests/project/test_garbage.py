"""Garbage of tests is looked for seldom, and none is overlooked."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.garbage import SELDOM

ONE = """
import socket

class Round:
    def __init__(self):
        self.itself, self.socket = self, socket.socket()

KEPT = []

def test_leaves_a_socket():
    Round()

def test_keeps_one():
    KEPT.append(Round())
"""
TWO = """
from test_one import KEPT

def test_drops_what_another_file_kept():
    KEPT.clear()
"""


def test_a_socket_left_open_fails_its_own_file_and_one_that_was_kept_the_whole_run(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(ONE)
    (tmp_path / "test_two.py").write_text(TWO)
    (tmp_path / "conftest.py").write_text("from tests.garbage import *")
    words = ["-m", "pytest", "-v", "--tb=no", "-W", "error", "-p", "no:cacheprovider"]
    command = [sys.executable, *words, str(tmp_path)]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    ended = [line.split()[:2] for line in done.stdout.splitlines() if "::" in line and "%]" in line]
    assert ended == [
        ["test_one.py::test_leaves_a_socket", "PASSED"],
        ["test_one.py::test_keeps_one", "PASSED"],
        ["test_one.py::test_keeps_one", "ERROR"],
        ["test_two.py::test_drops_what_another_file_kept", "PASSED"],
    ]
    assert "3 passed, 1 error" in done.stdout
    assert "unclosed <socket" in done.stderr  # told when all tests are over


def test_what_was_there_before_the_first_test_is_not_looked_through_with_each() -> None:
    assert gc.isenabled()
    assert gc.get_threshold() == SELDOM
    assert gc.get_freeze_count() > 10_000
