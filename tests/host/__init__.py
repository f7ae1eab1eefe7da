"""What the program needs of its machine, measured on real processes: `python -m tests.host`.

One rule: every figure is of this run, beside its limit; one past it makes the exit code 1.

    lookups.py    how long lookups take while something else goes on
    places.py     a snapshot of any size, its feed, and AWS that takes everything and keeps nothing
    limits.py     a process under a limit of memory, and what it took
    parts.py      the parts: serving while loading, memory, a process that stands still, disks
    disks.py      file systems that are full, or read-only (mounted: only root can)
"""
