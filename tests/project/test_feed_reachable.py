"""What `make run` asks before it starts the daemon."""

import socket

import pytest

from aqi_service.cli import FEED_URL
from tools.feed_reachable import feed_url, main


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ([], FEED_URL),
        (["--feed-url", "http://a/x"], "http://a/x"),
        (["--port", "0", "--feed-url=http://b/x"], "http://b/x"),
    ],
)
def test_the_feed_is_the_one_that_the_options_name(options: list[str], url: str) -> None:
    assert feed_url(options) == url


def test_the_feed_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQI_FEED_URL", "http://c/x")
    assert feed_url([]) == "http://c/x"


def test_a_feed_that_listens_is_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert main(["--feed-url", f"http://127.0.0.1:{listener.getsockname()[1]}/"]) == 0


def test_a_feed_that_does_not_is_one_sentence_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert main(["--feed-url", f"http://127.0.0.1:{port}/"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "run: the feed's host 127.0.0.1 cannot be reached (Connection refused); make demo needs no network\n"
    )
