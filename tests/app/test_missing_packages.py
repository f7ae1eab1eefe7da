"""What the program cannot do without and does not find: one sentence that says what to run, exit code 2."""

import sys
from pathlib import Path

import pytest

from aqi_service.app import missing_packages
from aqi_service.app.missing_packages import PACKAGES, missing
from tests import ROOT
from tests.doubles.program import CAPTURE, Ran, ran

HOOK = """
import importlib.abc, os, sys

class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ["LACKS"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Lacking())
"""
OLD = "import sys; sys.version_info = (3, 9, 18, 'final', 0)"
LOAD = ("--load-only", "--local", "d", "--from", str(CAPTURE))


async def hooked(hook: str, *options: str, cwd: Path, module: str = "aqi_service", lacks: str = "") -> Ran:
    """Run a command whose interpreter was changed by its sitecustomize."""
    (cwd / "sitecustomize.py").write_text(hook)
    env = {"LACKS": lacks, "PYTHONPATH": f"{cwd}:{ROOT}"}
    return await ran(*options, module=module, cwd=cwd, env=env, preexec=lambda: None)


@pytest.mark.parametrize(
    ("lacks", "options"),
    [
        ("click", ("--help",)),
        *((name, LOAD) for name in ("aiohttp", "orjson", "multidict")),
        ("prometheus_client", ("--local", "d", "--serve-only", "--port", "0", "--http-port", "0")),
        ("aioboto3", ("--load-only", "--from", str(CAPTURE))),
    ],
)
async def test_a_package_that_is_missing_is_one_sentence_with_the_command_to_run_and_exit_code_2(
    lacks: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    done = await hooked(HOOK, *options, cwd=tmp_path, lacks=lacks)
    assert (done.code, done.out) == (2, "")
    assert done.last.startswith(f"aqi-service: {sys.executable} lacks {PACKAGES.get(lacks, lacks)}: run ")
    assert len([line for line in done.err.splitlines() if not line.startswith("aqi_service ")]) == 1


async def test_a_module_of_python_s_own_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    done = await hooked(HOOK, *LOAD, cwd=tmp_path, lacks="sqlite3")
    told = "was built without its own module sqlite3: use another Python"
    assert (done.code, done.last) == (2, f"aqi-service: {sys.executable} {told}")


@pytest.mark.parametrize(
    ("module", "name"), [("aqi_service", "aqi-service"), ("aqi_service.client", "aqi-client")]
)
async def test_an_old_python_is_one_sentence_and_exit_code_2(module: str, name: str, tmp_path: Path) -> None:
    done = await hooked(OLD, "1", cwd=tmp_path, module=module)
    told = f"{name}: {sys.executable} is Python 3.9: run it with Python 3.11 or newer\n"
    assert (done.code, done.out, done.err) == (2, "", told)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree in the place of this one."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(missing_packages, "ROOT", tmp_path)
    return tmp_path


def said(name: str = "aiohttp") -> str:
    told = missing(ModuleNotFoundError(name=name))
    assert told is not None
    return told.partition(": ")[2]


def test_a_source_that_nobody_set_up_is_to_be_installed(source: Path) -> None:
    install = f"python3 -m venv ~/aqi && ~/aqi/bin/pip install {source}"
    assert said() == f"run {install}, and then ~/aqi/bin/aqi-service"


def test_a_source_that_make_has_set_up_has_a_python_that_will_do(source: Path) -> None:
    python = source / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert said() == f"run {python} -m aqi_service, which has what it needs"


def test_an_installation_that_lacks_something_gets_it_by_pip(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "pyproject.toml").unlink()
    monkeypatch.setattr(missing_packages, "_is_there", lambda module: module != "prometheus_client")
    assert said() == f"run {sys.executable} -m pip install aiohttp prometheus-client"


def test_a_module_of_our_own_that_is_missing_is_an_error_in_the_program() -> None:
    assert missing(ModuleNotFoundError(name="aqi_service.novelty")) is None
