"""Credentials that come late: waited for where a source of them is expected, and nowhere else."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from json import JSONDecodeError
from pathlib import Path
from typing import Any, cast

import pytest
from botocore import exceptions as aws

from aqi_service.errors import AccessDenied, AqiError, ConfigError, MissingResource, NotReady
from aqi_service.storage.aws.clients import Clients, open_clients, open_s3
from aqi_service.storage.aws.credential_sources import expected_source, is_ec2
from aqi_service.storage.aws.credentials import AGAIN_SECONDS, LateCredentials
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.errors import may_pass
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_objects import S3Objects
from tests.doubles.aws_world import Waits
from tests.doubles.credential_agents import HANG, Agent, agent, good
from tests.doubles.moto_names import Moto
from tests.doubles.wire_fixtures import advance, by_hand, passing, task

KINDS: dict[str, Callable[[Agent], Mapping[str, str]]] = {
    "container": lambda found: found.container,
    "instance": lambda found: found.instance,
}
NAMES = {
    "container": "the container's agent (AWS_CONTAINER_CREDENTIALS_FULL_URI)",
    "instance": "the instance's metadata service (AWS_EC2_METADATA_SERVICE_ENDPOINT)",
}
NITRO = {"sys_vendor": "Amazon EC2\n", "product_name": "t4g.micro\n"}
LAPTOP = {"sys_vendor": "LENOVO\n", "bios_version": "N2HET72W (1.55 )\n", "product_uuid": "4C4C4544-00\n"}


@pytest.fixture(autouse=True)
def no_keys(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead to moto, with no credentials of any kind in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Agent], None]:
    """Point the environment at an agent, as a container or an instance is."""

    def point(kind: str, found: Agent) -> None:
        for name, value in KINDS[kind](found).items():
            monkeypatch.setenv(name, value)

    return point


def archive_of(clients: Clients, moto: Moto) -> S3Archive:
    return S3Archive(clients.s3, moto.bucket, sleep=Waits())


def store_of(clients: Clients, moto: Moto) -> DynamoStore:
    return DynamoStore(clients.writes, clients.lookups, moto.table, sleep=Waits())


async def error_of(work: Any) -> AqiError:
    with pytest.raises(AqiError) as caught:
        await work
    return caught.value


async def error_while_time_passes(work: Coroutine[Any, Any, None]) -> AqiError:
    """Let the seconds that botocore waits pass at once, and give what it ends in."""
    job = task(work)
    await passing(job.done)
    return await error_of(job)


ROLE = "arn:aws:iam::123456789012:role/r"


def use_profile(lines: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have AWS's settings name a profile with these lines, which others may follow."""
    settings = folder / "config"
    settings.write_text(f"[profile p]\n{lines}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    monkeypatch.setenv("AWS_PROFILE", "p")


FAULTS: list[Any] = [429, 500, 503, HANG, "refused", {"Code": "Failed"}]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@by_hand
async def test_a_source_that_is_not_ready_is_told_and_waited_for(
    kind: str, fault: Any, moto: Moto, point: Callable[[str, Agent], None]
) -> None:
    with agent(for_ever=fault, refuses=fault == "refused") as found:
        point(kind, found)
        async with open_clients() as clients:
            for work in (clients.credentials.ready, archive_of(clients, moto).check):
                error = await error_while_time_passes(work())
                assert type(error) is NotReady
                assert str(error).startswith(f"waiting for AWS credentials from {NAMES[kind]}: ")
                assert not may_pass(error)


@pytest.mark.parametrize("kind", KINDS)
@by_hand
async def test_what_comes_late_is_used_by_the_clients_that_are_open(
    kind: str, moto: Moto, point: Callable[[str, Agent], None]
) -> None:
    with agent(for_ever=503) as found:
        point(kind, found)
        async with open_clients() as clients:
            await error_while_time_passes(clients.credentials.ready())
            found.for_ever = None
            advance(AGAIN_SECONDS)
            await clients.credentials.ready()
            for work in (archive_of(clients, moto).check(), store_of(clients, moto).check()):
                assert isinstance(await error_of(work), MissingResource)  # so it was asked, and is signed
            asked = len(found.asked)
            await clients.credentials.ready()
            assert len(found.asked) == asked


@by_hand
async def test_many_requests_at_once_ask_the_source_once_and_again_a_moment_later() -> None:
    asked: list[float] = []

    async def chain() -> None:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0)

    credentials = LateCredentials(chain, "the place")
    for round_ in (1, 2):
        jobs = [task(credentials.ready()) for _ in range(50)]
        assert {type(await error_of(job)) for job in jobs} == {NotReady}
        assert len(asked) == round_
        advance(AGAIN_SECONDS)


