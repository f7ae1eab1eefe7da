"""Print what servers answer to the probes otherwise than AWS: `python -m trials.conformance`.

One rule: what is printed was asked just now.
"""

import asyncio
import logging
import os
import sys

from aqi_service.storage.aws.clients import open_clients
from tests.doubles.aws_backends import others
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto
from tests.doubles.moto_server import moto_endpoint
from trials.conformance.probes import PROBES, Probe, all_answers


async def answers(endpoint: str, **more: str) -> dict[str, str]:
    """Ask a server all probes."""
    os.environ |= Moto(endpoint).environment | more
    async with open_clients() as clients:
        return await all_answers(clients)


async def main() -> int:
    """Print a row for each probe that some server answers otherwise than AWS; 1 if the shim does."""
    endpoint = moto_endpoint()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # moto's own tracebacks; its start sets another
    plain = await answers(endpoint)
    async with Shim(endpoint) as shim:
        shimmed = await answers(shim.endpoint)
    columns = {"AWS": {probe.name: probe.aws for probe in PROBES}, "moto": plain, "moto, shim": shimmed}
    if others():
        columns["dynalite, SeaweedFS"] = await answers(endpoint, **others())
    print("|".join(("", "asked", *columns, "")))
    print("|".join(("", *["---"] * (len(columns) + 1), "")))
    for probe in PROBES:
        if len({column[probe.name] for column in columns.values()}) > 1:
            print(_row(probe, [column[probe.name] for column in columns.values()]))
    wrong = [probe.name for probe in PROBES if shimmed[probe.name] != probe.aws]
    print(f"{len(PROBES)} asked; the shim answers {len(wrong) or 'none'} otherwise than AWS {wrong or ''}")
    return int(bool(wrong))


def _row(probe: Probe, found: list[str]) -> str:
    return "|".join(("", f"{probe.service}: {probe.name}", *found, ""))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
