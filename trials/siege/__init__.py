"""A siege of the daemon: thousands of idle and hostile connections, and an honest client that goes on asking.

One rule: three processes, so that nobody is measured in another's loop: the daemon as it is started, the
attackers, and this one with the honest client and the judge. Nobody reads the daemon's stderr, which is full.

    besieged.py    the daemon, and a spy in it that counts tasks and connections when it is asked
    attackers.py   the attackers' process: told by lines of JSON what to do, tells what it saw
    attacks.py     the attacks, a few lines each on a raw socket, and how its end must be counted
    http_attacks.py  a crowd at the HTTP port, at the same time
    peers.py       raw sockets from many loopback addresses, and who notices that they were closed
    honest.py      the honest client: what it waited for its answers, and which were wrong
    watch.py       what the daemon takes: memory, descriptors, its own counters
    assault.py     the phases, one after the other
    app/open.py     starts daemon and attackers
    sizes.py       how large it is, and its limits. Pure.
    figures.py     figures beside their limits. Pure.

`python -m trials.siege` is the whole siege, on Linux.
"""
