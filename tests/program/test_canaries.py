"""Secrets put wherever one can enter: none comes out of the program, whatever it is told to do or fails at.

One rule: the program runs as a process, as talkative as it can be, and everything that it leaves is searched:
stdout, stderr, HTTP port, replies, objects with their metadata, items.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests import DATA
from tests.doubles.aws_world import until
from tests.doubles.feed_server import Step, answer, feed_server, head
from tests.doubles.moto_names import Moto
from tests.doubles.program import RECORD, Ran, environment, ran, running
from tests.doubles.refusing_aws import FOUND, refusing_aws

GENERATED = (DATA / "generated-2026-form.json.gz").read_bytes()
CANARY = "canary7f3a"
"""In every secret; what else a secret holds says where it came from."""

USER = f"user:{CANARY}-password"
QUERY = f"?X-Amz-Signature={CANARY}-signature&token={CANARY}-token"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret-access-key",
    "AWS_SESSION_TOKEN": f"{CANARY}-session-token",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": f"{CANARY}-container-token",
}
PEERS: dict[str, Any] = {
    "Set_Cookie": f"session={CANARY}-cookie; {CANARY}-name[]=x",
    "ETag": f'"{CANARY}-etag"',
    "X_Amz_Request_Id": f"{CANARY}-request",
    "WWW_Authenticate": f'Basic realm="{CANARY}-realm"',
}
TALKATIVE = ("--log-level", "debug")
forms = pytest.mark.parametrize("form", ["text", "json"])


@dataclass
class Aws:
    """The bucket and table of a moto, and the program's way there."""

    moto: Moto

    @property
    def environment(self) -> dict[str, str]:
        return self.moto.environment | KEYS

    @property
    def options(self) -> tuple[str, ...]:
        return ("--bucket", self.moto.bucket, "--table", self.moto.table, *TALKATIVE)

    @property
    def s3(self) -> Any:
        return self.moto.client("s3")

    def uploads(self) -> bool:
        """Tell whether a snapshot is on its way."""
        return bool(self.s3.list_multipart_uploads(Bucket=self.moto.bucket).get("Uploads"))

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.moto.bucket)["Contents"]]

    def kept(self) -> Iterator[str]:
        """Give all that is in bucket and table."""
        for key in self.names():
            found = self.s3.get_object(Bucket=self.moto.bucket, Key=key)
            told = {name: value for name, value in found["Metadata"].items() if name != "etag"}
            yield f"{key} {told}"  # the ETag is kept on purpose: the next request repeats it
            yield found["Body"].read().decode("utf-8", "replace")
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_table(self.moto.table)
        yield from (json.dumps(item.to_json()) for item in table.all_items())


@pytest.fixture
def aws(moto: Moto) -> Aws:
    return Aws(moto)


def assert_kept_secret(*texts: str) -> None:
    for text in texts:
        assert CANARY not in text, text


async def loaded(
    *options: str, cwd: Path, env: Mapping[str, str] | None = None, form: str = "text", stdin: bytes = b""
) -> Ran:
    done = await ran(
        "--load-only", "--log-format", form, *options, cwd=cwd, env={**KEYS, **(env or {})}, stdin=stdin
    )
    assert_kept_secret(done.out, done.err)
    return done


@forms
async def test_a_load_from_a_signed_url_keeps_its_secrets(form: str, aws: Aws, tmp_path: Path) -> None:
    async with feed_server((answer(GENERATED, **PEERS),)) as feed:
        url = feed.url(f"/data.json{QUERY}#{CANARY}", user=USER)
        done = await loaded(
            "--create", *aws.options, "--from", url, cwd=tmp_path, env=aws.environment, form=form
        )
        [asked] = feed.requests
    assert (done.code, done.reports[0]["status"]) == (0, "complete")
    assert done.reports[0]["source"] == feed.url("/data.json")
    assert asked.target == f"/data.json{QUERY}"
    assert "authorization" in asked.headers
    assert_kept_secret(*aws.kept())


async def test_a_daemon_keeps_its_secrets_from_peers_log_and_metrics(aws: Aws, tmp_path: Path) -> None:
    await loaded("--create", *aws.options, "--from", "-", cwd=tmp_path, env=aws.environment, stdin=GENERATED)
    rest = asyncio.Event()
    async with feed_server((head(**PEERS), GENERATED[:-100], rest, GENERATED[-100:]), (b"no HTTP",)) as feed:
        url = feed.url(f"/data.json{QUERY}", user=USER)
        options = (*aws.options, "--log-format", "json", "--port", "0", "--http-port", "0", "--feed-url", url)
        async with running(*options, cwd=tmp_path, env=aws.environment) as program:
            await feed.asked.wait()
            await until(aws.uploads)
            assert_kept_secret(*aws.kept())
            rest.set()
            assert (await program.report())["status"] == "unchanged"
            replies = await program.ask(RECORD.encode(), f"{CANARY}".encode(), b"\x1b[2J\nx")
            pages = [
                await program.page(path) for path in ("/", "/healthz", "/readyz", "/metrics", f"/x{QUERY}")
            ]
            program.tell(signal.SIGTERM)
            assert await program.ended() == 0
    assert all(map(str.isprintable, program.err))
    assert b"Bad request" in replies[1]
    assert_kept_secret(*program.out, *program.err, *(page for _, page in pages), *aws.kept())