@by_hand
async def test_sources_on_s3_wait_for_credentials_as_well(point: Callable[[str, Agent], None]) -> None:
    with agent(for_ever=503) as found:
        point("container", found)
        async with open_s3() as (client, credentials):
            objects = S3Objects(client, credentials=credentials)
            assert type(await error_while_time_passes(objects.authenticate())) is NotReady


async def test_a_machine_without_any_source_is_told_at_once_how_to_do_without(
    tmp_path: Path, moto: Moto
) -> None:
    async with open_clients(machine(tmp_path, LAPTOP)) as clients:
        for work in (clients.credentials.ready(), archive_of(clients, moto).check()):
            error = await error_of(work)
            assert type(error) is AccessDenied
            assert "there are no AWS credentials" in str(error)
            assert "--local DIR" in str(error)


def machine(folder: Path, said: Mapping[str, str]) -> Path:
    for name, text in said.items():
        (folder / name).write_text(text)
    return folder


class TestExpected:
    @pytest.mark.parametrize(
        ("variables", "profile", "expected"),
        [
            ({}, {}, ""),
            ({}, {"region": "eu-west-1"}, ""),
            ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, {}, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, {}, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/x"}, {}, "web identity"),
            ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x"}, {}, "metadata service"),
            (
                {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x", "AWS_EC2_METADATA_DISABLED": "true"},
                {},
                "",
            ),
            ({}, {"role_arn": "arn"}, "the profile p (role_arn)"),
            ({}, {"credential_source": "Ec2InstanceMetadata"}, "the profile p (credential_source)"),
            ({}, {"sso_session": "s", "sso_role_name": "r"}, "the profile p (sso_session)"),
            ({}, {"sso_start_url": "https://x", "sso_account_id": "1"}, "the profile p (sso_start_url)"),
            ({}, {"sso_session": "s"}, ""),  # botocore passes it over
            ({}, {"credential_process": "x"}, "the profile p (credential_process)"),
            ({"AWS_ACCESS_KEY_ID": "AK"}, {"credential_process": "x"}, ""),
            ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, {"aws_access_key_id": "AK"}, ""),
        ],
    )
    def test_it_is_what_variables_and_the_profile_name(
        self, variables: dict[str, str], profile: dict[str, str], expected: str, tmp_path: Path
    ) -> None:
        found = expected_source(variables, profile, "p", machine(tmp_path, LAPTOP))
        assert (expected in found) if expected else (found == "")

    @pytest.mark.parametrize(
        ("said", "is_one"),
        [
            (NITRO, True),
            ({"bios_version": "4.11.amazon\n"}, True),
            ({"product_uuid": "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n"}, True),
            (LAPTOP, False),
            ({"sys_vendor": "Google"}, False),
            ({}, False),
        ],
    )
    def test_ec2_is_known_by_what_its_firmware_says(
        self, said: dict[str, str], is_one: bool, tmp_path: Path
    ) -> None:
        assert is_ec2(machine(tmp_path, said)) is is_one
        source = expected_source({}, {}, "default", tmp_path)
        assert source == ("EC2's instance metadata (has the instance a role?)" if is_one else "")
        assert expected_source({"AWS_EC2_METADATA_DISABLED": "True"}, {}, "default", tmp_path) == ""


