"""Street tiles: which URLs name some, and the one origin that a policy has to allow."""

import pytest

from aqi_service.core.tiles import Tiles, is_tiles_url

PLAIN = "https://tiles.example.org/{z}/{x}/{y}.png"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (PLAIN, "https://tiles.example.org"),
        ("http://127.0.0.1:8081/t/{z}/{y}/{x}", "http://127.0.0.1:8081"),
        ("https://{s}.tiles.example.org/{z}/{x}/{y}.png?key=a", "https://*.tiles.example.org"),
    ],
)
def test_the_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert is_tiles_url(url)
    assert Tiles(url, "somebody").origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tiles.example.org/{z}/{x}/{y}.png",
        "ftp://tiles.example.org/{z}/{x}/{y}.png",
        "https://tiles.example.org/{z}/{x}.png",
        "https:///{z}/{x}/{y}.png",
        "https://tiles.example.org; script-src */{z}/{x}/{y}.png",
        "https://tiles.example.org 'unsafe-inline'/{z}/{x}/{y}.png",
        "https://user:secret@tiles.example.org/{z}/{x}/{y}.png",
        f"{PLAIN}\r\nX-Header: 1",
        f"{PLAIN}\n",
    ],
)
def test_what_could_end_a_policy_or_names_no_tiles_is_refused(url: str) -> None:
    assert not is_tiles_url(url)
    with pytest.raises(ValueError, match="no URL of tiles"):
        _ = Tiles(url.replace("{y}", "").replace("/", " "), "somebody").origin
