"""S3 over TLS, where the SDK sends a body in chunks with its checksum behind it."""

import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aqi_service.errors import Unavailable
from aqi_service.storage.aws.s3_upload import PART_SIZE
from tests.doubles.aws_answers import Answer, cut, error, lost
from tests.doubles.aws_world import World, fresh, opened
from tests.doubles.certificates import certificate
from tests.doubles.snapshot_name import INFO, NAME

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = random.Random(1).randbytes(2 * PART_SIZE + 3)  # noqa: S311 (a body that no compression shortens)
DOCUMENT = BODY[: 2**20]
"""As large as one may be."""


def served(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(moto_endpoint: str, pem: Path) -> AsyncIterator[World]:
    async with opened(moto_endpoint, served(pem), AWS_CA_BUNDLE=str(pem)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(world: World) -> bytes:
    """Archive BODY and give what is there then."""
    async with world.archive().upload(NAME, INFO) as upload:
        for at in range(0, len(BODY), 999_999):
            await upload.write(BODY[at : at + 999_999])
        await upload.complete()
    return b"".join([piece async for piece in world.archive().read(NAME)])


async def test_a_snapshot_arrives_whole_with_a_checksum_behind_each_part(world: World) -> None:
    assert await keep(world) == BODY
    for part in world.double.seen("UploadPart"):
        assert part.headers["x-amz-trailer"] == "x-amz-checksum-crc32"
        assert int(part.headers["x-amz-decoded-content-length"]) <= PART_SIZE


@pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown")])
async def test_a_part_is_sent_again_whole(world: World, answer: Answer) -> None:
    world.double.on("UploadPart", answer, times=3)
    assert await keep(world) == BODY
    assert len(world.waits) == 3


async def test_documents_come_back_as_they_were_put(world: World) -> None:
    await world.archive().put("manifests/t/x.json", DOCUMENT)
    assert await world.archive().get("manifests/t/x.json") == DOCUMENT


async def test_a_certificate_that_nobody_vouches_for_is_refused(moto_endpoint: str, pem: Path) -> None:
    async with opened(moto_endpoint, served(pem)) as stranger:
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await (await fresh(stranger)).archive().check()
        assert stranger.double.requests == []
