"""Which core a process runs on: what is measured on one, and what answers it on another.

One rule: with a single core both share it, which is said nowhere but in the number of cores above the table.
"""

import os


def pin_to_first_core(pid: int = 0) -> None:
    """Keep a process (0: this one) on the first core that this one may use."""
    os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})


def pin_to_last_core(pid: int) -> None:
    """Keep a process on the last core."""
    os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})
