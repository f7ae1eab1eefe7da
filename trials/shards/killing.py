"""The shim, which kills a process at its n-th request.

One rule: AWS does that request all the same; only nobody hears its answer.
"""

import os
import signal
from collections import Counter
from contextlib import suppress
from typing import Any

from tests.doubles.faults.answers import Answer
from tests.doubles.faults.shim import Shim
from tests.doubles.faults.work import Job


class KillingShim(Shim):
    """`shim.kill("shard0-1", process.pid, 17)`: processes are told apart by their access key."""

    def __init__(self, upstream: str, **how: Any) -> None:
        super().__init__(upstream, **how)
        self._asked: Counter[str] = Counter()
        self._due: dict[str, tuple[int, int]] = {}

    def kill(self, sender: str, process: int, after: int) -> None:
        """Kill a process with its `after`-th request."""
        self._due[sender] = (after, process)

    async def _answer(self, job: Job) -> Answer:
        sender = job.record.call.sender
        self._asked[sender] += 1
        if sender in self._due and self._asked[sender] >= self._due[sender][0]:
            _, process = self._due.pop(sender)
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(process, signal.SIGKILL)
        return await super()._answer(job)
