"""The program with the calls to the kernel that a unit leaves it: `python -m tests.doubles.sandboxed ...`.

The environment says which: ALLOWED are their numbers, with commas; the others are answered EPERM, as with
SystemCallErrorNumber=EPERM. Memory that is both writable and executable is refused as well.

One rule: it is the kernel that refuses, by the same means as systemd uses (a seccomp filter, PR_SET_MDWE).
"""

import ctypes
import errno
import os
import struct
import sys

from aqi_service.cli import main

SET_NO_NEW_PRIVS, SET_SECCOMP, SET_MDWE = 38, 22, 65
FILTER_MODE, REFUSE_EXEC_GAIN = 2, 1
LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def restrict(allowed: list[int]) -> None:
    """Have the kernel refuse all other calls of this process, and of what it starts."""
    rules = [(LOAD_NUMBER, 0, 0, 0)]
    for number in allowed:
        rules += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    rules.append((RETURN, 0, 0, REFUSE))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
    program = _Program(len(rules), ctypes.addressof(code))
    _prctl(SET_NO_NEW_PRIVS, 1)
    _prctl(SET_MDWE, REFUSE_EXEC_GAIN)
    _prctl(SET_SECCOMP, FILTER_MODE, ctypes.addressof(program))


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *words):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


if __name__ == "__main__":
    restrict([int(number) for number in os.environ["ALLOWED"].split(",")])
    try:
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))  # of @resources
    except PermissionError:
        pass
    else:
        sys.exit("nothing is refused")
    sys.exit(main())
