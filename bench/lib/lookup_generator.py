"""The generator of lookups: a process of its own that asks on many connections and checks each reply's bytes.

One rule: what is asked and what must come back is made before the clock starts, so that one comparison of
bytes is all that a reply costs here, and the server is what is measured.

A wire is how a lookup looks: `frames` are this program's and the report's, `resp` is redis's GET.
"""

import gc
import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import orjson

from aqi_service.core.frames import DISCONNECT, encode
from bench.lib.cores import pin_to_last_core
from bench.lib.processes import TICK, cpu_seconds, fresh

BATCHES = 8
"""Batches of requests that a connection has and asks in turn."""

WARM = 0.2
"""Share of the time that goes by before counting begins."""

PATIENCE = 120.0
"""Seconds without any reply until the server is given up."""

_READ = 256 * 1024


class Wire(NamedTuple):
    """How a lookup looks on a wire: its request, its reply, and what is said at the end."""

    request: Callable[[str], bytes]
    reply: Callable[[bytes], bytes]
    goodbye: bytes


def _get(record_id: str) -> bytes:
    return f"*2\r\n$3\r\nGET\r\n${len(record_id)}\r\n{record_id}\r\n".encode()


def _bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


WIRES = {
    "frames": Wire(lambda record_id: encode(record_id.encode()), encode, encode(DISCONNECT)),
    "resp": Wire(_get, _bulk, b""),
}


class Batch(NamedTuple):
    """Requests that are sent together, and the bytes that must come back."""

    request: bytes
    reply: bytes


class Peer:
    """A connection that has asked for a batch and waits for its reply; `complete` counts those that came."""

    def __init__(self, sock: socket.socket, batches: Sequence[Batch]) -> None:
        self.sock = sock
        self.complete = 0
        self._batches = cycle(batches)
        self._got = b""
        self._wanted = b""

    def ask(self) -> None:
        """Ask for the next batch."""
        request, self._wanted = next(self._batches)
        self.sock.sendall(request)

    def take(self) -> bool:
        """Read what has come; tell whether the batch is complete. Raises AssertionError for other bytes."""
        data = self.sock.recv(_READ)
        if data == self._wanted:
            self.complete += 1
            return True
        self._got += data
        if not data or not self._wanted.startswith(self._got):
            raise AssertionError(f"{self._got[-400:]!r} came and not {self._wanted[:400]!r}")
        if len(self._got) < len(self._wanted):
            return False
        self._got = b""
        self.complete += 1
        return True

    def progress(self) -> float:
        """Tell how many batches have come, the part of the one that is coming included."""
        return self.complete + len(self._got) / len(self._wanted)


@dataclass(frozen=True, slots=True)
class LookupJob:
    """What is to be asked.

    Attributes:
        port: of the server, on this machine.
        pid: of the server, whose processor time is read.
        wire: one of WIRES.
        truth: a file of JSON with the payload of the right reply for each id.
        connections: how many.
        depth: how many requests of a connection are under way together.
        seconds: for how long.
    """

    port: int
    pid: int
    wire: str
    truth: str
    connections: int
    depth: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LookupRates:
    """What was seen meanwhile: lookups a second, and a second of the server's and of this one's core."""

    rate: float
    served: float
    asked: float


def batches(wire: Wire, truth: Mapping[str, bytes], connections: int, depth: int) -> Iterator[list[Batch]]:
    """Give each connection's batches; no id is asked by two of them where there are enough."""
    known = cycle([(wire.request(record_id), wire.reply(reply)) for record_id, reply in truth.items()])
    for _ in range(connections):
        yield [Batch(*map(b"".join, zip(*islice(known, depth), strict=True))) for _ in range(BATCHES)]


def converse(peers: Mapping[int, Peer], until: float, *, goes_on: bool = True) -> None:
    """Read and ask on until then, or only read until each has its reply."""
    waiting, clock = len(peers), time.perf_counter
    with select.epoll() as poller:
        for descriptor in peers:
            poller.register(descriptor, select.EPOLLIN)
        while waiting and clock() < until:
            ready = poller.poll(PATIENCE)
            if not ready:
                raise AssertionError(f"no reply came for {PATIENCE:g} s")
            for descriptor, _ in ready:
                peer = peers[descriptor]
                if not peer.take():
                    continue
                if goes_on:
                    peer.ask()
                else:
                    waiting -= 1


def measure(peers: Mapping[int, Peer], asked: LookupJob) -> LookupRates:
    """Let the peers converse; the beginning does not count."""
    for peer in peers.values():
        peer.ask()
    converse(peers, time.perf_counter() + asked.seconds * WARM)
    before = sum(peer.progress() for peer in peers.values())
    begun, served, own = time.perf_counter(), cpu_seconds(asked.pid), time.process_time()
    converse(peers, begun + asked.seconds)
    seconds = time.perf_counter() - begun
    lookups = asked.depth * (sum(peer.progress() for peer in peers.values()) - before)
    served, own = cpu_seconds(asked.pid) - served, time.process_time() - own
    converse(peers, time.perf_counter() + PATIENCE, goes_on=False)
    return LookupRates(lookups / seconds, lookups / max(served, TICK), lookups / own)


def main(text: str) -> LookupRates:
    """Do what is asked for, as JSON."""
    asked = LookupJob(**orjson.loads(text))
    pin_to_last_core(os.getpid())
    wire, known = WIRES[asked.wire], orjson.loads(Path(asked.truth).read_bytes())
    truth = {record_id: reply.encode() for record_id, reply in known.items()}
    made = list(batches(wire, truth, asked.connections, asked.depth))
    gc.freeze()
    with ExitStack() as stack:
        peers = {}
        for each in made:
            sock = socket.create_connection(("127.0.0.1", asked.port), timeout=PATIENCE)
            stack.enter_context(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peers[sock.fileno()] = Peer(sock, each)
        seen = measure(peers, asked)
        for peer in peers.values():
            peer.sock.sendall(wire.goodbye)
    return seen


def ask(asked: LookupJob) -> LookupRates:
    """Ask in a process of its own."""
    return LookupRates(**fresh(f"{__name__}:main", orjson.dumps(asdict(asked)).decode()))
