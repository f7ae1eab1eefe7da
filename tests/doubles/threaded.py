"""A server of the standard library that runs in a thread beside a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread

LOOK_SECONDS = 0.01
"""How often it looks whether it is to end."""


@contextmanager
def in_thread(server: BaseServer) -> Iterator[None]:
    """Serve inside the block."""
    thread = Thread(target=server.serve_forever, args=(LOOK_SECONDS,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
