"""Where a download is led: redirects, internal addresses, and URLs that hold secrets."""

import pytest

from aqi_service.errors import FetchFailed, SnapshotFailed
from aqi_service.snapshots.download import download
from aqi_service.snapshots.redirects import MAX_HOPS, public_url
from tests.doubles.connections import connections
from tests.doubles.feed_server import RESET, Step, answer, feed_server, head
from tests.doubles.http_proxy import Names
from tests.doubles.load_helpers import AGENT, fetch, refusal

BODY = b'[{"id": 1}]'
SECRET = "hunter2"  # noqa: S105 (it must appear nowhere)


async def read(url: str, names: Names) -> bytes:
    """Download with names that the test decides."""
    async with download(url, AGENT, names=names) as found:
        return b"".join([chunk async for chunk in found.chunks])


def moved(target: str, status: str = "302 Found") -> tuple[bytes]:
    return (answer(status=status, Location=target),)


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_a_redirect_on_the_same_host_is_followed(status: str) -> None:
    async with feed_server(moved("/elsewhere?x=1", status), (answer(BODY),)) as feed:
        _, body = await fetch(feed.url())
    assert body == BODY
    assert [request.target for request in feed.requests] == ["/data.24h.json", "/elsewhere?x=1"]
    assert feed.requests[1].headers["user-agent"] == AGENT


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    hops = [moved(f"/{hop}") for hop in range(MAX_HOPS)]
    async with feed_server(*hops, (answer(BODY),)) as feed:
        assert (await fetch(feed.url()))[1] == BODY
    async with feed_server(*hops, moved("/again")) as feed:
        assert "redirects more than 3 times" in str(await refusal(feed.url()))
        assert len(feed.requests) == MAX_HOPS + 1


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "data:,x"]
)
async def test_a_redirect_to_another_scheme_is_refused(target: str) -> None:
    async with feed_server(moved(target), (answer(BODY),)) as feed:
        assert "another scheme" in str(await refusal(feed.url()))


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.2",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "[::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ),
        *("[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[::127.0.0.1]", "[2001:0:1::1]", "2130706433", "127.1"),
    ],
)
async def test_a_redirect_to_an_internal_address_is_refused(host: str) -> None:
    async with feed_server(moved(f"http://{host}:1/"), (answer(BODY),)) as feed:
        assert "redirects to an internal address" in str(await refusal(feed.url()))


async def test_a_name_that_leads_to_an_internal_address_is_refused() -> None:
    async with feed_server() as feed:
        feed.will(*moved(feed.url("/", host="127.0.0.1")))
        assert "redirects to an internal address" in str(await refusal(feed.url(host="localhost")))
        assert len(feed.requests) == 1


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["64:ff9b::7f00:1"], ["2002:a00:1::"], ["::a00:1"]]
)
async def test_a_name_with_an_internal_address_is_refused_in_whatever_form(addresses: list[str]) -> None:
    names = Names(rebind_example_org=[addresses])
    async with feed_server(moved("http://rebind.example.org/")) as feed:
        with connections() as tried, pytest.raises(FetchFailed, match="redirects to an internal address"):
            await read(feed.url(), names)
    assert tried == ["127.0.0.1"]


async def test_the_address_that_was_judged_is_the_one_that_is_connected_to() -> None:
    """A name that answers with a public address when it is judged, and with loopback from then on."""
    names = Names(rebind_example_org=[["8.8.8.8"], ["127.0.0.1"]])
    async with feed_server((answer(BODY),)) as secret, feed_server() as feed:
        feed.will(*moved(secret.url(host="rebind.example.org")))
        with connections() as tried, pytest.raises(FetchFailed, match="does not answer"):
            await read(feed.url(), names)
        assert secret.requests == []
    assert tried == ["127.0.0.1", "8.8.8.8"]
    assert names.asked == ["rebind.example.org"]


async def test_a_public_address_behind_nat64_is_connected_to() -> None:
    names = Names(v4_example_org=[["64:ff9b::808:808"]])
    async with feed_server(moved("http://v4.example.org/")) as feed:
        with connections() as tried, pytest.raises(FetchFailed, match="does not answer"):
            await read(feed.url(), names)
    assert tried == ["127.0.0.1", "64:ff9b::808:808"]


async def test_an_internal_feed_may_send_on_to_itself() -> None:
    names = Names(nas_example_org=[["127.0.0.1"]])
    async with feed_server() as feed:
        feed.will(*moved(feed.url("/there", host="nas.example.org")))
        feed.will(answer(BODY))
        assert await read(feed.url(host="nas.example.org"), names) == BODY


@pytest.mark.parametrize("target", ["http://h:99999999/", "http://[::1/", "http:///", ""])
async def test_a_redirect_that_leads_nowhere_fails(target: str) -> None:
    async with feed_server(moved(target)) as feed:
        await refusal(feed.url())


@pytest.mark.parametrize(
    "steps",
    [
        (answer(status="404 Not Found"),),
        (answer(BODY, Content_Encoding="br"),),
        moved("https://127.0.0.1/"),
        moved("http://10.0.0.1/"),
        moved("/again"),
        (b"220 smtp.example.org ESMTP\r\n\r\n",),
        (RESET,),
        (head(Content_Length=100), b"["),
    ],
)
async def test_neither_password_nor_query_of_the_url_stands_in_an_error(steps: tuple[Step, ...]) -> None:
    async with feed_server(steps) as feed:
        with pytest.raises(SnapshotFailed) as caught:
            await fetch(feed.url(f"/data?token={SECRET}", user=f"me:{SECRET}"))
        assert len(feed.requests) >= 1
    assert SECRET not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("place", ["feed.invalid", "a:99999999", "[::1", "", "a:b", "127.0.0.1:1"])
async def test_a_url_that_leads_nowhere_keeps_its_secrets(place: str) -> None:
    for scheme in ("http", "https"):
        error = await refusal(f"{scheme}://me:{SECRET}@{place}/data?token={SECRET}#{SECRET}")
        assert SECRET not in str(error)


async def test_a_password_in_the_url_is_sent_to_its_host() -> None:
    async with feed_server(moved("/elsewhere"), (answer(BODY),)) as feed:
        await fetch(feed.url(user=f"me:{SECRET}"))
    assert all(request.headers["authorization"].startswith("Basic ") for request in feed.requests)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@h.org:8443/a/b.json?k=v#f", "https://h.org:8443/a/b.json"),
        ("http://[::1/?k=v", "the URL"),
    ],
)
def test_the_public_form_of_a_url_has_no_secrets(url: str, shown: str) -> None:
    assert public_url(url) == shown
