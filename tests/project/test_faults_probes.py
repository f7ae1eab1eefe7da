"""The shim in front of moto answers as AWS does, where moto alone does not.

`make conformance` asks more servers.
"""

from tests.doubles.faults.clients import through
from tests.doubles.faults.shim import Shim
from trials.conformance.probes import PROBES, all_answers


async def test_the_shim_answers_each_probe_as_aws_does(moto_endpoint: str) -> None:
    async with Shim(moto_endpoint) as shim, through(shim) as world:
        assert await all_answers(world.clients) == {probe.name: probe.aws for probe in PROBES}
