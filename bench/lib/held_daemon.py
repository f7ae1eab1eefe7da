"""The program with a stopwatch on its event loop: `python -m bench.lib.held_daemon OPTIONS`.

On SIGUSR1 it prints, as a line of JSON, how many milliseconds of its processor the longest step took since it
said so last, and how many steps there were. One rule: whatever runs between two looks at the sockets is a
step, the garbage collector's work in it included. The loop is asyncio's own: uvloop cannot be looked into.
"""

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from aqi_service.app import run
from aqi_service.cli import main

ASK = signal.SIGUSR1


@dataclass(slots=True)
class Stopwatch:
    """The longest step, in seconds of this thread's processor time, and how many there were."""

    longest: float = 0.0
    steps: int = 0

    def watch(self, handle: type[Any]) -> None:
        """Time every step of a loop."""
        run = handle._run  # noqa: SLF001  # there is no other place to look from

        def timed(self_: Any) -> None:
            begun = time.thread_time()
            run(self_)
            self.longest = max(self.longest, time.thread_time() - begun)
            self.steps += 1

        handle._run = timed  # noqa: SLF001

    def tell(self) -> None:
        """Say it, and begin anew."""
        print(json.dumps({"longest": self.longest * 1000, "steps": self.steps}), flush=True)
        self.longest, self.steps = 0.0, 0


def prepare() -> None:
    """Put the stopwatch in."""
    stopwatch = Stopwatch()
    stopwatch.watch(asyncio.Handle)

    def made() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.add_signal_handler(ASK, stopwatch.tell)
        return loop

    vars(run).update(loop_factory=lambda: made)


if __name__ == "__main__":
    prepare()
    sys.exit(main())
