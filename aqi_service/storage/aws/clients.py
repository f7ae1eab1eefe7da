"""AWS clients with this program's settings.

One rule: every setting that matters is set here; credentials, region, profile and endpoint come from AWS's
own variables and files.
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import create_credential_resolver
from aiobotocore.session import AioSession

from aqi_service import __version__
from aqi_service.core.redaction import redact
from aqi_service.storage.aws.credential_faults import nobody_types
from aqi_service.storage.aws.credential_sources import DMI, expected_source, token_files
from aqi_service.storage.aws.credentials import LateCredentials
from aqi_service.storage.aws.dynamodb_batches import prepare
from aqi_service.storage.aws.dynamodb_calls import shorten
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.http_pool import HttpPool
from aqi_service.storage.aws.refusals import name_region

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_s3.client import S3Client

DEFAULT_REGION = "us-east-1"
WRITE_CONCURRENCY = 8
"""Requests to the table that are under way at the same time during a load."""
LOOKUP_CONCURRENCY = 64
"""Lookups at the table at the same time; more wait for a connection."""
LOOKUP_TIMEOUTS = (2.0, 2.0)
"""Seconds in which a lookup must connect, and be answered: both fit into its deadline."""

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


@dataclass(frozen=True, slots=True)
class Clients:
    """One client for each purpose: a load that is throttled must not slow lookups down."""

    s3: "S3Client"
    writes: "DynamoDBClient"
    lookups: "DynamoDBClient"
    credentials: LateCredentials


@asynccontextmanager
async def open_clients(dmi: Path = DMI) -> AsyncIterator[Clients]:
    """Open the clients; raises ConfigError if AWS's own settings cannot be used.

    `dmi` is the folder that tells whether this machine is one of EC2.
    """
    session, credentials = _session(dmi)
    async with AsyncExitStack() as stack:
        with translated("AWS"):
            s3 = await stack.enter_async_context(session.client("s3", config=_config(8, 5, 30)))
            _ask_for_a_region_once(s3)
            writes = await _open_table(stack, session, WRITE_CONCURRENCY + 2, 5, 10)
            lookups = await _open_table(stack, session, LOOKUP_CONCURRENCY, *LOOKUP_TIMEOUTS)
        _honour_checksums(s3)
        yield Clients(s3, writes, lookups, credentials)


@asynccontextmanager
async def open_s3(dmi: Path = DMI) -> AsyncIterator[tuple["S3Client", LateCredentials]]:
    """Open only a client of S3, to read sources; raises ConfigError as `open_clients` does."""
    session, credentials = _session(dmi)
    async with AsyncExitStack() as stack:
        with translated("AWS"):
            s3 = await stack.enter_async_context(session.client("s3", config=_config(8, 5, 30)))
        _ask_for_a_region_once(s3)
        yield s3, credentials


@asynccontextmanager
async def open_cloudwatch_client(dmi: Path = DMI) -> AsyncIterator[Any]:
    """Open only a client of CloudWatch; raises ConfigError as `open_clients` does."""
    session, _ = _session(dmi)
    client: Any = session.client  # its stubs know the services that archive and table are
    async with AsyncExitStack() as stack:
        with translated("AWS"):
            opened = await stack.enter_async_context(client("cloudwatch", config=_config(1, 5, 5)))
        yield opened


async def _open_table(
    stack: AsyncExitStack, session: aioboto3.Session, connections: int, connect: float, answer: float
) -> "DynamoDBClient":
    """Open a client of DynamoDB whose requests go the short way, and whose errors name the region."""
    pool = HttpPool()
    config = _config(connections, connect, answer, pool)
    client = await stack.enter_async_context(session.client("dynamodb", config=config))
    prepare(client)
    shorten(client, pool)
    name_region(client)
    return client


def _ask_for_a_region_once(s3: "S3Client") -> None:
    """Let botocore ask once in which region a bucket is: otherwise it asks about that question, endlessly."""

    def note(context: dict[str, Any], **_: object) -> None:
        context.setdefault("s3_redirect", {})["redirected"] = True

    s3.meta.events.register("before-call.s3.HeadBucket", note)


def _honour_checksums(s3: "S3Client") -> None:
    """Send no checksums with an upload if AWS's settings ask only for those that S3 requires.

    An upload's own request for them would override AWS_REQUEST_CHECKSUM_CALCULATION, which people set for
    stores without checksums.
    """
    meta: Any = s3.meta
    if meta.config.request_checksum_calculation == "when_required":
        for operation in ("CreateMultipartUpload", "UploadPart"):
            meta.events.register(f"provide-client-params.s3.{operation}", _without_checksum)


def _without_checksum(params: Mapping[str, Any], **_: object) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "ChecksumAlgorithm"}


def _session(dmi: Path) -> tuple[aioboto3.Session, LateCredentials]:
    """Return a session whose clients ask for credentials when they need them, and these credentials."""
    for warns_with_tracebacks in (
        logging.getLogger("aiobotocore.credentials"),
        logging.getLogger("aiobotocore.tokens"),
    ):
        warns_with_tracebacks.setLevel(logging.ERROR)
    with translated("AWS"):
        where, core = region(), AioSession()
        name = core.get_config_variable("profile") or "default"
        source = expected_source(os.environ, core.get_scoped_config(), name, dmi)

        async def chain() -> Any:
            resolver: Any = create_credential_resolver(core, region_name=where)
            resolver.get_provider("assume-role")._prompter = nobody_types  # noqa: SLF001  # else it asks the terminal
            return await resolver.load_credentials()

        late = LateCredentials(chain, source, token_files(os.environ))
        core.register_component("credential_provider", late)
        return aioboto3.Session(region_name=where, botocore_session=core), late


def region() -> str:
    """Return the region to use: AWS_REGION, AWS_DEFAULT_REGION, the profile's, or DEFAULT_REGION.

    boto reads only AWS_DEFAULT_REGION, every other SDK AWS_REGION; here both count.
    """
    named = os.environ.get("AWS_REGION") or aioboto3.Session().region_name
    return str(named) if named else DEFAULT_REGION


def described(clients: Clients) -> str:
    """Name the region, and each endpoint that is not AWS's own."""
    urls = {name: c.meta.endpoint_url for name, c in (("S3", clients.s3), ("DynamoDB", clients.writes))}
    others = {
        f"{name} endpoint": redact(url)
        for name, url in urls.items()
        if not (urlsplit(url).hostname or "").endswith(_AWS_HOSTS)
    }
    if len(set(others.values())) == 1 and len(others) == len(urls):
        others = {"endpoint": next(iter(others.values()))}
    ends = "".join(f", {name} {url}" for name, url in others.items())
    return f"region {clients.writes.meta.region_name}{ends}"


def _config(
    connections: int, connect_timeout: float, read_timeout: float, pool: HttpPool | None = None
) -> AioConfig:
    """Make a client's settings; all are set here, because botocore's defaults change.

    botocore repeats nothing; `storage.aws.retry` does, where each wait and its limit can be seen and tested.
    """
    sessions: Any = pool or HttpPool()  # what makes one is called, whatever it is
    return AioConfig(
        max_pool_connections=connections,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},
        tcp_keepalive=True,
        http_session_cls=sessions,
        user_agent=f"aqi-service/{__version__}",  # botocore's own is built again for each request
        parameter_validation=False,  # half of the time that a batch takes; what is sent is ours
    )
