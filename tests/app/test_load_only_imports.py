"""`--load-only` starts without what only the daemon needs: a tenth of a second of processor time."""

import subprocess
import sys
from pathlib import Path

from tests.doubles.program import environment

DAEMONS = {
    "aiohttp.web",
    "aqi_service.app.daemon",
    "aqi_service.app.http",
    "aqi_service.app.metrics",
    "aqi_service.app.reload",
    "aqi_service.app.scheduler",
    "aqi_service.certificates",
    "aqi_service.lookup.batcher",
    "aqi_service.lookup.index_reader",
    "aqi_service.lookup.lookup",
    "aqi_service.lookup.refresh",
    "aqi_service.server.connection",
    "aqi_service.server.server",
    "aqi_service.web",
    "prometheus_client",
}


def imported(code: str) -> set[str]:
    """Give the modules that a process has at its end."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('MODULES', *sys.modules)"],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.rpartition("MODULES ")[2].split())


def test_a_load_imports_nothing_that_only_the_daemon_needs(tmp_path: Path) -> None:
    (tmp_path / "air.json").write_text("[]")
    options = ["--load-only", "--local", str(tmp_path / "air"), str(tmp_path / "air.json")]
    loaded = imported(
        f"from aqi_service.cli import main\nassert main({options}) == 0\nimport aqi_service.storage.aws.open"
    )
    assert {"aqi_service.load.load", "aioboto3"} <= loaded
    assert loaded & DAEMONS == set()


def test_the_daemon_and_its_http_port_need_all_of_it() -> None:
    assert imported("import aqi_service.app.daemon, aqi_service.web.app") >= DAEMONS
