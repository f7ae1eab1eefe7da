"""Permissions that bind root, too, which a container's user may be.

One rule: for a process that is about to begin; this one keeps what it may.
"""

import ctypes

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1


def bound_by_permissions() -> None:
    """Give up, for the program that is executed next, the right to write whatever one likes."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
