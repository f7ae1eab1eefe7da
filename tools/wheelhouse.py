"""Pack what an instance installs: `make wheelhouse` writes build/wheelhouse/SHA256.tar and prints SHA256.

One rule: only what requirements/run.txt names by its hash is packed, and this project's own wheel, whose hash
is written beside; the same sources give the same bytes.

Wherever it is made, its wheels are for Linux on arm64 and Python 3.11, which is Amazon Linux 2023
(deploy/cloudformation.yml). deploy/install.sh, which is packed as well, installs them there.
"""

import argparse
import hashlib
import io
import re
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.setup import PIP, ROOT, SetupError, run

GLIBC = 34
"""Amazon Linux 2023 has glibc 2.34: wheels for an older one work there."""

PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in range(GLIBC, 16, -1)), "manylinux2014_aarch64")
TARGET = (
    *("--python-version", "3.11", "--implementation", "cp"),
    *(word for abi in ("cp311", "abi3", "none") for word in ("--abi", abi)),
    *(word for platform in PLATFORMS for word in ("--platform", platform)),
)
"""What pip is told of the machine that the wheels are for; of several that fit it takes the first."""

FILES = ("install.sh", "aqi.service")
"""What of deploy/ goes in beside the wheels."""

PIP_QUIET = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    """Give the exit code: 0 with the sha256 on stdout, 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="wheelhouse", description="Pack what an instance installs.")
    parser.add_argument("--wheel", type=Path, help="this project's wheel (default: it is built)")
    parser.add_argument(
        "--to", type=Path, default=root / "build/wheelhouse", help="default: build/wheelhouse"
    )
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="aqi-wheelhouse-") as folder:
            packed = pack(contents(root, Path(folder), options.wheel))
    except (SetupError, OSError) as error:
        print(f"wheelhouse: {error}", file=sys.stderr)
        return 1
    digest = hashlib.sha256(packed).hexdigest()
    options.to.mkdir(parents=True, exist_ok=True)
    path = options.to / f"{digest}.tar"
    path.write_bytes(packed)
    print(f"wheelhouse: {path}, {len(packed) / 1e6:.1f} MB", file=sys.stderr)
    print(digest)
    return 0


def contents(root: Path, folder: Path, wheel: Path | None) -> dict[str, bytes]:
    """Fetch the wheels into a folder, build the project's unless it is given; give the tar's names and bytes.

    Raises SetupError with pip's words.
    """
    locked = (root / "requirements/run.txt").read_text(encoding="utf-8")
    fetch(locked, folder)
    own = wheel or build(root, folder)
    wheels = {path.name: path.read_bytes() for path in sorted((folder / "wheels").glob("*.whl"))}
    wheels[own.name] = own.read_bytes()
    listed = locked + requirement(own.name, wheels[own.name])
    return {
        **{name: (root / "deploy" / name).read_bytes() for name in FILES},
        "requirements.txt": listed.encode(),
        **{f"wheels/{name}": body for name, body in wheels.items()},
    }


def fetch(locked: str, folder: Path) -> None:
    """Download the wheels of a locked list into FOLDER/wheels."""
    wanted = folder / "run.txt"
    wanted.write_text(without_markers(locked), encoding="utf-8")
    command = (*PIP_QUIET, "download", *PIP[3:], "--no-deps", *TARGET)
    run(
        "pip could not download the wheels",
        sys.executable, *command, f"--dest={folder / 'wheels'}", f"--requirement={wanted}",
    )  # fmt: skip


def build(root: Path, folder: Path) -> Path:
    """Build the project's wheel, by the back end that requirements/build.txt names by its hash."""
    python = folder / "venv/bin/python"
    run("python -m venv failed", sys.executable, "-m", "venv", str(folder / "venv"))
    backend = f"--requirement={root / 'requirements/build.txt'}"
    run("pip could not install the build back end", str(python), *PIP, backend)
    options = ("--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={folder / 'own'}")
    run("pip could not build the wheel", str(python), *PIP_QUIET, "wheel", *options, str(root))
    [wheel] = (folder / "own").glob("*.whl")
    return wheel


def without_markers(locked: str) -> str:
    """Leave out for which machines a requirement is: pip would judge by this one, not by the target."""
    return re.sub(r"(?m)^(\S+) ; .*?( \\)?$", r"\1\2", locked)


def requirement(wheel: str, body: bytes) -> str:
    """Write the line that installs a wheel by its hash."""
    name, version = wheel.split("-")[:2]
    return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{hashlib.sha256(body).hexdigest()}\n"


def pack(files: Mapping[str, bytes]) -> bytes:
    """Write a tar that depends on names and contents alone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, body in sorted(files.items()):
            entry = tarfile.TarInfo(name)  # by default of root, and of 1970
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
