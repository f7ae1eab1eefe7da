"""A new instance of EC2, as far as the script that it begins with sees one: a folder in the place of `/`.

One rule: the script is the template's own; what it calls of the system is a program that writes its arguments
down, and `aws` copies out of a folder that stands for the bucket.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

BUCKET = "a-bucket"
PIP = Path(next(folder for folder in sys.path if (Path(folder) / "pip").is_dir()))
"""Where pip is: an environment without one of its own finds it there, and begins faster."""

AWS = """
source=${@: -2:1} to=${@: -1}
case "$*" in
*--recursive*) cp -r "$STORE/${source#s3://*/}". "$to" 2>/dev/null || true ;;
*) cp "$STORE/${source#s3://*/}" "$to" ;;
esac
"""
PYTHON = f"""
[[ $1 == -m && $2 == venv ]] && set -- "${{@:1:2}}" --without-pip "${{@:3}}"
exec {shlex.quote(sys.executable)} "$@"
"""
ANSWERS = {"aws": AWS, "python3.11": PYTHON, "getent": "exit 2", "journalctl": 'echo "the log of $1"'}
PROGRAMS = ANSWERS | dict.fromkeys(
    ("dnf", "useradd", "chgrp", "systemctl", "systemd-run", "curl", "sleep", "cfn-signal"), ""
)


class Instance:
    """One of them; `calls` is what was called, in order."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store = folder / "root", folder / "bucket"
        self._bin, self._calls = folder / "bin", folder / "calls"
        for made in (self.root / "dev", self.store / "wheelhouse", self.store / "settings", self._bin):
            made.mkdir(parents=True)
        for name, body in PROGRAMS.items():
            self._program(name, body)

    def fails_at_first(self, name: str, words: str, times: int) -> None:
        """Have a program fail so many times when its arguments have these words."""
        count = self.root.parent / f"{name}-failed"
        failing = f"""
if [[ "$*" == *{shlex.quote(words)}* && $(cat {count} 2>/dev/null | wc -c) -lt {times} ]]; then
    echo -n x >>{count}
    exit 1
fi
"""
        self._program(name, failing + PROGRAMS[name])

    def begin(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run the script that the template gives an instance."""
        for path in ("/etc/aqi", "/opt/aqi-wheelhouse", "/dev/console"):
            script = script.replace(path, f"{self.root}{path}")
        return self._run(script.replace("/opt/aws/bin/", ""))

    def an_hour_later(self) -> None:
        """Run what systemd was told to run by then."""
        for told in self.called("systemd-run"):
            self._run("sh -c " + shlex.quote(told.partition(" sh -c ")[2]))

    def install(self, wheelhouse: Path) -> subprocess.CompletedProcess[str]:
        """Run the install.sh of an unpacked wheelhouse."""
        return self._run(f"bash {shlex.quote(str(wheelhouse / 'install.sh'))}")

    def _run(self, script: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": f"{self._bin}:{os.environ['PATH']}", "STORE": str(self.store), "CALLS": str(self._calls),
            "AQI_ROOT": str(self.root), "PYTHONPATH": str(PIP),
        }  # fmt: skip
        return subprocess.run(
            ["/bin/bash", "-c", script], env=env, cwd=self.root, capture_output=True, text=True, check=False
        )

    @property
    def calls(self) -> list[str]:
        """What was called of the system, a line each."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def called(self, name: str) -> list[str]:
        """Give the arguments of each call of a program."""
        return [rest for word, _, rest in (line.partition(" ") for line in self.calls) if word == name]

    def _program(self, name: str, body: str) -> None:
        path = self._bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"$CALLS"\n{body}')
        path.chmod(0o755)
