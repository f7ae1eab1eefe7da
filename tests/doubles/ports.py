"""A port for a server that is started later, or that is to be away for a while.

One rule: it is none that the system gives to connections that go out: any program here could have it by then.
"""

import random
import socket
from pathlib import Path

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 15_000
"""Under it are the ports that programs have by default."""
HIGHEST = 65_536

TRIES = 100


def apart_from(outgoing: int) -> range:
    """Return the ports below those that connections get, from `outgoing` on; all if there are none."""
    return range(LOWEST, outgoing if outgoing > LOWEST else HIGHEST)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now; raises OSError where none is found."""
    ports = apart_from(int(OUTGOING.read_text(encoding="ascii").split()[0]) if OUTGOING.exists() else 0)
    chance = random.SystemRandom()  # whoever seeds `random` alike would choose alike
    for _ in range(TRIES):
        port = chance.choice(ports)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise OSError(f"of {TRIES} ports of {ports} none is free")