FAILURES: dict[str, tuple[Step, ...]] = {
    "an error with a body": (answer(f"<p>{CANARY}</p>".encode(), f"403 {CANARY}", **PEERS),),
    "no HTTP": (f"{CANARY} {CANARY} {CANARY}\r\n\r\n".encode(),),
    "a header that is none": (f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode(),),
    "cut short": (head(Content_Length=10**6, **PEERS), b'[{"id": 1'),
    "no snapshot": (answer(b'{"error":' + b" " * 20 + f'"{CANARY}"}}'.encode()),),
    "an encoding": (answer(b"[]", Content_Encoding="x\x1b[2J"),),
    "a redirect to another scheme": (answer(status="302 Found", Location=f"https://{USER}@h/{QUERY}"),),
    "a redirect inside": (answer(status="302 Found", Location=f"http://{USER}@10.0.0.1/{QUERY}"),),
    "a redirect to nowhere": (answer(status="302 Found", Location=f"http://user:{CANARY}/{QUERY}"),),
    "redirects for ever": (answer(status="302 Found", Location=f"/again{QUERY}", **PEERS),),
}


async def test_a_feed_that_fails_in_any_way_betrays_nothing(tmp_path: Path) -> None:
    async with feed_server(*FAILURES.values()) as feed:
        urls = [feed.url(f"/data.json{QUERY}", user=USER) for _ in FAILURES]
        urls += [f"http://{USER}@{place}/{QUERY}" for place in ("127.0.0.1:9", f"user:{CANARY}")]
        froms = [word for url in urls for word in ("--from", url)]
        done = await loaded("--dry-run", *TALKATIVE, *froms, cwd=tmp_path)
    statuses = [report["status"] for report in done.reports]
    assert statuses.count("rejected") == 1
    assert statuses.count("failed") == len(urls) - 1
    assert all(line.isprintable() for line in done.err.splitlines())


@pytest.mark.parametrize(
    "option",
    [
        f"ftp://{USER}@h/{QUERY}",
        f"http://[{USER}@h/{QUERY}",
        f"--feed-url=x://{USER}@h/{QUERY}",
        f"--interval=https://{USER}@h/{QUERY}",
        f"--no-such=https://{USER}@h/{QUERY}\x1b[2J",
    ],
)
async def test_a_command_line_that_is_wrong_is_one_line_without_secrets(option: str, tmp_path: Path) -> None:
    done = await loaded("--dry-run", option, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert line.isprintable()


async def test_a_file_s_name_cannot_look_like_a_line_of_the_log(tmp_path: Path) -> None:
    name = "x\n2026-01-01T00:00:00Z INFO    forged\r\x1b[2J\u2028\u202e"
    done = await loaded("--dry-run", *TALKATIVE, "--from", name, "--from", f"http://[{name}", cwd=tmp_path)
    assert done.err.count("\n") == len(done.err.splitlines()) == 1
    assert done.last.isprintable()
    done = await loaded("--dry-run", *TALKATIVE, "--from", name, cwd=tmp_path)
    assert done.err.count("\n") == len(done.err.splitlines()) == 2
    assert done.last.startswith(r"aqi-service: x\n2026-01-01T00:00:00Z INFO    forged\r\x1b[2J\u2028")


@pytest.mark.parametrize(
    ("table", "bucket"),
    [
        ((400, "AccessDeniedException"), FOUND),
        ((400, "ValidationException"), FOUND),
        ((400, "AccessDeniedException"), (403, "SignatureDoesNotMatch")),
    ],
)
async def test_an_aws_that_refuses_and_sends_our_secrets_back_betrays_nothing(
    table: tuple[int, str], bucket: tuple[int, str], tmp_path: Path
) -> None:
    said = f"{KEYS['AWS_SECRET_ACCESS_KEY']} signed https://{USER}@h/{QUERY}"
    with refusing_aws(table, said=said, GET=bucket) as refusing:
        done = await loaded("--from", "-", *TALKATIVE, cwd=tmp_path, env=refusing.environment | KEYS)
    assert (done.code in (1, 2), done.out) == (True, "")


@pytest.mark.parametrize(
    "settings",
    [
        {"AWS_ENDPOINT_URL": f"http://{USER}@127.0.0.1:9/{QUERY}"},
        {"AWS_ENDPOINT_URL": "http://192.0.2.1", "HTTP_PROXY": f"http://{USER}@127.0.0.1:9"},
        {"AWS_ENDPOINT_URL": f"{USER}@nonsense{QUERY}"},
        {"AWS_PROFILE": f"https://{USER}@h/{QUERY}"},
    ],
)
async def test_aws_settings_that_lead_nowhere_keep_their_passwords(
    settings: dict[str, str], tmp_path: Path
) -> None:
    done = await loaded("--from", "-", *TALKATIVE, cwd=tmp_path, env=settings)
    assert (done.code in (1, 2), done.out) == (True, "")
    assert done.last.startswith("aqi-service: ")


def test_an_error_of_the_program_itself_is_logged_without_secrets(tmp_path: Path) -> None:
    code = f"""
import sys
import aqi_service.app.load_only
from aqi_service.cli import main
async def die(*_):
    try:
        raise OSError("GET https://{USER}@h/a{QUERY}")
    except OSError as error:
        raise RuntimeError("token: {CANARY}") from error
aqi_service.app.load_only.check_when_ready = die
sys.exit(main(["--load-only", "--from", "-", "--local", "d", "--log-format", "json"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert_kept_secret(done.stderr)
    first, told = done.stderr.splitlines()
    assert json.loads(first)["message"].startswith("aqi_service ")
    assert "RuntimeError: token: [hidden]" in json.loads(told)["traceback"]
