"""What is around the measured process: a feed that moves on and fails, and AWS behind a shim that fails.

One rule: whatever fails passes by itself, so that load follows load; the seed says on which calls it falls.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.doubles.faults.clients import through
from tests.doubles.faults.effects import (
    COMPLETE,
    EMPTY_200,
    ERROR_200,
    LEAVE_MOST,
    LEAVE_ONE,
    LOST_ANSWER,
    RESET_AFTER,
    RESET_BEFORE,
    SLOW_DOWN,
    STALL,
    THROTTLED,
    Cut,
    Delay,
    Refuse,
)
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import Step, feed_server
from tests.doubles.program import environment
from trials.chaos.documents import Network
from trials.chaos.feed import script
from trials.soak.samples import Sample

RECORDS = 60
NEW_EVERY = 2
"""Loads after which the feed has something new: in between it is unchanged."""

FEED_FAULTS = ("cut", "cut without length", "503", "304", "html", "reset", "garbage", "empty")
FEED_FAULT = 0.15
OUTAGE_EVERY = 40
"""The table takes and gives nothing during one load of so many, longer than that load may take."""

RULES = (
    Rule("Batch*", Refuse("ServiceUnavailable"), during="outage"),
    Rule("dynamodb:*", THROTTLED, chance=0.02),
    Rule("dynamodb:*", Refuse("InternalServerError"), chance=0.02),
    Rule("dynamodb:*", RESET_BEFORE, chance=0.02),
    Rule("dynamodb:*", RESET_AFTER, chance=0.02),
    Rule("dynamodb:*", LOST_ANSWER, chance=0.01),
    Rule("Batch*", LEAVE_ONE, chance=0.1),
    Rule("Batch*", LEAVE_MOST, chance=0.05),
    Rule("Batch*", Cut(10), chance=0.02),
    Rule("*Item", STALL, chance=0.002),
    Rule("s3:*", SLOW_DOWN, chance=0.02),
    Rule("s3:*", RESET_BEFORE, chance=0.02),
    Rule("s3:*", RESET_AFTER, chance=0.02),
    Rule("s3:*", LOST_ANSWER, chance=0.01),
    Rule("s3:*", Delay(0.1), chance=0.02),
    Rule("AbortMultipartUpload", RESET_BEFORE, chance=0.2),
    Rule(COMPLETE, ERROR_200, chance=0.05),
    Rule(COMPLETE, EMPTY_200, chance=0.05),
    Rule(COMPLETE, Refuse("PreconditionFailed"), chance=0.03),
    Rule(COMPLETE, Refuse("ConditionalRequestConflict"), chance=0.03),
)


def yesterday() -> date:
    """Return a day whose records are neither old nor ahead of the clock of this machine."""
    return datetime.now(UTC).date() - timedelta(days=1)


@dataclass
class _Feed:
    """Gives another document every other time, and now and then something that is none."""

    seed: int
    shim: Shim | None
    number: int = 0
    body: bytes = b""
    network: Network = field(init=False)
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.network = Network(Random(f"{self.seed}/documents"), RECORDS, yesterday())  # noqa: S311  # replayable
        self.chance = Random(f"{self.seed}/feed")  # noqa: S311  # must be replayable

    def __iter__(self) -> Iterator[Step]:
        self.number += 1
        if self.number % NEW_EVERY == 1:
            self.body = self.network.publish()
        if self.shim:
            self.shim.book.switch("outage", on=self.number % OUTAGE_EVERY == 0)
        fault = self.chance.choice(FEED_FAULTS) if self.chance.random() < FEED_FAULT else ""
        return iter(script(fault, self.body, f'"{self.number}"', self.chance.random()))


@dataclass(frozen=True)
class Soak:
    """How many loads, after how many a sample is taken, and the seed of what fails.

    `speed` is how much faster the measured process's clock runs, so that it waits less between tries;
    `deadline` the seconds by it that a load may take, which an outage uses up.
    """

    loads: int
    every: int
    seed: int = 1
    speed: float = 1.0
    deadline: float = 3.0
    leak: bool = False

    async def in_a_folder(self, folder: Path) -> AsyncIterator[Sample]:
        """Soak a folder; only the feed fails there."""
        async with self._fed(None) as options:
            async for sample in self._samples(*options, "--local", str(folder), env={}):
                yield sample

    async def on_aws(self, moto_endpoint: str) -> AsyncIterator[Sample]:
        """Soak a bucket and a table behind a shim."""
        async with AsyncExitStack() as stack:
            shim = await stack.enter_async_context(Shim(moto_endpoint))
            world = (await stack.enter_async_context(through(shim))).fresh()
            await world.make_bucket()
            await world.make_table()
            options = await stack.enter_async_context(self._fed(shim))
            aws = {
                "AWS_ENDPOINT_URL": shim.endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
            shim.renew(*RULES, seed=self.seed)
            names = ("--bucket", world.bucket, "--table", world.table)
            async for sample in self._samples(*options, *names, env=aws):
                yield {**sample, "faults": shim.book.fired()}

    @asynccontextmanager
    async def _fed(self, shim: Shim | None) -> AsyncIterator[tuple[str, ...]]:
        feed: Any = _Feed(self.seed, shim)
        async with feed_server(feed) as server:
            yield ("--url", server.url())

    async def _samples(self, *options: str, env: dict[str, str]) -> AsyncIterator[Sample]:
        """Run the measured process and give its samples as they come."""
        names = ("loads", "every", "seed", "speed", "deadline")
        options += tuple(f"--{name}={getattr(self, name)}" for name in names)
        options += ("--leak",) if self.leak else ()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trials.soak.measured", *options,
            env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        assert process.stderr
        complaints = asyncio.create_task(process.stderr.read())
        try:
            while text := await process.stdout.readline():
                if text.startswith(b'{"loads"'):
                    yield json.loads(text)
            assert await process.wait() == 0, (await complaints).decode()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await complaints
