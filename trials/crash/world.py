"""What crashes run on: a feed, a new place for each load, and the program, which is killed as it is told.

One rule: what a load left is looked at from outside, and held against a load that nothing disturbed.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from aqi_service.storage.aws.clients import Clients, open_clients
from tests.doubles.documents import document_of, record
from tests.doubles.feed_server import FeedServer, Step, answer, feed_server
from tests.doubles.load_helpers import records
from tests.doubles.load_places import Place, local_place, new_aws_place
from tests.doubles.moto_names import Moto
from trials.crash.crashes import Crashes, Run, crashing

FIRST = document_of(*records((1, 2, 3)), record(4, p1="unavailable"))
SECOND = document_of(*records((5, 6)))
EACH = {"local": 1, "aws": int(os.environ.get("EACH_STEP", "2"))}
"""Every so manieth step is tried by one test: on AWS two tests take turns; `make crash` tries all in both."""


class Worlds(NamedTuple):
    """What opens new worlds on one kind of place, and the steps to try there."""

    opened: Callable[[], AbstractAsyncContextManager["World"]]
    each: int


class World:
    """A feed, a place to load it into, and the program.

    `first` is what the feed has before a kill, `ids` the records of it that belong into the table.
    """

    first = FIRST
    ids = frozenset({"1", "2", "3"})

    def __init__(self, feed: FeedServer, place: Place, crashes: Crashes, *options: str) -> None:
        self.feed, self.place, self._crashes = feed, place, crashes
        self._options = ("--load-only", "--feed-url", feed.url(), "--table", place.table, *options)
        self.env: Mapping[str, str] = {}

    def feeds(self, *scripts: tuple[Step, ...]) -> None:
        self.feed.scripts[:] = scripts

    async def load(self, **how: float) -> Run:
        return await self._crashes.run(*self._options, env=self.env, **how)

    async def snapshots(self) -> list[bytes]:
        return snapshots_of(await self.place.documents())

    async def values(self) -> dict[str, Any]:
        """Give the ids and values of the table's records, its lease apart."""
        items = await self.place.items()
        return {
            key: (item["P2.5"], item["P10"], item["AQI"]) for key, item in items.items() if key != "lease"
        }

    async def whole(self) -> list[bytes]:
        """See that nothing is left half done, and that each snapshot is finished; give the snapshots.

        Plain moto has every upload begin in 2010, so what was killed is over a day old at the next start;
        that a younger one stays is `storage/aws/test_s3_sweep`'s.
        """
        assert await self.place.under_way() == []
        documents = await self.place.documents()
        prefix = f"manifests/{self.place.table}/"
        manifests = {key: orjson.loads(documents[key]) for key in documents if key.startswith(prefix)}
        names = {key for key in documents if key.startswith("data_")}
        assert manifests.keys() == {prefix + name for name in (*names, "latest.json")}
        assert {manifest["status"] for manifest in manifests.values()} == {"complete"}
        return snapshots_of(documents)


def snapshots_of(documents: Mapping[str, bytes]) -> list[bytes]:
    """Give the snapshots among all that an archive holds."""
    return sorted(body for key, body in documents.items() if key.startswith("data_"))


@asynccontextmanager
async def local_world(feed: FeedServer, crashes: Crashes, folder: Path) -> AsyncIterator[World]:
    async with local_place(folder) as place:
        yield World(feed, place, crashes, "--local", str(folder))


@asynccontextmanager
async def aws_world(feed: FeedServer, crashes: Crashes, clients: Clients) -> AsyncIterator[World]:
    fresh = Moto(clients.s3.meta.endpoint_url)
    place = await new_aws_place(fresh, clients)
    world = World(feed, place, crashes, "--bucket", fresh.bucket)
    world.env = fresh.environment
    yield world


async def check_finished(world: World, wanted: dict[str, Any], where: str) -> None:
    """Start the program plainly, and see that all is as if nothing had happened."""
    again = await world.load()
    assert again.code == 0, (where, again.err)
    assert await world.values() == wanted, where
    assert await world.whole() == [world.first], where


async def undisturbed(worlds: Worlds) -> dict[str, Any]:
    """Give what a load that nothing disturbs leaves in the table."""
    async with worlds.opened() as world:
        assert (await world.load()).code == 0
        return await world.values()


@asynccontextmanager
async def worlds_of(kind: str, moto: Moto, folder: Path) -> AsyncIterator[Worlds]:
    """Open a feed, and the process that forks; `kind` is local or aws."""
    async with (
        feed_server((answer(FIRST),)) as feed,
        crashing(folder / "runs", moto) as crashes,
        open_clients() as clients,
    ):
        number = iter(range(10_000))

        def opened() -> AbstractAsyncContextManager[World]:
            if kind == "aws":
                return aws_world(feed, crashes, clients)
            return local_world(feed, crashes, folder / str(next(number)))

        yield Worlds(opened, EACH[kind])


async def moved_on(world: World, **kill: float) -> tuple[Run, int]:
    """Kill a load, start plainly with a feed that has moved on; tell how many snapshots were caught up."""
    world.feeds((answer(world.first),))
    killed = await world.load(**kill)
    if killed.code == 0:
        return killed, 0
    where = f"{kill}: {killed.killed_before}"
    world.feeds((answer(SECOND),))
    again = await world.load()
    assert again.code == 0, (where, again.err)
    assert again.reports[0]["status"] == "complete", "the live load comes first"
    bodies = await world.whole()
    assert bodies in ([SECOND], sorted([world.first, SECOND])), where
    assert world.first in bodies or not killed.reports, "what was reported is there"
    assert {"5", "6"} <= (await world.values()).keys(), where
    if world.first in bodies:
        assert (await world.values()).keys() == world.ids | {"5", "6"}, where
    return killed, len(again.reports) - 1
