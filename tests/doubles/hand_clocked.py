"""The program with a lease whose clock a test moves: `python -m tests.doubles.hand_clocked OPTIONS`.

The environment says how. The file AHEAD holds the seconds by which the lease's clock is ahead of the
machine's, the file WAITED those by which a `--load-only` seems to have waited longer; HOLDER_HOST is the name
of the host.
Renewals and looks at another's lease are frequent, so that no test waits for one.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aqi_service.app import lease_keeper, load_only
from aqi_service.cli import main
from aqi_service.storage.aws import dynamodb_lease as lease
from aqi_service.storage.aws import open as opening

OFTEN = 0.2


def moved(clock: Callable[[], float], file: str) -> Callable[[], float]:
    """Give a clock that is ahead by the number in a file."""
    return lambda: clock() + float(Path(file).read_text())


def prepare() -> None:
    """Put the clocks in."""
    vars(lease_keeper).update(POLL_SECONDS=OFTEN, RENEW_SECONDS=OFTEN, AGAIN_SECONDS=OFTEN)
    means = lease.Means(clock=moved(lease.awake_or_not, os.environ["AHEAD"]))
    vars(opening).update(DynamoLease=partial(lease.DynamoLease, means=means))
    vars(load_only).update(
        acquire=partial(lease_keeper.acquire, clock=moved(time.monotonic, os.environ["WAITED"]))
    )
    if host := os.environ.get("HOLDER_HOST"):
        socket.gethostname = lambda: host


if __name__ == "__main__":
    prepare()
    sys.exit(main())
