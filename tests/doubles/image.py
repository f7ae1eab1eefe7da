"""The image without an engine: its /opt/aqi, in a folder that nobody may write to.

One rule: what it runs is what deploy/Dockerfile says, as a user with no right but to read.
"""

import asyncio
import os
import re
import shutil
import subprocess
import venv
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import ROOT
from tests.doubles.outside import needs_program
from tests.doubles.patience import patience
from tests.doubles.program import Running, started
from tools.setup import commands, site_packages, write_command

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
DAC_READ_SEARCH = 1 << 2
"""The bit of the right to read everything, which the interpreter may need: it may lie in root's home."""

with_setpriv = needs_program("setpriv" if IS_ROOT else "sh", "Debian's package util-linux has it")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LISTED = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)


@dataclass(frozen=True)
class Image:
    """The environment, and a folder for what may be written."""

    folder: Path
    writable: Path

    def command(self, *words: str) -> list[str]:
        """Give what runs words as its user, with no right but to read."""
        return [*_as_nobody(), *words]

    def environment(self, given: Mapping[str, str | None]) -> dict[str, str]:
        """Give what a container's environment is: the image's, and what Compose adds."""
        named = {name: value for name, value in given.items() if value is not None}
        return self._own() | named

    def _own(self) -> dict[str, str]:
        """Give what the Dockerfile sets."""
        text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
        [words] = re.findall(r"^ENV (.+)$", text, re.MULTILINE)
        text = words.replace("/opt/aqi", str(self.folder)).replace("$PATH", SYSTEM_PATH)
        return dict(word.split("=", 1) for word in text.split())

    async def run(self, *words: str, given: Mapping[str, str | None]) -> tuple[int, str, str]:
        """Run words in the folder that may be written to; give exit code, stdout and stderr."""
        pipe, env = subprocess.PIPE, self.environment(given)
        done = await asyncio.create_subprocess_exec(
            *self.command(*words), cwd=self.writable, env=env, stdout=pipe, stderr=pipe
        )
        async with patience():
            out, err = await done.communicate()
        return done.returncode or 0, out.decode(), err.decode()

    @asynccontextmanager
    async def running(self, *options: str, given: Mapping[str, str | None]) -> AsyncIterator[Running]:
        """Run the image's entry point."""
        command = self.command(str(self.folder / "bin" / "aqi-service"), *options)
        async with started(*command, cwd=self.writable, env=self.environment(given)) as program:
            yield program


@contextmanager
def image() -> Iterator[Image]:
    """Make the environment, of what requirements/run.txt lists and the package; it goes away at the end."""
    with TemporaryDirectory(prefix="image-") as name:
        place = Path(name)
        place.chmod(0o755)  # its user has to get there
        made = Image(place / "aqi", place / "tmp")
        _fill(made.folder)
        made.writable.mkdir()
        if IS_ROOT:
            os.chown(made.writable, NOBODY, NOBODY)
        before = _state(made.folder)
        yield made
        assert _state(made.folder) == before
        for path in (made.folder, *made.folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def _fill(folder: Path) -> None:
    """Put in what the Dockerfile installs, and let nobody write to it."""
    venv.create(folder, symlinks=True)
    packages = site_packages(folder)
    for name in LISTED.findall((ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")):
        _borrow(name, packages)
    shutil.copytree(
        ROOT / "aqi_service", packages / "aqi_service", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, target in commands().items():
        write_command(folder / "bin" / name, target)
    shutil.copy(ROOT / "deploy" / "healthcheck.py", folder)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555 | 0o444)


def _borrow(name: str, packages: Path) -> None:
    """Link what this environment has of a package, if it is one for this platform."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        assert name == "typing-extensions", name  # for older Pythons alone
        return
    for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        link = packages / top
        if not link.exists():
            link.symlink_to(Path(str(found.locate_file(top))))


def _state(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def _as_nobody() -> list[str]:
    """Give what drops all rights; whoever is not root has none."""
    if not IS_ROOT:
        return []
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    bounds = int(status.partition("CapBnd:")[2].split()[0], 16)
    kept = "-all,+dac_read_search" if bounds & DAC_READ_SEARCH else "-all"
    rights = [f"--{name}={kept}" for name in ("inh-caps", "ambient-caps", "bounding-set")]
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return [shutil.which("setpriv") or "setpriv", *user, *rights]


def who(pid: int) -> tuple[int, int]:
    """Tell as which user a process runs, and with which rights: bits, as the kernel numbers them."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    rights = int(status.partition("CapEff:")[2].split()[0], 16)
    return int(status.partition("Uid:")[2].split()[1]), rights
