"""What docker-compose.yml starts serves, without an engine: the same commands in the same environment.

Only addresses, ports and folders are others. Nobody may write to what is installed; its user has no rights.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.doubles.compose import needs_compose, services
from tests.doubles.documents import GENERATED
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.image import DAC_READ_SEARCH, IS_ROOT, NOBODY, Image, image, who, with_setpriv
from tests.doubles.moto_names import Moto
from tests.doubles.ports import free_port
from tests.doubles.program import Running

pytestmark = [needs_compose, with_setpriv]


@pytest.fixture(scope="module")
def installed() -> Iterator[Image]:
    with image() as made:
        yield made


@dataclass
class Container:
    """A service of Compose under way, without a container around it."""

    program: Running
    image: Image
    environment: Mapping[str, str | None]
    port: int
    health: list[str]

    async def run(self, *words: str) -> tuple[int, str, str]:
        """Run words as `docker compose exec` does."""
        return await self.image.run(*words, given=self.environment)


@asynccontextmanager
async def up(service: Mapping[str, Any], image: Image, **more: str) -> AsyncIterator[Container]:
    """Start what Compose starts, on free ports of this machine; `more` is put into the environment."""
    here = {"0.0.0.0": "127.0.0.1", "/data": str(image.writable / "data")}  # noqa: S104  # no socket is bound
    port, http_port = str(free_port()), str(free_port())
    words = [here.get(word, word) for word in service["command"]]
    check = [word.replace("/opt/aqi", str(image.folder)) for word in service["healthcheck"]["test"][1:]]
    environment = service["environment"] | more
    async with image.running(*words, "--port", port, "--http-port", http_port, given=environment) as program:
        check.append(f"/proc/{program.process.pid}/cmdline")
        yield Container(program, image, environment, int(port), check)


async def serves(container: Container) -> None:
    """See that it loads, is well, answers its own client, and has no right to do more."""
    report = await container.program.report()
    assert (report["status"], report["error"]) == ("complete", None)
    record_id = (await container.program.line(r"N? records, for instance: \S+ (\d+)"))[1]
    assert await container.run(*container.health) == (0, "", "")
    code, out, err = await container.run("aqi-client", record_id, "--port", str(container.port))
    assert (code, out.splitlines()[1].partition(",")[0]) == (0, record_id), err
    assert (container.image.writable / f"data_{record_id}.csv").exists()
    user, rights = who(container.program.process.pid)
    assert (user == NOBODY) is IS_ROOT
    assert rights & ~DAC_READ_SEARCH == 0
    container.program.tell()
    assert await container.program.ended() == 0


async def test_with_a_store_of_its_own_it_makes_what_is_missing_and_serves(
    installed: Image, moto: Moto
) -> None:
    async with feed_server((answer(GENERATED),)) as feed:
        service = services(AQI_FEED_URL=feed.url())["aqi"]
        assert {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB"} <= set(service["environment"])
        there = {"AWS_ENDPOINT_URL_S3": moto.endpoint, "AWS_ENDPOINT_URL_DYNAMODB": moto.endpoint}
        async with up(service, installed, **there, AQI_TABLE=moto.table) as container:
            await serves(container)


async def test_against_aws_it_goes_by_the_credentials_and_names_of_the_shell(
    installed: Image, moto: Moto
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    names = {"AQI_BUCKET": moto.bucket, "AQI_TABLE": moto.table, "AQI_CREATE": "1"}
    async with feed_server((answer(GENERATED),)) as feed:
        service = services(AQI_FEED_URL=feed.url(), **keys, **names)["aqi-aws"]
        async with up(service, installed, AWS_ENDPOINT_URL=moto.endpoint) as container:
            await serves(container)
    assert moto.client("dynamodb").scan(TableName=moto.table, Select="COUNT")["Count"] > 0


async def test_at_home_it_keeps_all_on_its_volume(installed: Image) -> None:
    async with (
        feed_server((answer(GENERATED),)) as feed,
        up(services(AQI_FEED_URL=feed.url())["aqi-home"], installed) as container,
    ):
        await serves(container)
    kept = {path.name for path in (installed.writable / "data").iterdir()}
    assert {"air_quality.db", "snapshots"} <= kept


async def test_the_user_of_the_image_cannot_write_to_what_is_installed(installed: Image) -> None:
    target = str(installed.folder / "healthcheck.py")
    code, _, err = await installed.run("python", "-c", f"open({target!r}, 'a')", given={})
    assert (code, "PermissionError" in err) == (1, True)
