"""One moto server for all of a process, started when it is first asked for.

One rule: what is spared here is what moto and its server do again for each request; no answer is another.
"""

import atexit
import logging
from functools import cache

from moto import backends
from moto.server import ThreadedMotoServer


@cache
def moto_endpoint() -> str:
    """Start the server once; it ends with the process."""
    _spare()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def _spare() -> None:
    """Log no request, and look through moto's folder once."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
