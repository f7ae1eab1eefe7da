"""Each kind of place in turn, for both files of tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.moto_names import Moto
from trials.crash.world import Worlds, worlds_of


@pytest.fixture(params=["local", "aws"])
async def worlds(request: pytest.FixtureRequest, moto: Moto, tmp_path: Path) -> AsyncIterator[Worlds]:
    async with worlds_of(request.param, moto, tmp_path) as found:
        yield found
