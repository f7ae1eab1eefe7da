"""A short soak (`make soak` is the long one): loads and lookups leave nothing behind in their process.

One rule: the process that is measured is the program's alone.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.moto_names import Moto
from tests.doubles.patience import PATIENCE
from trials.soak.__main__ import main
from trials.soak.samples import Sample, grown, table
from trials.soak.world import Soak

SOAK = Soak(loads=18, every=6, speed=5.0, deadline=5.0 * PATIENCE)
"""Its loads end in time however slow the machine is."""


async def all_of(samples: AsyncIterator[Sample]) -> list[Sample]:
    return [sample async for sample in samples]


@pytest.mark.long
async def test_loads_into_a_table_that_fails_at_times_leave_no_task_descriptor_or_connection(
    moto: Moto,
) -> None:
    samples = await all_of(SOAK.on_aws(moto.endpoint))
    assert [sample["loads"] for sample in samples] == [6, 12, 18]
    assert grown(samples) == {}
    assert samples[-1]["good"]
    assert samples[-1]["faults"]


async def test_loads_into_a_folder_leave_no_task_descriptor_or_connection(tmp_path: Path) -> None:
    samples = await all_of(SOAK.in_a_folder(tmp_path / "place"))
    assert grown(samples) == {}
    assert samples[-1]["good"]


async def test_a_task_and_a_socket_that_each_load_leaves_are_noticed(tmp_path: Path) -> None:
    leaking = Soak(loads=4, every=2, speed=5.0, leak=True)
    assert grown(await all_of(leaking.in_a_folder(tmp_path / "place"))) == {"tasks": 2, "descriptors": 2}


def test_the_table_shows_what_grew_from_sample_to_sample() -> None:
    numbers = {"memory": 9, "objects": 8, "tasks": 1, "descriptors": 7, "connections": 0, "threads": 1}
    first: Sample = {"loads": 100, "good": 90} | numbers
    second: Sample = dict(first) | {"loads": 200, "good": 180, "memory": 12, "tasks": 0}
    head, *lines = (line.split() for line in table([first, second]))
    assert head[:2] == ["loads", "good"]
    assert lines[0] == ["100", "90", "9", "8", "1", "7", "0", "1"]
    assert lines[1][:4] == ["200", "180", "12", "(+3)"]
    assert grown([first, second]) == {}
    assert grown([second, first]) == {"tasks": 1}


@pytest.mark.parametrize("option", ["--loads=0", "--every=0", "--every=3"])
def test_numbers_that_give_no_two_samples_are_refused(option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--loads=4", option])
    assert ended.value.code == 2
