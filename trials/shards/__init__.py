"""Scaling out: shards that are killed and started again beside a daemon, and replicas behind one address.

One rule: a seed decides what there is and who is killed when; the program is the one that is shipped, each a
process of its own that ends by SIGKILL; what came out is held against a single run and against
`tests.doubles.delivery_reference`, which calls nothing of it.

    plan.py     a seed into snapshots, and after how many requests which worker is killed. Pure.
    killing.py  the shim in front of AWS, which counts each process's requests and kills it at its number
    shards.py   workers on one archive and one table beside a daemon that loads; then one alone
    checks.py   the two tables, the manifests and answers held against each other. Pure.
    behind.py   a loader and two replicas behind one address, asked while one after the other is killed

A number of requests, not a time, chooses the moment of a kill, so that a busy machine moves none. Which
requests of a process come first, no seed can fix.
"""
