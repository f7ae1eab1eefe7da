"""Several real daemons beside each other: on one table behind the shim, or in one folder.

One rule: who did what is told by the shim's journal alone, where each process has an access key of its own.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import create_table
from tests import ROOT
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.journal import Journal, Record
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto
from tests.doubles.program import CAPTURE, Running, running

ALONE = ("--port", "0", "--no-http", "--interval", "3600", "--load-deadline", "600")


@dataclass
class Daemons:
    """Where processes run: their folder, options and environment."""

    folder: Path
    place: tuple[str, ...]
    environment: dict[str, str]

    def start(
        self, name: str, url: str, *options: str, host: str = ""
    ) -> AbstractAsyncContextManager[Running]:
        """Start the program under a name; without options as a daemon."""
        for clock in ("ahead", "waited"):
            self.move(name, 0, clock)
        own = {"AWS_ACCESS_KEY_ID": name}
        clocks = {"AHEAD": str(self._file(name, "ahead")), "WAITED": str(self._file(name, "waited"))}
        return running(
            *self.place, "--feed-url", url, *(options or ALONE),
            cwd=self.folder, module="tests.doubles.hand_clocked",
            env=self.environment | own | clocks | {"HOLDER_HOST": host, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def move(self, name: str, seconds: float, clock: str = "ahead") -> None:
        """Set by how much a clock of a process is ahead: `ahead` its lease's, `waited` its patience's."""
        new = self._file(name, f"{clock}.new")
        new.write_text(str(seconds))
        os.replace(new, self._file(name, clock))  # noqa: PTH105  # whole or not at all: it is being read

    def _file(self, name: str, end: str) -> Path:
        return self.folder / f"{name}.{end}"


@dataclass
class AwsDaemons(Daemons):
    """The same on one table, behind a shim."""

    shim: Shim
    table: str

    @property
    def journal(self) -> Journal:
        return self.shim.journal

    def items(self) -> list[dict[str, str]]:
        """Give what is in the table, as text; the lease is no item."""
        stored = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_table(self.table).all_items()
        items = [{name: str(value.value) for name, value in item.attrs.items()} for item in stored]
        return [item for item in items if "term" not in item]


@asynccontextmanager
async def on_aws(folder: Path, moto: Moto) -> AsyncIterator[AwsDaemons]:
    """Make bucket and table, and a place for processes that reach them through a shim."""
    async with open_clients() as clients:
        await BucketMaker(clients.s3, moto.bucket, None, at_once).make()
        await create_table(clients.writes, moto.table, at_once)
    async with Shim(moto.endpoint) as shim:
        environment = moto.environment | {"AWS_ENDPOINT_URL": shim.endpoint}
        yield AwsDaemons(
            folder, ("--bucket", moto.bucket, "--table", moto.table), environment, shim, moto.table
        )


@asynccontextmanager
async def in_a_folder(folder: Path) -> AsyncIterator[Daemons]:
    """Make a place for processes that share a folder."""
    yield Daemons(folder, ("--local", "d"), {})


def takeovers(journal: Journal) -> list[Record]:
    """Give the writes by which the lease went to another holder, in order."""
    taken: list[Record] = []
    for record in journal.of("PutItem"):
        if (
            is_lease(record)
            and record.applied
            and record.call.sender not in {t.call.sender for t in taken[-1:]}
        ):
            taken.append(record)
    return taken


def holder_at(journal: Journal, place: int) -> str:
    """Tell who held the lease at a place in the journal."""
    return [taking.call.sender for taking in takeovers(journal) if taking.begun < place][-1]


def is_lease(record: Record) -> bool:
    """Tell whether a request is about the lease's item."""
    return any('"lease"' in key or '"-1"' in key for _, key in record.keys)


def trespasses(journal: Journal) -> list[Record]:
    """Give each write of items that was under way while another process held the lease."""
    takings = takeovers(journal)
    tenures = zip(takings, [*takings[1:], None], strict=True)
    return [
        write
        for taking, following in tenures
        for write in journal.of("BatchWriteItem")
        if write.call.sender != taking.call.sender
        and (following is None or write.begun < following.begun)
        and (write.ended is None or write.ended > taking.begun)
    ]


BODY = CAPTURE.read_bytes()


ON_D = ("--local", "d", "--port", "0", "--http-port", "0", "--load-deadline", "60")
