"""One moto server for all of a process, started when it is first asked for.

One rule: what is spared here is what moto and its server do again for each request; no answer is another, but
that of two conditional writes at a time one is refused, as AWS does.
"""

import atexit
import logging
import threading
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from moto import backends
from moto.server import ThreadedMotoServer

from tests.doubles.moto_short import shorten

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@cache
def moto_endpoint() -> str:
    """Start the server once; it ends with the process."""
    _spare()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    running = server._server
    assert running
    running.app = _one_at_a_time(running.app)
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def _spare() -> None:
    """Log no request, look through moto's folder once, and go the short ways."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    shorten()


def _one_at_a_time(app: "WSGIApplication") -> "WSGIApplication":
    """Have each request be over before the next begins: moto looks first and writes then, in threads."""
    turn = threading.Lock()

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if size := environ.get("CONTENT_LENGTH"):  # who sends slowly holds up nobody
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(size)))
        with turn:
            return app(environ, start_response)

    return serve
