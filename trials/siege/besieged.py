"""The program with a spy in it: `python -m trials.siege.besieged OPTIONS`.

On SIGUSR1 it says on stdout, where such a daemon says nothing, as a line of JSON, how many tasks and
connections it has. The environment may say more: LOOP=asyncio takes asyncio's own event loop where uvloop is
installed; FRAME_SECONDS and WRITE_SECONDS replace two deadlines of its connections, GRACE_SECONDS the one of
a stop, so that nobody waits for the real ones.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from aqi_service.app import daemon
from aqi_service.app import run as running
from aqi_service.cli import main
from aqi_service.server.connection import Connection
from aqi_service.server.limits import Limits
from aqi_service.shutdown import GRACE_SECONDS

SPY = signal.SIGUSR1

DEADLINES = {"FRAME_SECONDS": "frame_timeout", "WRITE_SECONDS": "write_timeout"}


def tell(loop: asyncio.AbstractEventLoop) -> None:
    """Say what is alive."""
    gc.collect()
    connections = sum(isinstance(each, Connection) for each in gc.get_objects())
    is_uvloop = type(loop).__module__ == "uvloop"
    alive = {"tasks": len(asyncio.all_tasks(loop)), "connections": connections, "is_uvloop": is_uvloop}
    print(json.dumps(alive), flush=True)


def spied(make: Callable[[], asyncio.AbstractEventLoop]) -> asyncio.AbstractEventLoop:
    """Make the loop, with the spy in it."""
    loop = make()
    loop.add_signal_handler(SPY, tell, loop)
    return loop


def prepare() -> None:
    """Put loop, spy and deadlines in."""
    fastest = running.loop_factory() or asyncio.new_event_loop
    make = asyncio.new_event_loop if os.environ.get("LOOP") == "asyncio" else fastest
    vars(running).update(loop_factory=lambda: partial(spied, make))
    given = {name: float(value) for name, value in os.environ.items() if name in DEADLINES}
    changed: dict[str, Any] = {DEADLINES[name]: seconds for name, seconds in given.items()}
    grace = float(os.environ.get("GRACE_SECONDS", GRACE_SECONDS))
    vars(daemon).update(Limits=partial(Limits, **changed), GRACE_SECONDS=grace)


if __name__ == "__main__":
    prepare()
    sys.exit(main())
