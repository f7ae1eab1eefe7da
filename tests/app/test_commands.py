"""Hints are commands that work from where the person stands."""

import asyncio
import shlex
import subprocess
from pathlib import Path

import pytest

from aqi_service.app.commands import CLIENT, SERVICE, Start, client, service
from aqi_service.app.reports import reach
from tests import ROOT
from tests.doubles.config import config
from tests.doubles.program import CAPTURE, RECORD, environment, ran, running


def program(path: Path) -> Path:
    """Make a program at this path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the scripts of an installation, and an environment of make's."""
    for name in (SERVICE, CLIENT, "python3"):
        program(tmp_path / "aqi" / "bin" / name)
    program(tmp_path / "src" / ".venv" / "bin" / "python")
    return tmp_path


INSTALLED, MODULE = "aqi/bin/aqi-service", "x/aqi_service/__main__.py"


@pytest.mark.parametrize(
    ("script", "python", "path", "wanted"),
    [
        (f"{{}}/{INSTALLED}", "{}/aqi/bin/python3", "{}/aqi/bin", "aqi-client"),
        (f"{{}}/{INSTALLED}", "{}/aqi/bin/python3", "/bin", "{}/aqi/bin/aqi-client"),
        (f"../{INSTALLED}", "{}/aqi/bin/python3", "/bin", "../aqi/bin/aqi-client"),
        (f"{{}}/{MODULE}", "{}/aqi/bin/python3", "{}/aqi/bin", "python3 -m aqi_service.client"),
        (f"{{}}/{MODULE}", "{}/aqi/bin/python3", "/bin", "{}/aqi/bin/python3 -m aqi_service.client"),
        (f"{{}}/{MODULE}", "{}/src/.venv/bin/python", "/bin", ".venv/bin/python -m aqi_service.client"),
        ("{}/gone/aqi-service", "{}/aqi/bin/python3", "/bin", "{}/aqi/bin/python3 -m aqi_service.client"),
        ("pytest", "{}/src/python", "/bin", "{}/src/python -m aqi_service.client"),
    ],
)
def test_a_command_is_called_as_the_program_was_by_the_shortest_name_that_means_it(
    script: str, python: str, path: str, wanted: str, home: Path
) -> None:
    start = Start(script.format(home), python.format(home), home / "src", path.format(home))
    client = wanted.format(home)
    assert start.command(CLIENT) == client
    assert start.command(SERVICE) == client.replace("aqi-client", "aqi-service").removesuffix(".client")


def test_a_program_of_that_name_that_comes_first_on_the_path_is_not_meant(home: Path) -> None:
    program(home / "old" / CLIENT)
    start = Start(f"{home}/aqi/bin/aqi-service", "python", home, f"{home}/old:{home}/aqi/bin")
    assert start.command(CLIENT) == "aqi/bin/aqi-client"


def test_a_path_with_a_blank_is_quoted(tmp_path: Path) -> None:
    whole = program(tmp_path / "my python" / "python3")
    start = Start("__main__.py", str(whole), Path("/"), "/bin")
    assert shlex.split(start.command(SERVICE)) == [str(whole), "-m", "aqi_service"]


def test_the_commands_of_settings_are_those_of_this_process() -> None:
    settings = config(bucket="b-b")
    assert settings.create_command.startswith(f"{service()} --load-only --create --bucket b-b")
    assert settings.archive_command.startswith(f"{service()} --load-only --from archive --bucket b-b")
    assert client() == f"{service()}.client"


@pytest.mark.parametrize(
    ("changes", "port", "options"),
    [
        ({}, 12_000, ""),
        ({"host": "0.0.0.0"}, 12_000, ""),  # noqa: S104  # nothing listens here
        ({"host": "localhost"}, 8000, " --port 8000"),
        ({"host": "192.0.2.7"}, 12_000, " --host 192.0.2.7"),
        ({"host": "::1", "tls_cert": Path("c.pem")}, 1, " --host ::1 --port 1 --tls"),
    ],
)
def test_a_hint_has_the_options_by_which_a_client_reaches_the_server(
    changes: dict[str, object], port: int, options: str
) -> None:
    assert reach(config(**changes), port) == options


async def test_the_hint_of_a_daemon_is_a_command_that_finds_the_record(tmp_path: Path) -> None:
    loaded = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), "--port", "12345", cwd=tmp_path)
    assert loaded.last.endswith(f" -m aqi_service.client {RECORD} --port 12345")
    options = ("--serve-only", "--local", "d", "--host", "127.0.0.2", "--port", "0", "--no-http")
    async with running(*options, cwd=tmp_path) as serving:
        port = await serving.port("tcp")
        hint = loaded.last.partition("for instance: ")[2].replace("12345", f"{port} --host 127.0.0.2")
        command = shlex.split(f"{hint} --no-save")
        env = environment(PYTHONPATH=str(ROOT))
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith(f"{RECORD},")
