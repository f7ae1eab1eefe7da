"""Leases between real processes: a holder that is killed or stopped, and one that has children."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.create_table import create_table
from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.local.lease import LocalLease
from aqi_service.storage.process_name import described, holder_name, is_dead
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.clock import HandClock
from tests.doubles.moto_names import Moto

LOCAL = """
import asyncio, subprocess, sys
from pathlib import Path
from aqi_service.storage.process_name import holder_name
from aqi_service.storage.local.lease import LocalLease

async def main(folder):
    lease = LocalLease(Path(folder), holder_name())
    taken = await lease.take()
    with subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL) as child:
        print(taken, child.pid, flush=True)
        sys.stdin.read()
        child.kill()
    await lease.close()

asyncio.run(main(sys.argv[1]))
"""

DYNAMODB = """
import asyncio, sys
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.process_name import holder_name
from aqi_service.storage.aws.dynamodb_lease import DynamoLease

async def main(table):
    async with open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, table)
        lease = DynamoLease(clients.writes, table, store.keyed, holder_name())
        print(await lease.take(), flush=True)
        sys.stdin.read()

asyncio.run(main(sys.argv[1]))
"""


@asynccontextmanager
async def holding(program: str, argument: str) -> AsyncIterator[tuple[Process, list[str]]]:
    """Start a process that takes the lease; give it and what it printed then. It is dead at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, argument, stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout
        yield process, (await process.stdout.readline()).decode().split()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def local_lease(folder: Path) -> AsyncIterator[LocalLease]:
    """Open this process's lease of a folder."""
    lease = LocalLease(folder, holder_name())
    try:
        yield lease
    finally:
        await lease.close()


async def test_a_local_holder_keeps_others_out_until_it_is_killed(tmp_path: Path) -> None:
    async with local_lease(tmp_path) as lease, holding(LOCAL, str(tmp_path)) as (process, [taken, child]):
        assert taken == "None"
        holder = await lease.take()
        assert holder is not None
        assert described(holder) == described(holder_name()).replace(str(os.getpid()), str(process.pid))
        process.kill()
        await process.wait()
        assert await lease.take() is None
        lease.check()
        os.kill(int(child), signal.SIGKILL)  # it lived on, and had inherited nothing


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells enough of a process")
async def test_a_holder_of_a_table_is_replaced_at_once_when_it_is_killed_on_this_host(moto: Moto) -> None:
    async with AsyncExitStack() as stack:
        clients = await stack.enter_async_context(open_clients())
        await create_table(clients.writes, moto.table, at_once)
        process, [taken] = await stack.enter_async_context(holding(DYNAMODB, moto.table))
        assert taken == "None"
        store = DynamoStore(clients.writes, clients.lookups, moto.table)
        means = Means(is_dead, HandClock(), at_once)
        lease = DynamoLease(clients.writes, moto.table, store.keyed, holder_name(), means)
        assert f"pid={process.pid} " in str(await lease.take())
        process.send_signal(signal.SIGSTOP)
        assert f"pid={process.pid} " in str(await lease.take())
        process.kill()
        await process.wait()
        assert await lease.take() is None
        lease.check()
