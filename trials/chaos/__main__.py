"""Campaign after campaign, each with the next seed, until the time is over: `python -m trials.chaos`."""

import argparse
import logging
import os
import sys
import time
import urllib.request
from collections.abc import Sequence

from tests.doubles.moto_server import moto_endpoint
from trials.chaos.campaign import campaign
from trials.chaos.checks import reach
from trials.chaos.outcome import Outcome
from trials.chaos.plan import LONG, plan_of

SHOWN = 20
"""Problems of one campaign that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run campaigns; return 1 after the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m trials.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first campaign")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to begin others")
    asked = parser.parse_args(arguments)
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    logging.getLogger("aqi_service").setLevel(logging.ERROR)
    logging.getLogger("aqi_service").propagate = False
    return _campaigns(asked, moto_endpoint())


def _campaigns(asked: argparse.Namespace, endpoint: str) -> int:
    ends, seed = time.monotonic() + asked.minutes * 60, asked.seed
    while True:
        begun = time.monotonic()
        found, outcome = campaign(plan_of(seed, LONG), endpoint)
        print(_line(outcome, time.monotonic() - begun), flush=True)
        if found:
            print(*found[:SHOWN], sep="\n")
            print(f"{len(found)} problems; the same again: make chaos SEED={seed} MINUTES=0")
            return 1
        seed += 1
        if time.monotonic() >= ends:
            return 0
        urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"").close()  # noqa: S310  # our own server


def _line(outcome: Outcome, seconds: float) -> str:
    records = sum(ended.report.records for ended in outcome.loads)
    exact, left = reach(outcome)
    return (
        f"seed={outcome.plan.seed} loads={len(outcome.loads)} records={records} faults={outcome.faults} "
        f"lookups={outcome.found}/{outcome.lookups} ids={exact}+{left} seconds={seconds:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
