"""How the AWS clients are opened: region, endpoint, credentials, limits."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from aqi_service import __version__
from aqi_service.app.startup_checks import START_SECONDS
from aqi_service.errors import AccessDenied, AqiError, ConfigError, Unavailable
from aqi_service.lookup.lookup import DEADLINE
from aqi_service.storage.aws.clients import (
    LOOKUP_CONCURRENCY,
    WRITE_CONCURRENCY,
    Clients,
    described,
    open_clients,
    region,
)
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_upload import PARTS_IN_FLIGHT
from tests.doubles.aws_world import Waits
from tests.doubles.moto_names import Moto

NOWHERE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write AWS's configuration file; there are no credentials in the environment."""
    path = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)

    def write(text: str) -> Path:
        path.write_text(text)
        return path

    return write


def archive_of(clients: Clients) -> S3Archive:
    return S3Archive(clients.s3, "a-bucket", sleep=Waits())


def store_of(clients: Clients) -> DynamoStore:
    return DynamoStore(clients.writes, clients.lookups, "t", sleep=Waits())


async def first_error() -> AqiError:
    """Give the error of the first requests, which must be the same for bucket and table."""
    async with open_clients() as clients:
        with pytest.raises(AqiError) as of_table:
            await store_of(clients).check()
        with pytest.raises(AqiError) as of_bucket:
            await archive_of(clients).check()
    assert type(of_table.value) is type(of_bucket.value)
    return of_bucket.value


