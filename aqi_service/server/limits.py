"""What one server allows its peers, and what it counts."""

from collections import Counter
from dataclasses import dataclass, field

from aqi_service.core.frames import KINDS
from aqi_service.server.deadlines import Deadlines

REFUSALS = {
    "connections": "the server has as many connections as it takes ({0.max_connections}); try again later",
    "address": "your address has as many connections as it may ({0.max_per_address}); close one first",
    "stopping": "the server is stopping; try again later",
}
"""Reasons for refusing a connection, and what the peer is told."""

CUTS = (
    *("malformed", "inside_frame", "idle_timeout", "frame_timeout", "write_timeout", "reset", "stopped"),
    "handshake",
)
"""Reasons for which a connection ends other than by its peer's wish."""


@dataclass(frozen=True)
class Limits(Deadlines):
    """What one server allows; 0 connections per address means no such cap."""

    max_connections: int = 1000
    """Slots; see default_max_connections."""
    max_per_address: int = 0
    """Slots of one address, so that one client cannot take them all."""
    max_refusing: int = 32
    """Refused connections that are told why at the same time; others are closed without a reply."""
    large: tuple[bytes, ...] = ()
    """Beginnings of requests whose replies may have many rows: only few of these are made at a time."""
    stop_grace: float = 8.0
    """Seconds for which stop() waits for answers; the rest of a shutdown's 10 s is for everything else."""


@dataclass
class ServerCounts:
    """The server's counts since it began; plain numbers that only the event loop's thread changes."""

    open: int = 0
    accepted: int = 0
    requests: int = 0
    refused: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REFUSALS, 0)))
    replies: Counter[str] = field(
        default_factory=lambda: Counter(dict.fromkeys(("found", *KINDS.values()), 0))
    )
    cut: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(CUTS, 0)))
