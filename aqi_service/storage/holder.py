"""Who holds something: a process by a name that no later process of this machine has.

One rule: a holder counts as dead only when that is certain; whatever cannot be read or found out is not.
"""

import os
import socket
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

_PROC = Path("/proc")
_START = 22 - 3
"""Where the start time stands in /proc/PID/stat, counted from what follows the command (proc(5))."""


class _Machine(NamedTuple):
    """Where a process id means something."""

    host: str
    boot: str
    namespace: str


def holder_name() -> str:
    """Name this process: host, boot id, pid namespace, pid and start time, in one line of printable ASCII."""
    pid = os.getpid()
    return "/".join(quote(part, safe="") for part in (*_here(), str(pid), _start_of(pid)))


def is_here(name: str) -> bool:
    """Tell whether the holder runs, or ran, on this machine since it was started."""
    found = _parse(name)
    return found is not None and found[0] == _here() and all(found[0])


def is_dead(name: str) -> bool:
    """Tell whether the holder has certainly ended; never of one on another machine."""
    found = _parse(name)
    if found is None or not is_here(name):
        return False
    _, pid, start = found
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and is another user's
        pass
    now = _start_of(pid)
    return bool(start and now) and start != now


def _here() -> _Machine:
    return _Machine(socket.gethostname(), _text(_PROC / "sys/kernel/random/boot_id"), _namespace())


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """Return when a process began, in clock ticks since the boot; empty where that cannot be read."""
    rest = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()  # the command may hold blanks and `)`
    return rest[_START] if len(rest) > _START else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _parse(name: str) -> tuple[_Machine, int, str] | None:
    parts = [unquote(part) for part in name.split("/")]
    if len(parts) != len(_Machine._fields) + 2 or not (parts[3].isascii() and parts[3].isdecimal()):
        return None
    pid = int(parts[3][:10])
    return (_Machine(*parts[:3]), pid, parts[4]) if pid else None