class TestRegion:
    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({}, "us-east-1"),
            ({"AWS_REGION": ""}, "us-east-1"),
            ({"AWS_REGION": "eu-west-2"}, "eu-west-2"),
            ({"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
            ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-2"),
            ({"AWS_PROFILE": "home"}, "eu-north-1"),
            ({"AWS_PROFILE": "bare"}, "us-east-1"),
            ({"AWS_PROFILE": "home", "AWS_REGION": "eu-west-2"}, "eu-west-2"),
            ({"AWS_PROFILE": "home", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
            ({"AWS_DEFAULT_REGION": ""}, "us-east-1"),
        ],
    )
    async def test_it_comes_from_the_environment_then_the_profile_then_is_us_east_1(
        self,
        config: Callable[[str], Path],
        monkeypatch: pytest.MonkeyPatch,
        variables: dict[str, str],
        expected: str,
    ) -> None:
        config("[profile home]\nregion = eu-north-1\n[profile bare]\noutput = json\n")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert region() == expected
        async with open_clients() as clients:
            used = {c.meta.region_name for c in (clients.s3, clients.writes, clients.lookups)}
            assert used == {expected}
            assert described(clients) == f"region {expected}"


class TestEndpoint:
    @pytest.mark.parametrize(
        ("variables", "text"),
        [
            ({"AWS_ENDPOINT_URL": "http://h:1"}, ", endpoint http://h:1"),
            ({"AWS_ENDPOINT_URL_S3": "http://h:1"}, ", S3 endpoint http://h:1"),
            ({"AWS_ENDPOINT_URL_DYNAMODB": "http://h:2"}, ", DynamoDB endpoint http://h:2"),
            (
                {"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://h:2"},
                ", S3 endpoint http://h:1, DynamoDB endpoint http://h:2",
            ),
            ({"AWS_ENDPOINT_URL": "http://user:pass@h:1"}, ", endpoint http://h:1"),
            ({"AWS_REGION": "cn-north-1"}, ""),
            ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, ""),
        ],
    )
    async def test_each_that_is_not_awss_own_is_named_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], text: str
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with open_clients() as clients:
            assert described(clients).partition(",")[2] == text.removeprefix(",")
            assert clients.lookups.meta.endpoint_url == clients.writes.meta.endpoint_url

    async def test_each_service_goes_to_its_own(self, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto.endpoint.replace("127.0.0.1", "localhost"))
        async with open_clients() as clients:
            await clients.s3.create_bucket(Bucket=moto.bucket)
            await S3Archive(clients.s3, moto.bucket).check()
            with pytest.raises(Unavailable, match="no answer"):
                await store_of(clients).check()

    @pytest.mark.parametrize("url", ["h:1", "ftp//x", "http://user:s3cret@h h/"])
    async def test_one_that_is_no_url_is_a_fault_of_the_configuration(
        self, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(ConfigError, match=r"^AWS: ") as caught:
            async with open_clients():
                pass
        assert "s3cret" not in str(caught.value)


@pytest.mark.own_deadlines
class TestLimits:
    async def test_a_lookup_may_be_tried_and_still_answered_in_time(self) -> None:
        async with open_clients() as clients:
            config: Any = clients.lookups.meta.config
            assert config.connect_timeout + config.read_timeout < DEADLINE
            assert config.max_pool_connections == LOOKUP_CONCURRENCY

    async def test_a_client_has_a_connection_for_each_of_its_requests(self) -> None:
        async with open_clients() as clients:
            writes: Any = clients.writes.meta.config
            s3: Any = clients.s3.meta.config
            assert writes.max_pool_connections > WRITE_CONCURRENCY
            assert s3.max_pool_connections > PARTS_IN_FLIGHT

    async def test_no_client_repeats_or_waits_by_itself_for_long(self) -> None:
        async with open_clients() as clients:
            for client in (clients.s3, clients.writes, clients.lookups):
                config: Any = client.meta.config
                assert config.retries == {"mode": "standard", "total_max_attempts": 1}
                assert 0 < config.connect_timeout < START_SECONDS
                assert 0 < config.read_timeout <= 30

    async def test_each_client_names_the_program_and_keeps_its_connections_alive(
        self,
    ) -> None:
        async with open_clients() as clients:
            for client in (clients.s3, clients.writes, clients.lookups):
                config: Any = client.meta.config
                assert config.user_agent.startswith(f"aqi-service/{__version__} ")
                assert config.tcp_keepalive is True

    async def test_no_client_takes_the_time_to_check_what_it_is_asked_to_send(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
        async with open_clients() as clients:
            calls: Any = (clients.s3.list_buckets, clients.writes.list_tables, clients.lookups.list_tables)
            for call, name in zip(calls, ("Prefix", "Limit", "Limit"), strict=True):
                with pytest.raises(EndpointConnectionError):
                    await call(**{name: {}})

    async def test_a_start_that_nobody_answers_ends_when_the_caller_says(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
            async with open_clients() as clients:
                for check in (archive_of(clients).check, store_of(clients).check):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(check(), 0.1)

    async def test_closing_leaves_no_socket_open(self, moto: Moto) -> None:
        async with open_clients() as clients:
            for _ in range(3):
                await asyncio.gather(*(clients.writes.list_tables() for _ in range(5)))
            await asyncio.gather(clients.lookups.list_tables(), clients.s3.list_buckets())
        del clients
        gc.collect()  # a ResourceWarning would be an error


class TestCredentials:
    async def test_none_names_how_to_do_without(self, config: Callable[[str], Path]) -> None:
        config("")
        error = await first_error()
        assert isinstance(error, AccessDenied)
        assert str(error).startswith("bucket a-bucket: there are no AWS credentials: set AWS_PROFILE")
        assert "--local DIR" in str(error)

    @pytest.mark.parametrize(
        ("profile", "words"),
        [
            ("credential_process = /no/such/command", "/no/such/command"),
            ("credential_process = /bin/echo no-json-s3cret", "it gives no valid credentials"),
            (
                "sso_start_url = https://x\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r",
                "run aws sso login",
            ),
            ("aws_access_key_id = AKID", "cannot be read or renewed"),
            ("role_arn = arn:aws:iam::1:role/r\ncredential_source = Nothing", "Nothing"),
            ("role_arn = arn:aws:iam::1:role/r\nsource_profile = none", "none"),
            ("role_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /no/file", "/no/file"),
            ("defaults_mode = fast", "fast"),
            ("s3 =\n  addressing_style = odd", "odd"),
        ],
    )
    async def test_what_cannot_be_read_is_a_sentence_for_a_person_without_secrets(
        self,
        config: Callable[[str], Path],
        monkeypatch: pytest.MonkeyPatch,
        profile: str,
        words: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        config(f"[profile p]\n{profile}\n")
        monkeypatch.setenv("AWS_PROFILE", "p")
        with pytest.raises(ConfigError) as caught:
            raise await first_error()
        assert words in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caplog.records == []

    async def test_only_the_log_of_credentials_is_made_quiet(self, caplog: pytest.LogCaptureFixture) -> None:
        noisy = logging.getLogger("aiobotocore.credentials")
        for logger in (noisy, logging.getLogger()):
            caplog.set_level(logging.INFO, logger.name)
        async with open_clients():
            assert noisy.level == logging.ERROR
            assert logging.getLogger().level == logging.INFO

    async def test_a_profile_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(ConfigError, match=r"^AWS: .*nobody"):
            async with open_clients():
                pass

    async def test_a_configuration_file_that_cannot_be_parsed_is_named(
        self, config: Callable[[str], Path]
    ) -> None:
        path = config("[profile")
        with pytest.raises(ConfigError, match=f"^AWS: .*{path}"):
            async with open_clients():
                pass

    async def test_a_region_that_can_be_none_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_REGION", "no region!")
        with pytest.raises(ConfigError, match=r"^AWS: .*no region!"):
            async with open_clients():
                pass
