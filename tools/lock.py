"""Pin what pyproject.toml asks for: `make lock`, by uv; `make lock ARGS=--upgrade` moves the versions.

One rule: versions are chosen once, for all extras together, in constraints.txt; the lists in requirements/
have the same, and the hash of every file that may be installed. Versions that are there stay.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence

from tools.setup import ROOT

COMPILE = (
    "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--only-binary", ":all:",
    "--custom-compile-command", "make lock",
)  # fmt: skip
HASHED = ("--generate-hashes", "--no-annotate", "--constraint", "constraints.txt")
NO_UV = "lock: uv is not on the PATH: pip install uv (https://docs.astral.sh/uv/)"


def main(argv: list[str]) -> int:
    """Write constraints.txt and requirements/; give the exit code of the first uv that fails."""
    uv = shutil.which("uv")
    if uv is None:
        print(NO_UV, file=sys.stderr)
        return 2
    build = "\n".join(project()["build-system"]["requires"])
    for arguments in compilations(argv):
        done = subprocess.run([uv, *COMPILE, *arguments], cwd=ROOT, input=build, text=True, check=False)
        if done.returncode:
            return done.returncode
    return 0


def compilations(options: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Give the arguments of each run; the build back end, which no extra names, comes by standard input."""
    yield ("pyproject.toml", "--all-extras", "-o", "constraints.txt", *options)
    yield ("pyproject.toml", *HASHED, "-o", "requirements/run.txt")
    for extra in project()["project"]["optional-dependencies"]:
        yield ("pyproject.toml", "--extra", extra, *HASHED, "-o", f"requirements/{extra}.txt")
    yield ("-", *HASHED, "-o", "requirements/build.txt", *options)


def project() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
