"""Ask PyPI's vulnerability data about every pinned package: `make audit`, by pip-audit.

One rule: it is green only if every package was looked up; what could not be is a sentence and exit code 2.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.setup import ROOT

FOUND, NOT_ASKED = 1, 2


def main(argv: Sequence[str], folder: Path = ROOT / "requirements") -> int:
    """Give the exit code: 0 nothing is known against any package, 1 something is, 2 that cannot be told."""
    lists = [word for path in sorted(folder.glob("*.txt")) for word in ("--requirement", str(path))]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run(
        [*command, "--format", "json", *lists, *argv], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, TypeError, KeyError):
        say(f"nothing was checked: {why(done.stderr)}")
        return NOT_ASKED
    return told(packages)


def told(packages: Sequence[Mapping[str, Any]]) -> int:
    """Print what is known of the packages, and give the exit code."""
    left_out = {
        package["name"]: str(package["skip_reason"]) for package in packages if "skip_reason" in package
    }
    known = [(package, each) for package in packages for each in package.get("vulns", ())]
    for package, each in known:
        mended = ", ".join(each["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {each['id']}, mended in {mended}")
    checked = len(packages) - len(left_out)
    for name, reason in list(left_out.items())[:1]:
        say(f"{len(left_out)} of {len(packages)} packages could not be checked, {name} for one: {reason}")
    say(f"{checked} packages checked, {len(known)} vulnerabilities known")
    return FOUND if known else NOT_ASKED if left_out or not packages else 0


def why(stderr: str) -> str:
    """Give the line in which pip-audit says why it gave up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.rpartition("ERROR:")[2] for line in lines if "ERROR" in line]
    return (*errors, *lines[-1:], "pip-audit did not say why")[0][:200]


def say(line: str) -> None:
    """Tell the person who waits."""
    print(f"audit: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
