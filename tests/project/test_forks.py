"""What the programs of tests are forked from begins where `make test` alone has installed anything."""

import subprocess
import sys

from tests import ROOT
from tests.doubles.program import environment

WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from tests.doubles.models import import_all
import_all()
"""


def test_what_is_forked_needs_no_package_of_an_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT,
        env=environment(AWS_REGION="us-east-1"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
