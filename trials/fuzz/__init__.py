"""Hostile bytes for whatever reads bytes that are not ours: only its own errors may come out.

One rule: an input can be made again from its target, the seed and its number.

    targets.py     the table: what is fed, from which seeds, which errors may come out, what it may cost
    seeds.py       real traffic, captures cut to a few records, and what FAULTS of feed and wire look like
    frames.py, requests.py, replies.py   frames, requests to a server in memory, replies to the client:
                   fed and judged
    memory_wire.py a connection without a socket
    words.py       requests by their names: read, and written again
    documents.py   splitter, items, attributes of a table: fed and judged
    days.py        daily files, fed and judged
    mutations.py   a number into an input. Pure.
    strategies.py  hypothesis: inputs made from the formats themselves
    cost.py        what an input costs, beside the costliest plain one of its length
    campaign.py    many inputs, and what came of them

`python -m trials.fuzz` feeds millions.
"""
