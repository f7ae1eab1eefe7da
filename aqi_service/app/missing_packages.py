"""The sentence for a missing package that the program needs, with the command to run.

One rule: only the standard library is used, since nothing else may be installed.
"""

import importlib.util
import shlex
import sys
from pathlib import Path

PACKAGES = {
    "aioboto3": "aioboto3",
    "aiohttp": "aiohttp",
    "click": "click",
    "orjson": "orjson",
    "prometheus_client": "prometheus-client",
}
"""The modules that the program needs, each with its package's name for pip."""

ROOT = Path(__file__).resolve().parents[2]
EXIT_CODE = 2


def missing(error: ModuleNotFoundError) -> str | None:
    """Return the sentence for a missing module; None if it is one of our own."""
    name = (error.name or "aqi_service").partition(".")[0]
    if name == "aqi_service":
        return None
    if name in sys.stdlib_module_names:
        return f"{sys.executable} was built without its own module {name}: use another Python"
    absent = {PACKAGES.get(each, each) for each in (name, *PACKAGES) if each == name or not _is_there(each)}
    return f"{sys.executable} lacks {', '.join(sorted(absent))}: {_advice(sorted(absent))}"


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _advice(absent: list[str]) -> str:
    """Say what to run: make's environment, an installation of this source, or pip for the missing package."""
    environment = ROOT / ".venv"
    python = environment / "bin" / "python"
    if not (ROOT / "pyproject.toml").exists() or Path(sys.prefix).resolve() == environment.resolve():
        return f"run {shlex.quote(sys.executable)} -m pip install {' '.join(absent)}"
    if python.exists():
        return f"run {shlex.quote(str(python))} -m aqi_service, which has what it needs"
    install = f"python3 -m venv ~/aqi && ~/aqi/bin/pip install {shlex.quote(str(ROOT))}"
    return f"run {install}, and then ~/aqi/bin/aqi-service"
