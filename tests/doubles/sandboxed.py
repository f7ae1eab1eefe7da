"""The program with the calls to the kernel that a unit leaves it: `python -m tests.doubles.sandboxed ...`.

The environment says which: CALLS are their numbers, with commas, FAMILIES those of sockets, SOCKET is that
of the call that makes one. Others are answered EPERM, as with SystemCallErrorNumber=EPERM, and other
sockets EAFNOSUPPORT. Memory that is both writable and executable is refused as well.

One rule: it is the kernel that refuses, by the same means as systemd uses (a seccomp filter, PR_SET_MDWE).
"""

import ctypes
import errno
import os
import struct
import sys
from contextlib import suppress

from aqi_service.cli import main

SET_NO_NEW_PRIVS, SET_SECCOMP, SET_MDWE = 38, 22, 65
FILTER_MODE, REFUSE_EXEC_GAIN = 2, 1
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
FIRST_ARGUMENT = 16

Rule = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def restrict(allowed: list[int], socket: int, families: list[int]) -> None:
    """Have the kernel refuse all other calls, and sockets, of this process and of what it starts."""
    sockets = [(LOAD, 0, 0, FIRST_ARGUMENT), *only(families, errno.EAFNOSUPPORT)]
    rules = [(LOAD, 0, 0, 0), (IF_EQUAL, 0, len(sockets), socket), *sockets, *only(allowed, errno.EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
    program = _Program(len(rules), ctypes.addressof(code))
    _prctl(SET_NO_NEW_PRIVS, 1)
    with suppress(OSError):  # before Linux 6.3
        _prctl(SET_MDWE, REFUSE_EXEC_GAIN)
    _prctl(SET_SECCOMP, FILTER_MODE, ctypes.addressof(program))


def only(values: list[int], error: int) -> list[Rule]:
    """Allow what was loaded if it is one of these values."""
    pairs = [((IF_EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)) for value in values]
    return [*(rule for pair in pairs for rule in pair), (RETURN, 0, 0, REFUSE | error)]


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *words):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _numbers(name: str) -> list[int]:
    return [int(number) for number in os.environ[name].split(",")]


if __name__ == "__main__":
    restrict(_numbers("CALLS"), _numbers("SOCKET")[0], _numbers("FAMILIES"))
    try:
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))  # of @resources
    except PermissionError:
        pass
    else:
        sys.exit("nothing is refused")
    sys.exit(main())
