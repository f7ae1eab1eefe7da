"""The daemon over TLS, as a process: what it says, SIGHUP, and the client beside it."""

import asyncio
import shutil
import signal
import ssl
from pathlib import Path

import pytest

from aqi_service.core.frames import HEADER, decode_header, encode
from tests.doubles.certificates import Authority
from tests.doubles.patience import patience
from tests.doubles.program import Running, ran, running

SERVE = ("--local", "d", "--port", "0", "--http-port", "0", "--feed-url", "http://127.0.0.1:9/")
"""No feed: what is served is an empty table."""

TLS = (*SERVE, "--tls-cert", "server.pem", "--tls-key", "server.key")


def install(pair: tuple[Path, Path], folder: Path) -> None:
    """Put a certificate and its key where the daemon reads them."""
    for path in pair:
        shutil.copy(path, folder / f"server{path.suffix}")


async def connect(program: Running, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", await program.port("tls"), ssl=tls)


async def has_table(program: Running) -> None:
    """Wait until it has made the table: it listens before."""
    await program.line(" lease_taken ")


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(encode(b"1"))
    async with patience():
        return await reader.readexactly(decode_header(await reader.readexactly(HEADER)))


async def test_sighup_brings_the_new_certificate_to_new_connections_and_drops_none(tmp_path: Path) -> None:
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    install(old.issue("first"), tmp_path)
    async with running(*TLS, cwd=tmp_path) as program:
        await has_table(program)
        before = await connect(program, old.trusting())
        install(new.issue("second"), tmp_path)
        program.tell(signal.SIGHUP)
        await program.line("INFO .* certificates_reloaded")
        after = await connect(program, new.trusting())
        assert await ask(*before) == await ask(*after) == b"Item not found"

        (tmp_path / "server.key").write_bytes(b"")
        program.tell(signal.SIGHUP)
        await program.line("WARNING .* certificates_kept .*--tls-key server.key holds no private key")
        third = await connect(program, new.trusting())
        assert await ask(*third) == await ask(*before) == b"Item not found"
        for _, writer in (before, after, third):
            writer.close()
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0


async def test_sighup_brings_the_new_authority_of_clients_in_place_of_the_old(tmp_path: Path) -> None:
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    install(old.issue("server"), tmp_path)
    shutil.copy(old.ca, tmp_path / "clients.pem")
    both = [old.trusting(authority.issue("client", "client")) for authority in (old, new)]
    async with running(*TLS, "--tls-client-ca", "clients.pem", cwd=tmp_path) as program:
        await has_table(program)
        before = await connect(program, both[0])
        assert await ask(*before) == b"Item not found"
        shutil.copy(new.ca, tmp_path / "clients.pem")
        program.tell(signal.SIGHUP)
        await program.line("certificates_reloaded")
        after = await connect(program, both[1])
        assert await ask(*after) == await ask(*before) == b"Item not found"
        refused = await connect(program, both[0])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)):
            await ask(*refused)
        assert 'aqi_tcp_dropped_total{reason="handshake"} 1.0' in (await program.page("/metrics"))[1]
        for _, writer in (before, after, refused):
            writer.close()


async def test_sighup_without_tls_is_a_line_in_the_log(tmp_path: Path) -> None:
    async with running(*SERVE, cwd=tmp_path) as program:
        await has_table(program)
        await program.port("tcp")
        program.tell(signal.SIGHUP)
        await program.line("INFO .* reload_ignored")
        assert await program.ask(b"1") == [b"Item not found"]


async def test_the_client_finds_its_way_by_options_and_by_variables(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    install(authority.issue("any"), tmp_path)
    cert, key = authority.issue("client", "client")
    async with running(*TLS, "--tls-client-ca", str(authority.ca), cwd=tmp_path) as program:
        await has_table(program)
        port = str(await program.port("tls"))
        options = ("--tls-ca", str(authority.ca), "--tls-cert", str(cert), "--tls-key", str(key))
        by_options = await ran("1", "--port", port, *options, cwd=tmp_path, module="aqi_service.client")
        variables = {
            "AQI_SERVER_PORT": port,
            "AQI_SERVER_TLS_CA": str(authority.ca),
            "AQI_SERVER_TLS_CERT": str(cert),
            "AQI_SERVER_TLS_KEY": str(key),
        }
        by_variables = await ran("1", cwd=tmp_path, env=variables, module="aqi_service.client")
    for done in (by_options, by_variables):
        assert done.code == 1
        assert done.err.startswith("aqi-client: 1: Item not found")
