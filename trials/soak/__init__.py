"""A soak: hundreds of short loads and lookups in one process, and what they leave behind in it.

One rule: the measured process is the program's alone; feed, shim and emulator are in the one that started it,
so that their memory and connections are not counted.

    measured.py    the measured process: loads and lookups, and a sample now and then
    world.py       what is around it: the feed, the shim and its faults, the emulator
    samples.py     samples as a table, and what of them grew. Pure.

`python -m trials.soak --loads 500` on a table behind the shim, then in a folder.
"""
