"""What a person types to run this program again from the current folder: for hints that can be copied.

One rule: a hint calls the program as it was called itself: as the installed script, or by its interpreter.
"""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

SERVICE, CLIENT = "aqi-service", "aqi-client"
"""The scripts that an installation makes."""

MODULES = {SERVICE: "aqi_service", CLIENT: "aqi_service.client"}
"""Their module names for `python -m`."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the program was started.

    Attributes:
        script: the script that was run (`sys.argv[0]`).
        python: the interpreter's path.
        folder: the current folder.
        path: where a shell looks for commands (`PATH`).
    """

    script: str
    python: str
    folder: Path
    path: str

    def command(self, name: str) -> str:
        """Return what to type for `aqi-service` or `aqi-client`, fit for a shell."""
        script = self.folder / self.script
        if script.name in MODULES and os.access(script.with_name(name), os.X_OK):
            return self._typed(script.with_name(name))
        return f"{self._typed(Path(self.python))} -m {MODULES[name]}"

    def _typed(self, program: Path) -> str:
        """Return the shortest text that starts this program: its name, its path from here, or in full."""
        if shutil.which(program.name, path=self.path) == str(program):
            return shlex.quote(program.name)
        from_here = program.is_relative_to(self.folder) and self.folder not in (program.parent, Path("/"))
        return shlex.quote(str(program.relative_to(self.folder) if from_here else program))


def here() -> Start:
    """Return how this process was started."""
    try:
        folder = Path.cwd()
    except OSError:  # it is gone
        folder = Path("/")
    return Start(sys.argv[0], sys.executable or "python3", folder, os.environ.get("PATH", ""))


def service() -> str:
    """Return what to type for `aqi-service`."""
    return here().command(SERVICE)


def client() -> str:
    """Return what to type for `aqi-client`."""
    return here().command(CLIENT)
