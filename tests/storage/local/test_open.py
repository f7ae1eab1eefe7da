"""Opening what is kept below one folder."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from aqi_service.errors import ConfigError
from aqi_service.storage.local.open import open_archive, open_local


@pytest.mark.parametrize("opening", [open_local, open_archive])
async def test_a_folder_that_counts_from_one_that_is_gone_is_one_sentence(
    opening: Callable[[Path], AbstractAsyncContextManager[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="folder data cannot be used: the current folder is gone"):
        async with opening(Path("data")):
            pass
    async with opening(tmp_path / "data"):
        pass
