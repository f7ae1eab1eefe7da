"""The name of a process that holds something, and what it tells about whether that process lives."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.storage import holder
from aqi_service.storage.holder import holder_name, is_dead, is_here

TELL = "from aqi_service.storage.holder import holder_name; print(holder_name(), flush=True); input()"


def changed(name: str, place: int, text: str) -> str:
    """Give the name with another part in one place: host, boot, namespace, pid, start."""
    parts = name.split("/")
    parts[place] = text
    return "/".join(parts)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def test_a_process_has_one_name_of_printable_ascii_in_one_line() -> None:
    name = holder_name()
    assert name == holder_name()
    assert name.isascii()
    assert name.isprintable()
    assert str(os.getpid()) in name.split("/")


def test_this_process_is_here_and_lives() -> None:
    assert is_here(holder_name())
    assert not is_dead(holder_name())


def test_another_process_lives_until_it_ends(process: subprocess.Popen[str]) -> None:
    name = name_of(process)
    assert name != holder_name()
    assert is_here(name)
    assert not is_dead(name)
    process.kill()
    process.wait()
    assert is_here(name)
    assert is_dead(name)


def test_a_pid_that_another_process_has_by_now_is_no_sign_of_life() -> None:
    assert is_dead(changed(holder_name(), 4, "1"))


def test_a_process_that_may_not_be_signalled_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, number: int) -> None:
        raise PermissionError(pid, number)

    monkeypatch.setattr(os, "kill", forbidden)
    assert not is_dead(holder_name())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nothing_is_certain_of_another_host_boot_or_namespace(place: int) -> None:
    name = changed(changed(holder_name(), 4, "1"), place, "another")
    assert not is_here(name)
    assert not is_dead(name)


def test_a_start_that_is_not_known_is_no_sign_of_death() -> None:
    assert not is_dead(changed(holder_name(), 4, ""))


def test_a_command_with_blanks_and_brackets_does_not_shift_the_start(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = tmp_path_factory.mktemp("proc")
    (proc / "7").mkdir()
    (proc / "7" / "stat").write_text("7 (a) b (c d) " + " ".join(["S", *map(str, range(4, 53))]))
    monkeypatch.setattr(holder, "_PROC", proc)
    assert holder._start_of(7) == "22"


@settings(max_examples=200, deadline=None)
@given(st.text() | st.lists(st.text(max_size=5), min_size=5, max_size=5).map("/".join))
def test_what_is_no_name_is_neither_here_nor_dead(text: str) -> None:
    assert not is_here(text)
    assert not is_dead(text)
