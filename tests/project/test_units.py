"""The units of deploy/: what systemd says of them, and that they start what is there."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from aqi_service.cli import EXIT_CONFIG, unknown_variables
from aqi_service.server.sockets import default_max_connections
from aqi_service.shutdown import LAST_SECONDS
from tests import ROOT
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.outside import needs_file, needs_program
from tests.doubles.program import running
from tests.doubles.units import (
    HOME,
    SYSTEM,
    allowed_calls,
    call_numbers,
    command,
    directives,
    environment_file,
    families,
    variables,
)

BOTH = pytest.mark.parametrize("unit", [SYSTEM, HOME], ids=lambda unit: unit.stem)
MOST_EXPOSED = 1.5
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")

GENERATOR = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
"""What prints the variables of a file that systemd reads like an EnvironmentFile=, but for `$`."""

PORTS = ("--port", "0", "--http-port", "0")

with_systemd = needs_program("systemd-analyze", "Debian's package systemd")
with_generator = needs_file(GENERATOR, "Debian's package systemd")
with_header = needs_file(HEADER, "Debian's package linux-libc-dev, on x86-64")


def analyzed(*arguments: object, **environment: str) -> str:
    """Run systemd-analyze, which must be content; give all that it says."""
    done = subprocess.run(
        ["systemd-analyze", *map(str, arguments)],  # noqa: S607  # wherever it is installed
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


@with_systemd
@BOTH
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8").replace(command(unit)[0], "/bin/true")  # it wants to find it
    copy = tmp_path / unit.name
    copy.write_text(text, encoding="utf-8")
    manager = ("--user",) if unit is HOME else ()
    assert analyzed("verify", *manager, copy, XDG_RUNTIME_DIR=str(tmp_path)) == ""


@with_systemd
def test_the_system_unit_leaves_little_to_a_service_gone_wrong() -> None:
    said = analyzed("security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", SYSTEM)
    assert float(said.partition("Overall exposure level for aqi.service: ")[2].split()[0]) <= MOST_EXPOSED


@with_generator
@pytest.mark.parametrize(
    ("line", "value"),
    [
        (r'X="a \"b\" \\ \` c\\"', 'a "b" \\ ` c\\'),
        (r"X=O'Brien  ", "O'Brien"),
        ('X= %h # ; "a"', '%h # ; "a"'),
        ("X=a\\", "aY=z"),
        ("X='a", "a\nY=z\n"),
    ],
)
def test_tests_read_a_file_of_variables_as_systemd_does(line: str, value: str, tmp_path: Path) -> None:
    text = f"# of a test\n{line}\nY=z\n"
    (tmp_path / "environment.d").mkdir()
    (tmp_path / "environment.d/a.conf").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [GENERATOR], env={"XDG_CONFIG_HOME": str(tmp_path)}, capture_output=True, check=True
    )
    [printed] = [each for each in done.stdout.decode().splitlines() if each.startswith("X=")]
    assert printed in {f"X={value}", f"X={_escaped(value)}"}
    assert environment_file(text)["X"] == value


def _escaped(value: str) -> str:
    """Write a value as systemd prints it where a shell would read it otherwise."""
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("`", "\\`"), ("\n", "\\n")):
        value = value.replace(plain, written)
    return f'"{value}"'


@BOTH
def test_a_unit_starts_the_installed_command_and_leaves_options_to_the_settings(unit: Path) -> None:
    [program] = command(unit)  # an option here would win over the file of settings
    assert program.endswith("/bin/aqi-service")


def test_at_home_two_weeks_are_kept_unless_the_file_of_settings_says_otherwise() -> None:
    given = {name: value for name, value in variables(HOME).items() if name.startswith("AQI_")}
    assert given == {"AQI_LOCAL": "%h/aqi-data", "AQI_TTL_DAYS": "14", "AQI_KEEP_DAYS": "14"}
    assert unknown_variables(given) == []
    assert directives(HOME)["EnvironmentFile"] == ["-%E/aqi/aqi.env"]


@BOTH
def test_a_unit_starts_again_whatever_but_what_a_person_must_change(unit: Path) -> None:
    found = directives(unit)
    assert (found["Restart"], found["RestartPreventExitStatus"]) == (["always"], [str(EXIT_CONFIG)])
    assert found["Type"] == ["notify"]
    assert int(found["TimeoutStopSec"][0]) > LAST_SECONDS


@BOTH
async def test_a_daemon_that_systemd_ends_because_it_hangs_says_where(unit: Path, tmp_path: Path) -> None:
    """WatchdogSec= ends by SIGABRT, of which Python by itself says nothing."""
    assert directives(unit)["LimitCORE"] == ["0"]
    env = {name: value for name, value in variables(unit).items() if name.startswith("PYTHON")}
    async with feed_server((answer(document(1)),)) as feed:
        options = ("--local", "d", *PORTS, "--feed-url", feed.url())
        async with running(*options, cwd=tmp_path, env=env) as program:
            await program.report()
            program.tell(signal.SIGABRT)
            await program.line("^Fatal Python error: Aborted$")
            await program.line(r"asyncio/runners\.py")
            assert await program.ended() == -signal.SIGABRT


def test_the_system_unit_allows_as_many_files_as_10_000_connections_need() -> None:
    [limit] = directives(SYSTEM)["LimitNOFILE"]
    assert default_max_connections(int(limit)) == 10_000


def left_by(unit: Path) -> dict[str, str]:
    """Give what `sandboxed` is to know of a unit."""
    numbers = call_numbers(HEADER.read_text(encoding="ascii"))
    calls = allowed_calls(unit, analyzed("syscall-filter")) & numbers.keys()
    assert len(calls) < len(numbers) - 50
    return {
        "CALLS": ",".join(str(numbers[name]) for name in calls),
        "SOCKET": str(numbers["socket"]),
        "FAMILIES": ",".join(str(int(family)) for family in families(unit)),
    }


@with_systemd
@with_header
@BOTH
async def test_the_daemon_works_with_the_calls_and_sockets_that_a_unit_leaves_it(
    unit: Path, moto: Moto, tmp_path: Path
) -> None:
    aws = ("--create", "--bucket", moto.bucket, "--table", moto.table)
    place = {SYSTEM: aws, HOME: ("--local", "d")}[unit]
    async with feed_server((answer(document(1, 2)),)) as feed:
        url = feed.url().replace("127.0.0.1", "localhost")  # names are looked up as well
        options = (*place, *PORTS, "--feed-url", url)
        env = {**moto.environment, **left_by(unit), "PYTHONPATH": str(ROOT)}
        async with running(*options, cwd=tmp_path, env=env, module="tests.doubles.sandboxed") as program:
            assert (await program.report())["status"] == "complete"
            assert (await program.ask(b"1"))[0].startswith(b"id,")
            assert (await program.page("/readyz"))[0] == 200
            program.tell(signal.SIGHUP)
            await program.line("reload_ignored")
            program.tell(signal.SIGTERM)
            assert await program.ended() == 0
