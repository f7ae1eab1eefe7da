"""Figure 10: how soon the client and `--help` have started and ended, beside importing asyncio.

One rule: the reply is there at once, from a server that does nothing else, and the client must print it.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from aqi_service.core.frames import HEADER, decode_header, encode
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.processes import program
from bench.lib.run import Run

RECORD = "28600000001"
ROW = f"id,latitude\n{RECORD},48.8\n"


def _answer(listener: socket.socket) -> None:
    """Answer each connection's requests with ROW until the listener is closed."""
    with suppress(OSError):
        while True:
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as asked:
                while len(header := asked.read(HEADER)) == HEADER:
                    if asked.read(decode_header(header)).isdigit():
                        peer.sendall(encode(ROW.encode()))


@contextmanager
def answering() -> Iterator[int]:
    """Run a server of one reply; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def milliseconds(arguments: Sequence[str], needs: str = "") -> float:
    """Run to the end; return how long it took. Raises AssertionError if it did not print what it needs to."""
    ended = program(arguments)
    if needs not in ended.out.decode():
        raise AssertionError(f"{' '.join(arguments)} printed {ended.out[:200]!r}")
    return ended.seconds * 1000


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    with answering() as port:
        client = ("-m", "aqi_service.client", "--port", str(port), RECORD)
        asked, helped, importing = in_turns(
            run.pick(1, 15),
            lambda: milliseconds(client, RECORD),
            lambda: milliseconds(("-m", "aqi_service", "--help"), "--load-only"),
            lambda: milliseconds(("-c", "import asyncio")),
        )
    least = Side("import asyncio", importing)
    yield Figure("10 the client, one id", "ms", Side("ours", asked), least, goal=Goal(1.5, at_most=True))
    yield Figure("10 --help", "ms", Side("ours", helped), least, goal=Goal(2, at_most=True))
