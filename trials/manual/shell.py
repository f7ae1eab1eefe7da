"""A shell on moto, in which the commands of docs/aws.md run.

One rule: AWS's own command line runs what moto knows. What moto, or a network, would be needed for has a
stand-in here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.doubles.moto_names import Moto

SHORTHANDS = ("output()", "loader()")
"""What a person has typed once, and each later section relies on."""

STAND_INS = """
make() {  # its wheels come from a package index
    mkdir -p build/wheelhouse && tar -cf packed.tar "$PWD/deploy/install.sh" 2>/dev/null
    date +%N >> packed.tar
    local sha; sha=$(sha256sum < packed.tar | cut -d ' ' -f 1)
    mv packed.tar "build/wheelhouse/$sha.tar" && echo "$sha"
}
git() { test "$*" = pull; }
docker() { echo "docker $*" >> images; case "$*" in *--password-stdin*) grep -q . ;; esac; }
aws() {
    case "$1 $2" in
        "ssm start-session") test "${4#i-}" != "$4" && echo "$@" >> sessions ;;  # moto has no sessions
        "cloudwatch describe-alarms") ;;  # moto speaks its older protocols alone
        "batch submit-job") echo "$@" >> jobs ;;  # moto runs them by Docker
        "cloudformation deploy")
            shift 2
            (cd "$HERE" && python -m trials.manual.deploy "${@/#deploy/$OLDPWD/deploy}") ;;
        *) command aws "$@" ;;
    esac
}
"""


@dataclass(frozen=True)
class Ran:
    """What a shell printed, and how it ended."""

    code: int
    out: str
    err: str


def run(script: str, moto: Moto, folder: Path, more: Mapping[str, str] | None = None) -> Ran:
    """Run commands in a shell that ends with the first that fails."""
    if not (folder / "deploy").exists():
        shutil.copytree(ROOT / "deploy", folder / "deploy")
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | moto.environment | {
        "AWS_PAGER": "", "AWS_DEFAULT_REGION": "us-east-1", "HERE": str(ROOT),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", STAND_INS + script],  # noqa: S607 - wherever it lies
        cwd=folder, env=environment | dict(more or {}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
