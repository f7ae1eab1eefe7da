"""deploy/healthcheck.py: what the image's check says of a daemon."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.threaded import in_thread


@contextmanager
def health(pages: dict[str, int]) -> Iterator[int]:
    """Run a server with these pages and their statuses; yield its port."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(pages.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server, in_thread(server):
        yield server.server_port


def healthy(page: str, tmp_path: Path, *words: str, **variables: str) -> bool:
    """Tell what the image's check says of a daemon that runs as process 1 with these words."""
    (tmp_path / "cmdline").write_text(
        "\0".join(("/opt/aqi/bin/python", "/opt/aqi/bin/aqi-service", *words, ""))
    )
    command = [sys.executable, str(ROOT / "deploy/healthcheck.py"), page, str(tmp_path / "cmdline")]
    env = {"http_proxy": "http://127.0.0.1:9"} | variables
    return subprocess.run(command, env=env, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("page", ["/healthz", "/readyz"])
def test_the_health_check_tells_well_from_ill_on_the_port_that_is_configured(
    page: str, tmp_path: Path
) -> None:
    with health({page: 200}) as well, health({page: 503}) as ill:
        for port, is_well in ((well, True), (ill, False)):
            everywhere = ("--http-host", "0.0.0.0", "--http-port", str(port))  # noqa: S104  # no socket is bound
            assert healthy(page, tmp_path, *everywhere) is is_well
            assert healthy(page, tmp_path, f"--http-port={port}", AQI_HTTP_PORT="9") is is_well
            init = ("/sbin/docker-init", "--", "aqi-service", "--http-port", str(port))
            assert healthy(page, tmp_path, *init) is is_well
            assert healthy(page, tmp_path, AQI_HTTP_PORT=str(port)) is is_well


def test_a_daemon_that_does_not_listen_is_ill_and_one_without_http_is_as_well_as_its_process(
    tmp_path: Path,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = str(nobody.getsockname()[1])
        assert not healthy("/healthz", tmp_path, "--http-port", port)
        assert healthy("/healthz", tmp_path, "--http-port", port, "--no-http")
        assert healthy("/healthz", tmp_path, "--http-port", port, AQI_NO_HTTP="true")
