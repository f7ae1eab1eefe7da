"""The client over TLS: what it trusts, and its sentence for each way in which the two sides do not fit."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aqi_service.certificates import Certificates, client_context
from aqi_service.client import Client
from aqi_service.client.tls_errors import reason
from aqi_service.errors import ServerGone
from tests.doubles.certificates import Authority
from tests.doubles.client_command import command, files
from tests.doubles.wire_fixtures import FOUND, Peer, saying, scripted, serving, table


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@asynccontextmanager
async def at(authority: Authority, *, mutual: bool = False, name: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve the table over TLS; give the port."""
    tls = Certificates(*authority.issue("server", name), authority.ca if mutual else None)
    async with serving(table, tls=tls) as served:
        yield str(served.port)


async def test_the_library_speaks_tls_with_a_context(authority: Authority) -> None:
    async with (
        at(authority) as port,
        Client(port=int(port), tls=client_context(authority.ca, None, None)) as client,
    ):
        record = await client.lookup(FOUND)
        assert record is not None
        assert record["id"] == FOUND


async def test_the_command_trusts_the_authority_that_it_is_given(authority: Authority, folder: Path) -> None:
    async with at(authority) as port:
        done = await command(FOUND, "--port", port, "--tls-ca", str(authority.ca), cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert list(files(folder)) == [f"data_{FOUND}.csv"]


@pytest.mark.parametrize(
    ("options", "name", "sentence"),
    [
        ("--tls", "127.0.0.1", "its certificate is not trusted (.*); name the authority .* with --tls-ca"),
        ("--tls-ca", "example.org", "its certificate is for another name (.*); choose a --host"),
        ("", "127.0.0.1", r"closed the connection without a reply \(if it serves TLS: --tls\)"),
    ],
)
async def test_what_does_not_fit_is_one_sentence_and_exit_3(
    options: str, name: str, sentence: str, authority: Authority, folder: Path
) -> None:
    given = {"--tls-ca": ("--tls-ca", str(authority.ca)), "--tls": ("--tls",)}.get(options, ())
    async with at(authority, name=name) as port:
        done = await command("1", "--port", port, "--no-save", *given, cwd=folder)
    assert (done.code, done.out) == (3, b"")
    [line] = done.err.splitlines()
    assert re.search(sentence, line), line


async def test_a_server_that_demands_a_certificate_is_told_of(authority: Authority, folder: Path) -> None:
    async with at(authority, mutual=True) as port:
        done = await command("1", "--port", port, "--tls-ca", str(authority.ca), cwd=folder)
    assert done.code == 3
    assert "if it demands client certificates: --tls-cert" in done.err


async def test_a_plain_server_behind_tls_is_told_of(authority: Authority, folder: Path) -> None:
    async with serving(table) as served:
        done = await command("1", "--port", str(served.port), "--tls-ca", str(authority.ca), cwd=folder)
    assert (done.code, done.err.strip().endswith("it does not speak TLS; leave out --tls")) == (3, True)


async def test_a_server_that_closes_in_the_handshake_is_told_of(authority: Authority) -> None:
    async def close(peer: Peer) -> None:
        await peer.reader.read(10_000)

    async with scripted(close) as port:
        with pytest.raises(ServerGone, match="if it does not speak TLS, leave out --tls"):
            await Client(port=port, tls=authority.trusting()).__aenter__()


async def test_a_tls_alert_in_answer_to_plain_text_names_the_option(folder: Path) -> None:
    async with scripted(saying(b"\x15\x03\x03\x00\x02\x02\x46")) as port:
        done = await command("1", "--port", str(port), cwd=folder)
    assert (done.code, done.err) == (3, f"aqi-client: 127.0.0.1:{port} speaks TLS: --tls\n")


@pytest.mark.parametrize(
    ("alert", "sentence"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it demands a client certificate; name one with --tls-cert"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "it demands a client certificate; name one with --tls-cert"),
        ("TLSV1_ALERT_UNKNOWN_CA", "it does not accept the client certificate"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "it speaks no version of TLS that is safe to use"),
        ("A_NEW_THING", "TLS failed: a new thing"),
    ],
)
def test_the_alerts_of_other_servers_are_sentences(alert: str, sentence: str) -> None:
    error = ssl.SSLError(1, alert)
    error.reason = alert
    assert reason(error) == sentence


@pytest.mark.parametrize(
    ("options", "env", "sentence"),
    [
        (("--tls-key", "k.pem"), {}, "--tls-key needs --tls-cert"),
        (
            (),
            {"AQI_SERVER_TLS": "maybe"},
            "AQI_SERVER_TLS='maybe' is neither 1, true or yes nor 0, false or no",
        ),
    ],
)
async def test_a_command_line_that_makes_no_sense_is_exit_2(
    options: tuple[str, ...], env: dict[str, str], sentence: str, folder: Path
) -> None:
    done = await command("1", *options, cwd=folder, env=env)
    assert done.code == 2
    assert sentence in done.err


async def test_the_variable_switches_tls_on(authority: Authority, folder: Path) -> None:
    async with at(authority) as port:
        done = await command("1", "--port", port, cwd=folder, env={"AQI_SERVER_TLS": "1"})
    assert (done.code, "is not trusted" in done.err) == (3, True)