def late(*ends: object, source: str = "the place") -> LateCredentials:
    """Give credentials whose chain ends so, one after the other."""
    script = list(ends)

    async def chain() -> Any:
        end = script.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return LateCredentials(chain, source)


def retrieval(text: str, provider: str = "p") -> aws.CredentialRetrievalError:
    return aws.CredentialRetrievalError(provider=provider, error_msg=text)


def process(text: str) -> aws.CredentialRetrievalError:
    return retrieval(text, "custom-process")


def given(status: int, code: str) -> aws.ClientError:
    """Return what a service answers that is asked for a role's credentials."""
    error = {"Error": {"Code": code, "Message": "of AWS's"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return aws.ClientError(cast("Any", error), "AssumeRole")


class TestWhy:
    @pytest.mark.parametrize(
        ("end", "kind", "words"),
        [
            (None, NotReady, "waiting for AWS credentials from the place: none yet"),
            (retrieval("Received non 200 response 503 from container metadata: s3cret"), NotReady, "503"),
            (
                retrieval("Received non 200 response 403 from container metadata: s3cret"),
                AccessDenied,
                "read",
            ),
            (retrieval("s3cret"), NotReady, "none yet"),
            (aws.MetadataRetrievalError(error_msg="s3cret"), NotReady, "none yet"),
            (KeyError("AccessKeyId"), NotReady, "its answer has no credentials"),
            (aws.EndpointConnectionError(endpoint_url="https://sts/"), NotReady, "sts"),
            (aws.ConnectTimeoutError(endpoint_url="https://sts/"), NotReady, "sts"),
            (RuntimeError("the refreshed credentials are still expired."), NotReady, "clock"),
            (aws.UnauthorizedSSOTokenError(), AccessDenied, "run aws sso login"),
            (
                process("Unsupported version '2' for credential process"),
                AccessDenied,
                "gives no valid credentials",
            ),
            (
                process("Missing required key in response: 'SecretAccessKey'"),
                AccessDenied,
                "gives no valid credentials",
            ),
            (process("s3cret"), NotReady, "none yet"),
            (JSONDecodeError("Expecting value", "s3cret", 0), AccessDenied, "gives no valid credentials"),
            (
                UnicodeDecodeError("utf-8", b"\xff", 0, 1, "s3cret"),
                AccessDenied,
                "gives no valid credentials",
            ),
            (ValueError("Unsupported host 'h'"), ConfigError, "Unsupported host 'h'"),  # of an agent
            (
                AttributeError("'list' object has no attribute 'get'"),
                AccessDenied,
                "gives no valid credentials",
            ),
            (retrieval("no", "Environment"), AccessDenied, "are not set"),
            (retrieval("no", "EcsContainer"), AccessDenied, "are not set"),
            (retrieval("no", "Ec2InstanceMetadata"), NotReady, "none yet"),
            (IsADirectoryError(21, "Is a directory", "/x"), ConfigError, "Is a directory: '/x'"),
            (FileNotFoundError(2, "No such file"), ConfigError, "cannot be run: No such file"),
            (PermissionError(13, "Permission denied"), ConfigError, "cannot be run: Permission denied"),
            (PermissionError(13, "Permission denied", "/x"), ConfigError, "Permission denied: '/x'"),
            (given(400, "ValidationError"), AccessDenied, "AssumeRole is refused"),
            (given(400, "InvalidIdentityToken"), AccessDenied, "InvalidIdentityToken: of AWS's"),
            (given(403, "RegionDisabledException"), AccessDenied, "is refused"),
            (given(403, "ForbiddenException"), AccessDenied, "is refused"),
            (given(404, "ResourceNotFoundException"), AccessDenied, "AssumeRole is refused"),
            (given(403, "AccessDenied"), AccessDenied, "denies access"),
            (given(400, "IDPCommunicationError"), NotReady, "IDPCommunicationError"),
            (given(429, "TooManyRequestsException"), NotReady, "TooManyRequestsException"),
            (given(400, "Throttling"), NotReady, "Throttling"),
            (given(503, "ServiceUnavailable"), NotReady, "ServiceUnavailable"),
            (given(403, "RequestExpired"), NotReady, "clock"),
            (aws.PartialCredentialsError(provider="p", cred_var="x"), AccessDenied, "cannot be read"),
            (aws.InvalidConfigError(error_msg="Nothing"), ConfigError, "Nothing"),
        ],
        ids=str,
    )
    async def test_what_may_come_is_waited_for_and_what_a_person_must_mend_is_not(
        self, end: object, kind: type[AqiError], words: str
    ) -> None:
        error = await error_of(late(end).ready())
        assert type(error) is kind
        assert words in str(error)
        assert "s3cret" not in str(error)

    async def test_where_nothing_is_expected_nothing_is_waited_for(self) -> None:
        nothing = await late(None, source="").load_credentials()
        for _ in range(2):
            assert type(await error_of(nothing.ready())) is AccessDenied
        with pytest.raises(aws.CredentialRetrievalError):
            await late(retrieval("x"), source="").load_credentials()

    @pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    @pytest.mark.parametrize("text", ["\u201cAKIA\u201d", "AK IA", "AKIA\nX: y", "\udcffAKIA"])
    async def test_what_was_copied_along_with_a_key_is_told_before_anything_is_asked(
        self, name: str, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", name: text}
        for variable, value in keys.items():
            monkeypatch.setenv(variable, value)
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is AccessDenied
        assert "copy them again" in str(error)

    async def test_an_error_in_the_program_stays_one(self) -> None:
        with pytest.raises(RuntimeError, match="loop"):
            await late(RuntimeError("no loop")).ready()

    async def test_a_token_file_that_an_orchestrator_has_not_written_yet_is_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is NotReady
        assert str(error).startswith("waiting for AWS credentials from web identity")

    async def test_so_is_that_of_an_agent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is NotReady
        assert f"there is no file {tmp_path / 'token'} yet" in str(error)

    async def test_a_token_file_that_is_still_empty_is_waited_for_as_well(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "token").touch()
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is NotReady
        assert "is still empty" in str(error)

    async def test_a_code_that_somebody_would_have_to_type_is_not_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = "[profile keys]\naws_access_key_id = AKIA\naws_secret_access_key = s"
        use_profile(
            f"role_arn = {ROLE}\nsource_profile = keys\nmfa_serial = m\n{keys}", tmp_path, monkeypatch
        )
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is ConfigError
        assert "MFA" in str(error)

    @pytest.mark.parametrize("prints", ["[]", "garbage", "{}", '{"Version": 1}', ""])
    async def test_a_process_that_prints_something_else_is_a_persons_to_mend(
        self, prints: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use_profile(f"credential_process = /bin/echo '{prints}'", tmp_path, monkeypatch)
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert type(error) is AccessDenied
        assert "it gives no valid credentials" in str(error)

    async def test_a_program_that_is_not_there_is_a_persons_to_mend(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use_profile("credential_process = /nonexistent/program", tmp_path, monkeypatch)
        async with open_clients() as clients:
            assert type(await error_of(clients.credentials.ready())) is ConfigError

    async def test_an_sso_session_that_ended_is_one_sentence_and_no_traceback(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = "[sso-session s]\nsso_start_url = https://x\nsso_region = us-east-1"
        ours = "sso_session = s\nsso_account_id = 1\nsso_role_name = r"
        use_profile(f"{ours}\n{session}", tmp_path, monkeypatch)
        monkeypatch.setenv("HOME", str(tmp_path))
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
        assert "run aws sso login" in str(error)
        assert not caplog.records


@by_hand
async def test_credentials_that_had_expired_when_they_came_are_the_clocks_fault(
    point: Callable[[str, Agent], None],
) -> None:
    with agent(for_ever=good(timedelta(hours=-1))) as found:
        point("container", found)
        async with open_clients() as clients:
            error = await error_of(clients.credentials.ready())
    assert type(error) is NotReady
    assert "clock" in str(error)
