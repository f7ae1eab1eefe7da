"""What this process connects to: noted, and kept on this machine.

One rule: no packet of a test leaves the machine; the interpreter's own audit refuses the connection before.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

_watching: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not _watching:
        return
    address = arguments[1]
    if isinstance(address, tuple):
        _watching[-1].append(address[0])
        if not ip_address(address[0]).is_loopback:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


_hooked: list[bool] = []


@contextmanager
def connections() -> Iterator[list[str]]:
    """Give the addresses that sockets are connected to meanwhile; those beyond loopback are refused."""
    if not _hooked:
        sys.addaudithook(_hook)  # which cannot be taken back
        _hooked.append(True)
    tried: list[str] = []
    _watching.append(tried)
    try:
        yield tried
    finally:
        _watching.remove(tried)


async def refused(port: int) -> None:
    """Connect again and again until nobody listens any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        except ConnectionError:
            continue  # it was being closed just then
        writer.close()
