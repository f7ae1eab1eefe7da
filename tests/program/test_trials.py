"""A few seconds of each trial that has no file here: cells of the matrix, kills, the probes of conformance.

One rule: what is run is the trial's own code; `make trials` runs each of them whole.
"""

import socket
from pathlib import Path

import pytest

from tests.doubles.faults.clients import through
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto
from tests.doubles.ports import OUTGOING, apart_from, free_port
from tests.doubles.wire_fixtures import by_jumps
from trials.conformance.probes import PROBES, all_answers
from trials.crash.crashes import KILLED
from trials.crash.world import check_finished, moved_on, undisturbed, worlds_of
from trials.matrix.feed_cells import FEED_CELLS
from trials.matrix.proof import prove
from trials.matrix.s3_cells import S3_CELLS
from trials.matrix.table_cells import TABLE_CELLS

CELLS = {cell.name: cell for cell in (*S3_CELLS, *TABLE_CELLS, *FEED_CELLS)}

SHOWN = (
    "S2 answer lost CompleteMultipartUpload once",
    "S9 cancelled before UploadPart",
    "D10 another took the lease BatchWriteItem after 6 requests",
    "D13 429 GetItem always",
    "F9 a byte fewer than announced GET",
)
"""Of each of the three: what comes between, in the middle of a load."""

STEP, MOMENT = 12, 0.05
"""In the middle of a load, by its steps; and seconds after its start."""

PLACES = pytest.mark.parametrize("kind", ["local", "aws"])


@pytest.mark.parametrize("name", SHOWN)
@by_jumps
async def test_a_fault_of_feed_bucket_or_table_costs_no_record(name: str, moto_endpoint: str) -> None:
    await prove(CELLS[name], moto_endpoint)


@PLACES
async def test_a_load_that_was_killed_costs_nothing_that_the_next_start_does_not_mend(
    kind: str, moto: Moto, tmp_path: Path
) -> None:
    """At a step, at a moment (`moved_on` judges whatever it left), and in a folder by a power cut."""
    async with worlds_of(kind, moto, tmp_path) as worlds:
        wanted = await undisturbed(worlds)
        for cut in [{}, {"power": STEP}] if kind == "local" else [{}]:
            async with worlds.opened() as world:
                killed = await world.load(die_at=STEP, **cut)
                assert (killed.code, killed.reports) == (KILLED, [])
                await check_finished(world, wanted, killed.killed_before)
        async with worlds.opened() as world:
            await moved_on(world, kill_after=MOMENT)


async def test_the_shim_answers_each_probe_as_aws_does(moto_endpoint: str) -> None:
    async with Shim(moto_endpoint) as shim, through(shim) as world:
        assert await all_answers(world.clients) == {probe.name: probe.aws for probe in PROBES}


def test_a_port_for_a_server_that_is_started_later_is_free_and_none_that_a_connection_could_get() -> None:
    ports = {free_port() for _ in range(20)}
    assert ports <= set(apart_from(int(OUTGOING.read_text(encoding="ascii").split()[0])))
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_where_connections_get_all_ports_a_later_server_gets_any_of_them() -> None:
    assert (apart_from(32_768), apart_from(1_024)) == (range(15_000, 32_768), range(15_000, 65_536))
