"""A download by way of a proxy that the environment names, and what that may not open."""

import ssl
from pathlib import Path

import pytest
from yarl import URL

from aqi_service.errors import FetchFailed
from aqi_service.snapshots.download import download
from aqi_service.snapshots.redirects import proxy_for
from tests.doubles.certificates import certificate, stranger
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.http_proxy import Names, http_proxy
from tests.doubles.load_helpers import AGENT, fetch, refusal
from tests.doubles.program import ran
from tests.doubles.wire_fixtures import Peer, scripted

BODY = b'[{"id": 1}]'
SECRET = "hunter2"  # noqa: S105 (it must appear nowhere)
FEED = "http://feed.example.org/data.json"


def moved(target: str) -> tuple[bytes]:
    return (answer(status="302 Found", Location=target),)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_of_the_environment_is_asked(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server((answer(BODY),)) as feed, http_proxy(feed.port) as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        assert (await fetch(FEED))[1] == BODY
    assert proxy.asked == [f"GET {FEED} HTTP/1.1"]


async def test_a_proxy_without_a_scheme_is_one_of_http(monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server((answer(BODY),)) as feed, http_proxy(feed.port) as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        assert (await fetch(FEED))[1] == BODY


async def leaves(_: Peer) -> None:
    """Say nothing."""


async def test_https_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(leaves) as port, http_proxy(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        error = await refusal("https://feed.example.org/")  # which speaks no TLS here
    assert proxy.asked == ["CONNECT feed.example.org:443 HTTP/1.1"]
    assert proxy.authorizations[0].startswith("Basic ")
    assert SECRET not in str(error)


async def test_a_tunnel_does_not_vouch_for_the_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server((answer(BODY),), tls=stranger(tmp_path)) as feed, http_proxy(feed.port) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert "certificate" in str(await refusal(feed.url())).lower()
    assert proxy.asked == [f"CONNECT 127.0.0.1:{feed.port} HTTP/1.1"]


async def test_the_proxy_gets_its_password_and_the_feed_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server((answer(BODY),)) as feed, http_proxy(feed.port, f"me:{SECRET}") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        assert (await fetch(FEED))[1] == BODY
        assert "authorization" not in feed.requests[0].headers


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_named_without_its_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http_proxy(1, "other:password") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        error = await refusal(f"{scheme}://feed.example.org/")
    assert "407" in str(error)
    assert SECRET not in str(error)


async def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_proxy(1) as proxy:
        pass
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
    error = await refusal(FEED)
    assert f"the proxy http://127.0.0.1:{proxy.port}" in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "http://", "http://[::1", "ftp://h:1"])
async def test_what_is_no_proxy_of_http_is_said_and_nothing_goes_past_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with feed_server((answer(BODY),)) as feed:
        monkeypatch.setenv("ALL_PROXY", value)
        error = await refusal(feed.url())
    assert error.for_good
    assert "ALL_PROXY" in str(error)
    assert feed.requests == []


@pytest.mark.parametrize("value", ["*", "127.0.0.1", "127.0.0.1:{port}", "example.com,127.0.0.1"])
async def test_no_proxy_leads_past_the_proxy(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server((answer(BODY),)) as feed:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", value.format(port=feed.port))
        assert (await fetch(feed.url()))[1] == BODY


@pytest.mark.parametrize("value", ["::1", "[::1]", "[::1]:8080"])
def test_no_proxy_knows_an_address_of_ipv6_in_both_of_its_forms(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", value)
    assert proxy_for(URL("http://[::1]:8080/")) is None


async def test_a_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with feed_server((answer(BODY),)) as feed, http_proxy(feed.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        await fetch(FEED)
        assert "authorization" not in feed.requests[0].headers
        assert proxy.authorizations == [""]


async def test_each_hop_chooses_its_proxy_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with feed_server() as feed, http_proxy(feed.port) as proxy:
        feed.will(*moved("http://other.example.org/x"))
        feed.will(answer(BODY))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert (await fetch(feed.url()))[1] == BODY
    assert proxy.asked == ["GET http://other.example.org/x HTTP/1.1"]
    assert len(feed.requests) == 2


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "169.254.169.254", "[::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::7f00:1]"),
        *("localhost", "metadata.google.internal", "2130706433", "127.1"),
    ],
)
async def test_the_guard_judges_names_and_addresses_that_a_proxy_would_be_asked_for(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with feed_server(moved(f"http://{host}/latest/meta-data")) as feed, http_proxy(feed.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert "redirects to an internal address" in str(await refusal(FEED))
    assert proxy.asked == [f"GET {FEED} HTTP/1.1"]


async def test_the_proxy_itself_may_be_internal_but_a_redirect_to_it_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(proxy_example_org=[["127.0.0.1"]])
    async with feed_server() as feed, http_proxy(feed.port) as proxy:
        feed.will(*moved("/again"))
        feed.will(*moved(f"http://proxy.example.org:{proxy.port}/admin"))
        monkeypatch.setenv("HTTP_PROXY", f"http://proxy.example.org:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "proxy.example.org")
        with pytest.raises(FetchFailed, match="redirects to an internal address"):
            await body_of(FEED, names)
    assert len(proxy.asked) == 2


async def test_a_configured_name_that_was_public_is_not_internal_a_hop_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with feed_server() as feed, http_proxy(feed.port) as proxy:
        feed.will(*moved(f"http://feed.example.org:{feed.port}/secret"))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", f"feed.example.org:{feed.port}")
        with pytest.raises(FetchFailed, match="redirects to an internal address"):
            await body_of(FEED, Names(feed_example_org=[["127.0.0.1"]]))
        assert len(feed.requests) == 1


async def body_of(url: str, names: Names) -> bytes:
    """Download with names that the test decides."""
    async with download(url, AGENT, names=names) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def test_the_program_loads_over_tls_through_a_tunnel(tmp_path: Path) -> None:
    trusted = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    env = {"SSL_CERT_FILE": str(trusted), "no_proxy": ""}
    async with feed_server((answer(BODY),), tls=context) as feed, http_proxy(feed.port) as proxy:
        env["https_proxy"] = f"http://127.0.0.1:{proxy.port}"
        options = ("--load-only", "--dry-run", "--from", f"https://localhost:{feed.port}/feed.json")
        done = await ran(*options, cwd=tmp_path, env=env, preexec=lambda: None)
    assert (done.code, [report["records"] for report in done.reports]) == (0, [1]), done.err
    assert proxy.asked == [f"CONNECT localhost:{feed.port} HTTP/1.1"]
