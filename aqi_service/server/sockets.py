"""Opens the sockets on which a server listens.

Rule: a port that cannot be used raises PortInUse, whose sentence says what to do; nothing here accepts.
"""

import errno
import fcntl
import ipaddress
import resource
import socket
from typing import Any

from aqi_service.errors import PortInUse

SEND_BUFFER = 64 * 1024
"""Bytes of replies in the kernel for each connection. By default it grows to megabytes, and a slow reader
would show progress only after a third of that."""

RECEIVE_BUFFER = 32 * 1024
"""Bytes of requests in the kernel for each connection (hundreds of requests). One read of the loop can bring
twice as much into memory, with the kernel's overhead (uvloop takes all there is)."""

UNSENT = 16 * 1024
"""Bytes that the kernel takes while earlier ones are not sent: so a peer that does not read is noticed at its
first replies, and no more is looked up for it; a peer that reads is not slowed down."""

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Notice a half-open peer after 60 + 4 * 15 s."""

SPREAD = 61
"""The first probes of connections that came together are spread over this many seconds, half of them earlier:
the kernel's queue for one processor holds 1,000 packets, and a peer whose probe is lost there four times is
given up."""

HIGHEST, ROOM = 16_000, 16
"""Listening sockets have descriptors from HIGHEST on, above all others, or ROOM under the limit of open
files."""

_WHY = {
    errno.EADDRINUSE: "another program listens there; stop it, or choose another port",
    errno.EACCES: "this user may not open it; choose a port from 1024 up",
    errno.EADDRNOTAVAIL: "that is no address of this machine; choose one of its own, or 127.0.0.1",
}
_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors for an address family that this machine has switched off: another address of the host is enough."""

_ATTEMPTS = 10


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind and listen on every address of `host` ("": all of the machine); port 0 takes a free one.

    All sockets have the same port. The caller closes them, or passes them on. Raises PortInUse.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _listen(host, port)
        except PortInUse:
            if port:  # a free port of one family may be taken in the other: then another free one
                raise
    return _listen(host, port)


def default_max_connections(descriptors: int) -> int:
    """Return how many connections fit into a limit of open files (RLIMIT_NOFILE; -1 is unlimited).

    At most 10,000; 128 descriptors and a quarter of the rest stay free for AWS, HTTP, files and refusals.
    """
    if descriptors < 0:
        return 10_000
    return max(1, min(10_000, (descriptors - 128) * 3 // 4))


def prepare(sock: socket.socket) -> None:
    """Set the options that accepted connections inherit from their listening socket."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    # asyncio sets this only on sockets made with the protocol's number; without it replies wait 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in {"TCP_NOTSENT_LOWAT": UNSENT, **KEEPALIVE}.items():
        if hasattr(socket, name):  # on Linux all; other systems lack some
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def spread_keepalive(sock: socket.socket) -> None:
    """Give an accepted connection its own time for its first probe."""
    if hasattr(socket, "TCP_KEEPIDLE"):
        own = KEEPALIVE["TCP_KEEPIDLE"] + sock.fileno() % SPREAD - SPREAD // 2
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, own)


def _listen(host: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    problem: OSError | None = None
    for family, address in _addresses(host, port):
        same_port = sockets[0].getsockname()[1] if sockets else address[1]
        try:
            sockets.append(_open(family, (address[0], same_port, *address[2:])))
        except OSError as error:
            problem = error
            if error.errno not in _ABSENT:
                break
    else:
        if sockets:
            return sockets
    for sock in sockets:
        sock.close()
    raise _port_taken(host, port, problem) from problem


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """Return a host's families and addresses, each once."""
    try:
        found = socket.getaddrinfo(
            host or None, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise PortInUse(
            f"{host!r} is no address or name of this machine; choose one of its own, or 127.0.0.1"
        ) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _open(family: int, address: tuple[Any, ...]) -> socket.socket:
    """Bind and listen: with SO_REUSEADDR only a listening socket has its port for itself."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen()
        return _above_others(sock)
    except BaseException:
        sock.close()
        raise


def _above_others(sock: socket.socket) -> socket.socket:
    """Move a listening socket to a descriptor above those of connections, if there is room; return it.

    Linux closes a killed process's highest descriptors first. So the port refuses before connections end, and
    clients that connect again reach another process behind the same address; otherwise many would get into
    the queue of this one, and be cut off again.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = HIGHEST if limit == resource.RLIM_INFINITY else min(HIGHEST, limit - ROOM)
    try:
        high = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, least)
    except OSError:
        return sock
    sock.close()
    return socket.socket(fileno=high)


def _port_taken(host: str, port: int, problem: OSError | None) -> PortInUse:
    code = problem.errno if problem is not None else None
    why = _WHY.get(code or 0) or f"{problem}; choose another address or port"
    return PortInUse(f"cannot listen on {host or '*'}:{port}: {why}")


def peer_of(address: str) -> str:
    """Return the peer's address for counting: an IPv4 address, or the /64 network of an IPv6 one.

    One host may use all addresses of such a network (RFC 6177).
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))
