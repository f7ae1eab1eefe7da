"""The worker threads of the storage on one machine: what cancelling and closing leave to be done."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from aqi_service.storage.local.files import make_folder
from aqi_service.storage.local.threads import Threads


async def test_a_clean_up_that_is_cancelled_before_its_turn_is_done_all_the_same() -> None:
    threads, gate, done = Threads(1, "test"), threading.Event(), threading.Event()
    threads.start(gate.wait)
    task = asyncio.create_task(threads.ensure(done.set))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert done.is_set()
    await threads.close()


async def test_closing_that_is_cancelled_before_it_began_releases_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, ended = threading.Event(), threading.Event()
    threads = Threads(1, "test", at_end=ended.set)
    slow = partial(ThreadPoolExecutor, initializer=gate.wait)
    monkeypatch.setattr("aqi_service.storage.local.threads.ThreadPoolExecutor", slow)
    task = asyncio.create_task(threads.close())
    await asyncio.sleep(0)
    task.cancel()
    asyncio.get_running_loop().call_soon(gate.set)
    await asyncio.wait([task])
    assert task.cancelled()
    assert ended.is_set()


async def test_closing_does_not_hold_up_the_loop() -> None:
    threads, gate = Threads(1, "test"), threading.Event()
    job = threads.start(partial(gate.wait, 1))
    task = asyncio.create_task(threads.close())
    await asyncio.sleep(0)
    gate.set()
    await task
    assert job.result()


async def test_a_thread_has_the_name_of_what_it_works_for() -> None:
    threads = Threads(1, "test")
    assert (await threads.run(threading.current_thread)).name.startswith("test")
    await threads.close()


def test_a_folder_that_another_process_makes_meanwhile_is_as_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def late(path: Path, mode: int) -> None:
        mkdir(path, mode)
        mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", late)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
