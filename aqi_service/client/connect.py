"""Connects to the first of a name's addresses that accepts: happy eyeballs (RFC 8305).

Rule: a silent address costs NEXT_SECONDS, not the whole time to connect; on any event loop (uvloop lacks
asyncio's own `happy_eyeballs_delay`).
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any

NEXT_SECONDS = 0.25
"""How many seconds an address may be silent before the next is tried beside it (RFC 8305, 5)."""

Address = tuple[int, Any]
"""The family, and the address for a socket of that family."""


async def connect(host: str, port: int) -> socket.socket:
    """Connect by TCP. Raises OSError with the reason of each address family that failed."""
    if isinstance(port, int) and not 0 < port < 65536:  # the system takes 77,536 for 12,000
        raise OSError(None, "there is no such port")
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await _first_connected(_families_by_turns((family, address) for family, *_, address in found))


def _families_by_turns(addresses: Iterable[Address]) -> list[Address]:
    """Order addresses so that families alternate as long as there are several."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [each for each in chain(*zip_longest(*families.values())) if each is not None]


async def _first_connected(addresses: Iterable[Address]) -> socket.socket:
    todo = deque(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while todo or trying:
            if todo:
                trying.add(asyncio.create_task(_connected(*todo.popleft())))
            await asyncio.wait(
                trying, timeout=NEXT_SECONDS if todo else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in [task for task in trying if task.done()]:
                trying.remove(task)
                try:
                    return task.result()
                except OSError as error:
                    errors.append(error)
    finally:
        await _abandon(trying)
    raise _together(errors)


async def _connected(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _abandon(tasks: Iterable[asyncio.Task[socket.socket]]) -> None:
    """End the late tries, and close their connections."""
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, socket.socket):
            end.close()


def _together(errors: list[OSError]) -> OSError:
    codes = [error.errno or 0 for error in errors]  # asyncio has words of its own around the system's
    reasons = list(
        dict.fromkeys(os.strerror(c) if c > 0 else str(e) for c, e in zip(codes, errors, strict=True))
    )
    if len(reasons) == 1:
        return errors[0]
    return OSError(None, ", ".join(reasons) or "the name has no address")
