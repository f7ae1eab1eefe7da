"""What the program needs of its machine, measured on real processes: `python -m trials.host`.

One rule: every figure is of this run, beside its limit; one past it makes the exit code 1.

    parts.py      lookups while a snapshot loads; a load within little memory
    trouble.py    a process that stands still; disks that are full, or read-only
    lookups.py    how long lookups take while something else goes on
    places.py     a snapshot of any size, its feed, and AWS   (discarding.py: takes everything)
    limits.py     a load under a limit of memory, and what it took
    disks.py      file systems, mounted, which only root can
    figures.py    the table's lines
"""
