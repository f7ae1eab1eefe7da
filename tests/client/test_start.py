"""The command's start and its files: what is imported when, and a file that is whole or absent."""

import subprocess
import sys
from pathlib import Path

import pytest

import aqi_service.client
from aqi_service.client import main
from aqi_service.client.files import write_whole


def test_help_is_there_before_asyncio_is_imported() -> None:
    code = (
        "import sys; from aqi_service.client import main; print(main(['--help']), 'asyncio' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "data_ID.csv" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "0 False"


def test_the_client_imports_nothing_that_is_installed() -> None:
    code = "import sys, aqi_service.client.output; print(*{m.partition('.')[0] for m in sys.modules})"
    root = Path(aqi_service.client.__file__).parents[2]
    command = [sys.executable, "-S", "-c", code]  # -S: without site-packages
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split()) - {"aqi_service", "__main__", "__mp_main__"}
    assert loaded <= sys.stdlib_module_names


def test_main_gives_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x"]) == 2
    assert capsys.readouterr().err == "aqi-client: 'x' is no record id: an id is 1 to 20 decimal digits\n"


def test_a_file_that_cannot_get_its_name_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data_1.csv").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "data_1.csv", b"id\r\n1\r\n")
    assert [file.name for file in tmp_path.iterdir()] == ["data_1.csv"]


def test_an_id_is_looked_up_without_what_questions_need() -> None:
    code = (
        "import sys; from aqi_service.client import main; main(['1', '--no-save', '--port', '1']); "
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stdout.split()
    assert "aqi_service.client.output" in loaded
    questions = {"answers", "client", "questions", "requests", "rows"}
    assert {f"aqi_service.client.{name}" for name in questions}.isdisjoint(loaded)
