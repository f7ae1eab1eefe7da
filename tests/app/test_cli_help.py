"""What the program says of itself: --help and --version, at once, and the options of docs/options.md."""

import re
import subprocess
import sys

import pytest

from aqi_service import __version__
from aqi_service.app.config import DEFAULT_HTTP_PORT
from aqi_service.cli import main, option_names
from tests import ROOT
from tests.doubles.program import environment

OPTIONS = ROOT / "docs" / "options.md"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_answer_at_once_without_heavy_imports(option: str) -> None:
    code = (
        "import sys\nfrom aqi_service.cli import main\n"
        f"code = main([{option!r}])\n"
        "heavy = {'aioboto3', 'botocore', 'aiohttp', 'asyncio', 'uvloop', 'prometheus_client', 'sqlite3'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    shown, _, heavy = done.stdout.partition("HEAVY ")
    assert (done.returncode, done.stderr, heavy) == (0, "", "[]\n")
    assert __version__ in shown if option == "--version" else "--feed-url" in shown


def test_help_names_every_option_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for flag, option in option_names().items():
        assert f"{flag} " in shown
        assert option.help
    assert '""' not in shown


def documented() -> dict[str, str]:
    """Read the page's table: the default of each option."""
    section = OPTIONS.read_text(encoding="utf-8").partition("\n## Options\n")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (`--.*?) \| (.*?) \| .* \|$", section, re.MULTILINE):
        flags = re.findall(r"--[a-z-]+", row[0])
        defaults = re.findall(r"`([^`]*)`", row[1]) if len(flags) > 1 else [row[1]]
        found |= dict(zip(flags, defaults, strict=True))
    return found


def test_the_page_names_every_option_and_no_other() -> None:
    assert set(documented()) | {"--version", "--help"} == {*option_names(), "--help"}


def test_the_page_names_the_defaults_of_the_program() -> None:
    by_flag = {flag: option.default for flag, option in option_names().items() if flag != "--version"}
    by_flag["--http-port"] = DEFAULT_HTTP_PORT
    for flag, said in documented().items():
        actual = by_flag[flag]
        if actual is False:
            assert said == "off", flag
        elif isinstance(actual, str | int | float):
            assert said.strip("`") == str(actual), flag
        else:
            assert said, flag
            assert not re.fullmatch(r"`[^`]*`", said), f"{flag} has no default of its own"
