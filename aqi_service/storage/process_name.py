"""The name of a process, which tells others who holds a lease, and whether that process is dead.

One rule: only a process that is certainly dead counts as dead; one that cannot be judged from here counts as
alive.
"""

import os
import re
import socket
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_UNKNOWN = "0"
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z._-]")
_NAME = re.compile(
    "host=([0-9A-Za-z._-]{1,64}) boot=([0-9a-f-]{1,36}) pidns=([0-9]{1,20}) "
    "pid=([1-9][0-9]{0,8}) start=([0-9]{1,20})"
)
_GONE = frozenset("ZX")  # states of a process that has ended and that nobody has waited for


class _Process(NamedTuple):
    """Where a process runs, and which one it is there; `0` for what the system does not tell."""

    host: str
    boot: str
    namespace: str
    pid: str
    start: str


def holder_name(proc: Path = PROC) -> str:
    """Return this process's name: host, boot, namespace of process ids, id, start (clock ticks after boot).

    It has at most 200 printable ASCII characters on one line.
    """
    host = _NOT_IN_A_NAME.sub("-", socket.gethostname())[:64] or _UNKNOWN
    _, start = _state(proc / "self") or ("", _UNKNOWN)
    process = _Process(host, _boot(proc), _namespace(proc), str(os.getpid()), start)
    return "host={} boot={} pidns={} pid={} start={}".format(*process)


def is_dead(name: str, proc: Path = PROC) -> bool:
    """Tell whether the process with this name has certainly ended.

    That can be true only for a process of this host since its boot, and of the same namespace of process ids
    (another container has another); False for every name that `holder_name` did not make.
    """
    it = _parsed(name)
    we = _parsed(holder_name(proc))
    if it is None or we is None or it[:3] != we[:3] or _UNKNOWN in it:
        return False
    if not _exists(int(it.pid)):
        return True
    found = _state(proc / it.pid)  # None where other users' processes are hidden
    return found is not None and (found[0] in _GONE or found[1] != it.start)


def described(name: str) -> str:
    """Return the name in a form for people: host and process id."""
    process = _parsed(name)
    if process:
        return f"{process.host} pid {process.pid}"
    return ascii(name[:100]) if name else "a process that did not leave its name"


def _parsed(name: str) -> _Process | None:
    found = _NAME.fullmatch(name)
    return _Process(*found.groups()) if found else None


def _boot(proc: Path) -> str:
    """Return the random id that Linux makes at each boot."""
    try:
        text = (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return _UNKNOWN
    return text if re.fullmatch("[0-9a-f-]{1,36}", text) else _UNKNOWN


def _namespace(proc: Path) -> str:
    # Its number may be given again, but only once all processes in it have ended.
    try:
        return str((proc / "self/ns/pid").stat().st_ino)
    except OSError:
        return _UNKNOWN


def _state(folder: Path) -> tuple[str, str] | None:
    """Return state and start of a process (fields 3 and 22 of proc_pid_stat(5)), None if they are hidden.

    The second field is the program's name in parentheses; it may contain blanks and parentheses.
    """
    try:
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode("ascii"), fields[19].decode("ascii")
    except (OSError, IndexError, ValueError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True
