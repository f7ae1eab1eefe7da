"""Which core a process runs on, and how long it waited for one.

One rule: with a single core both share it, which is said nowhere but in the number of cores above the table.
"""

import os
from pathlib import Path


def pin_to_first_core(pid: int = 0) -> None:
    """Keep a process (0: this one) on the first core that this one may use."""
    os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})


def pin_to_last_core(pid: int) -> None:
    """Keep a process on the last core."""
    os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})


def waited_for_a_core(pid: int) -> float:
    """Return the seconds that a process's first thread could have run, and others had the cores."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


def waited_in_both(pid: int) -> float:
    """Return those of a process and of this one, which asks it: what a busy machine adds to an answer."""
    return waited_for_a_core(pid) + waited_for_a_core(os.getpid())
