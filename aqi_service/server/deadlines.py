"""How long a peer may take, and for what a connection waits.

One rule: every wait has its deadline.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType

LOOKS = 30
"""How often a peer that takes nothing is checked until it is given up."""


class Wait(StrEnum):
    """What a connection waits for; the value is the field of Deadlines, and the reason for a cut.

    `seconds` reads that field.
    """

    def __init__(self, field: str) -> None:
        self.seconds = attrgetter(field)

    IDLE = "idle_timeout"
    FRAME = "frame_timeout"
    WRITE = "write_timeout"
    LINGER = "linger_timeout"


IDLE, FRAME, WRITE, LINGER = Wait

GAVE_UP: Mapping[Wait, str] = MappingProxyType(
    {
        IDLE: "nothing was asked for {:g} s",
        FRAME: "a frame was not complete {:g} s after its first byte",
        WRITE: "the peer took nothing of its replies for {:g} s",
        LINGER: "the peer did not close for {:g} s",
    }
)
"""The sentence about a peer that took too long, in seconds."""


@dataclass(frozen=True)
class Deadlines:
    """How long a peer may take, in seconds."""

    idle_timeout: float = 300.0
    """Between two requests: a person's pause, not a forgotten connection."""
    frame_timeout: float = 10.0
    """From a frame's first byte to its last, however slowly bytes come."""
    write_timeout: float = 30.0
    """A peer that takes no byte of its replies for this long is cut. It is checked LOOKS times meanwhile, so
    the cut may be 1/LOOKS early."""
    linger_timeout: float = 2.0
    """After our last byte, until the peer has closed too: enough for the reply to reach it."""
    handshake_timeout: float = 10.0
    """From the connection to the end of the TLS handshake."""
