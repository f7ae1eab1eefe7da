"""Random campaigns: daemons, replays, a feed that moves on and lookups, all under random faults.

One rule: a seed decides what is done and what fails; the program is the one that is shipped, and what came
out is held against `tests.doubles.delivery_reference`, which calls nothing of it.

In reading order:

    plan.py        a seed into a plan: what the feed publishes, who begins and ends when, which faults. Pure.
    documents.py   what the feed publishes, generation by generation. Pure.
    faults.py      the faults that a plan chooses among, as rules of the shim and toxics of the proxy
    snapshots/download.py        the feed: the generation of the hour, or what goes wrong with it
    processes.py   daemons and replays, each with clients of its own, in one loop; ended, or killed
    lookups.py     a client that asks all the time, and knows which rows there may be
    outcome.py     what is there at the end: bucket, table, reports
    campaign.py    a plan carried out
    checks.py      an outcome held against the reference. Pure.

`make chaos SEED=7 MINUTES=5` runs campaigns 7, 8, ...; with MINUTES=0 just the one.

The seed fixes the plan, the jitter of the program, and of each rule which of its calls it falls on (by their
number). It cannot fix the order in which requests of several connections arrive, nor how much of the
simulated time the machine's own work takes: a campaign that is run again has the same plan, and nearly, but
not certainly, the same course.
"""
