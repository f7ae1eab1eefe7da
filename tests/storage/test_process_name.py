"""A process's name: what it holds, and when a process counts as dead by its name."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.storage.process_name import described, holder_name, is_dead
from tests.doubles.local_helpers import failing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells enough of a process")

NAME_AND_WAIT = """
from aqi_service.storage.process_name import holder_name
print(holder_name(), flush=True)
input()
"""


@contextmanager
def other_process() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a process that says its name and waits; it is dead and waited for at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", NAME_AND_WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def changed(name: str, field: str, value: str) -> str:
    """Give the name with another value of one field."""
    result = re.sub(rf"\b{field}=\S+", f"{field}={value}", name)
    assert result != name
    return result


def proc_of(folder: Path, pid: int, stat: bytes) -> Path:
    """Make a /proc in which this process is the real one, and another has this `stat`."""
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "self").symlink_to("/proc/self")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    (folder / "sys/kernel/random/boot_id").write_text(boot, "ascii")
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "stat").write_bytes(stat)
    return folder


def stat_line(program: bytes, state: bytes, start: bytes) -> bytes:
    """Give /proc/PID/stat as the kernel writes it."""
    return b"7 (" + program + b") " + state + b" 1" * 18 + b" " + start + b" 99 98\n"


def test_a_name_is_one_short_printable_line_and_the_same_each_time() -> None:
    name = holder_name()
    assert name == holder_name()
    assert len(name) <= 200
    assert name.isascii()
    assert name.isprintable()
    assert f"pid={os.getpid()} " in name


def test_a_strange_host_name_makes_a_name_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Jürgens pid=1\n" + "x" * 250)
    name = holder_name()
    assert len(name) <= 200
    assert name.isascii()
    assert name.isprintable()
    assert described(name) == f"J-rgens-pid-1-{'x' * 50} pid {os.getpid()}"


def test_this_process_is_alive() -> None:
    assert not is_dead(holder_name())


def test_judging_a_process_sends_it_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *what: sent.append(what))
    assert not is_dead(holder_name())
    assert sent == [(os.getpid(), 0)]


def test_another_users_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", failing(errno.EPERM))
    assert not is_dead(holder_name())


def test_another_process_is_alive_until_it_is_killed() -> None:
    with other_process() as (process, name):
        assert f"pid={process.pid} " in name
        assert not is_dead(name)
        process.send_signal(signal.SIGSTOP)
        assert not is_dead(name)
        process.kill()
        process.wait()
        assert is_dead(name)


def test_a_killed_process_is_dead_before_anyone_has_waited_for_it() -> None:
    with other_process() as (process, name):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(name)


@pytest.mark.parametrize("field", ["host", "boot", "pidns"])
def test_who_runs_elsewhere_is_never_dead(field: str) -> None:
    with other_process() as (_, name):
        pass
    assert is_dead(name)
    assert not is_dead(changed(name, field, "1234"))


@pytest.mark.parametrize("field", ["boot", "pidns", "start"])
def test_what_the_system_did_not_tell_decides_nothing(field: str) -> None:
    with other_process() as (_, name):
        pass
    assert not is_dead(changed(name, field, "0"))


def test_where_the_system_tells_nothing_a_name_is_made_and_nobody_is_dead(tmp_path: Path) -> None:
    name = holder_name(tmp_path)
    assert described(name) == described(holder_name())
    with other_process() as (_, dead):
        pass
    assert not is_dead(dead, tmp_path)
    assert not is_dead(name, tmp_path)


def test_a_boot_that_is_told_in_a_strange_way_counts_as_not_told(tmp_path: Path) -> None:
    proc = proc_of(tmp_path, os.getpid(), b"")
    (proc / "sys/kernel/random/boot_id").write_text("no boot", "ascii")
    assert " boot=0 " in holder_name(proc)


def test_a_process_that_got_the_id_of_a_dead_one_does_not_stand_for_it() -> None:
    assert is_dead(changed(holder_name(), "start", "1"))


@pytest.mark.parametrize("program", [b"python3", b"a b", b"a) R 1 2 (b", b")", b"\xff"])
def test_the_name_of_a_program_does_not_hide_its_start(tmp_path: Path, program: bytes) -> None:
    proc = proc_of(tmp_path, os.getpid(), stat_line(program, b"S", b"4711"))
    name = holder_name()
    assert not is_dead(changed(name, "start", "4711"), proc)
    assert is_dead(changed(name, "start", "4712"), proc)


@pytest.mark.parametrize("stat", [b"", b"7 (x)", b"7 (x) S 1 2", b"\xff\xfe"])
def test_a_process_that_cannot_be_looked_at_is_alive(tmp_path: Path, stat: bytes) -> None:
    proc = proc_of(tmp_path, os.getpid(), stat)
    assert not is_dead(changed(holder_name(), "start", "4711"), proc)


@given(st.text() | st.from_regex(r"host=\S+ boot=\S+ pidns=\S+ pid=\S+ start=\S+"))
def test_a_name_that_is_none_is_never_dead_and_is_shown_on_one_line(name: str) -> None:
    assert not is_dead(name)
    assert described(name).isprintable()
    assert len(described(name)) <= 1100


def test_a_holder_of_another_kind_is_shown_as_it_wrote_itself_cut_at_a_hundred_characters() -> None:
    assert described("me\n") == r"'me\n'"
    assert described("x" * 101) == f"'{'x' * 100}'"


def test_a_holder_without_a_name_is_said_to_have_none() -> None:
    assert described("") == "a process that did not leave its name"
