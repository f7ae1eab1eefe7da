"""The log: text or JSON, one line an event, which no peer can forge."""

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from aqi_service.app.logs import configure, log_what_nobody_caught, say

FORGED = "x\n2026-01-01T00:00:00Z INFO    aqi_service stolen\r\x1b[2K\x9b1m\u2028\x00\x7f\u202e\udc80"
SEEN = r"x\n2026-01-01T00:00:00Z INFO    aqi_service stolen\r\x1b[2K\x9b1m\u2028\x00\x7f\u202e\udc80"
SIGNED = "https://me:hunter2@h.org/a.json?X-Amz-Signature=hunter2"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class Stream(io.StringIO):
    """A stderr that may be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stream]]:
    """Configure the log onto a stream of the test's; at the end the log is as before."""
    root, ours = logging.getLogger(), logging.getLogger("aqi_service")
    before = (root.handlers[:], root.level, ours.level)

    def begin(form: str = "text", level: str = "info", *, terminal: bool = False) -> Stream:
        stream = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        root.handlers[:] = []
        configure(form, level)
        return stream

    yield begin
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def fail(message: str) -> None:
    def die() -> None:
        raise ValueError(message)

    try:
        die()
    except ValueError:
        logging.getLogger("aqi_service").exception("died peer=%s", message)


def test_a_text_line_has_time_level_logger_and_facts(log: Callable[..., Stream]) -> None:
    stream = log()
    logging.getLogger("aqi_service").info("loaded records=%d", 7)
    assert re.fullmatch(rf"{STAMP} INFO    aqi_service loaded records=7\n", stream.getvalue())


def test_a_json_line_is_an_object_with_the_same(log: Callable[..., Stream]) -> None:
    stream = log("json")
    logging.getLogger("aqi_service").warning("loaded place=%s", "Zürich")
    line = json.loads(stream.getvalue())
    assert re.fullmatch(STAMP, line.pop("time"))
    assert line == {"level": "warning", "logger": "aqi_service", "message": "loaded place=Zürich"}


def test_what_a_peer_sent_cannot_look_like_a_line_of_ours(log: Callable[..., Stream]) -> None:
    stream = log()
    logging.getLogger("aqi_service").info("peer=%s", FORGED)
    [line] = stream.getvalue().splitlines()
    assert line.isprintable()
    assert line.endswith(f"peer={SEEN}")


def test_a_traceback_stands_indented_below_its_line_so_that_nothing_in_it_can_either(
    log: Callable[..., Stream],
) -> None:
    stream = log()
    fail(FORGED)
    first, *rest = stream.getvalue().splitlines()
    assert re.match(rf"{STAMP} ERROR   aqi_service died peer=x", first)
    assert len(rest) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_in_json_a_traceback_and_what_a_peer_sent_stay_on_the_one_line(log: Callable[..., Stream]) -> None:
    stream = log("json")
    fail(FORGED)
    [line] = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert found["message"] == f"died peer={SEEN}"
    assert found["traceback"].startswith("Traceback (most recent call last):\n")
    assert "\nValueError: x\n" in found["traceback"]
    assert all(map(str.isprintable, found["traceback"].split("\n")))


@pytest.mark.parametrize("form", ["text", "json"])
def test_neither_a_message_nor_a_traceback_shows_a_secret(
    form: str, log: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE")
    stream = log(form)
    fail(f"GET {SIGNED} with FwoGZXIvYXdzEXAMPLE")
    assert "hunter2" not in stream.getvalue()
    assert "FwoGZX" not in stream.getvalue()
    assert stream.getvalue().count("https://h.org/a.json") == 2


def test_a_line_for_a_person_is_one_line_without_secrets(log: Callable[..., Stream]) -> None:
    stream = log()
    say(f"aqi-service: {SIGNED} {FORGED}")
    assert stream.getvalue() == f"aqi-service: https://h.org/a.json {SEEN}\n"


@pytest.fixture
def hooks() -> Iterator[None]:
    """Let the test change what Python does with an error that nobody caught."""
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


class Unraisable:
    """An object whose end raises."""

    def __del__(self) -> None:
        raise ValueError(SIGNED)


@pytest.mark.usefixtures("hooks")
def test_what_nobody_caught_is_logged_without_secrets(log: Callable[..., Stream]) -> None:
    stream = log()
    log_what_nobody_caught()

    def die() -> None:
        raise ValueError(SIGNED)

    try:
        die()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    Unraisable()
    lines = stream.getvalue().splitlines()
    assert [line.split()[2:4] for line in lines if not line.startswith(" ")] == [
        ["aqi_service", "died"], ["aqi_service", "thread_died"], ["aqi_service", "lost"],
    ]  # fmt: skip
    assert lines.count("    ValueError: https://h.org/a.json") == 3


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_the_least_that_is_shown(level: str, shown: int, log: Callable[..., Stream]) -> None:
    stream = log(level=level)
    ours = logging.getLogger("aqi_service")
    for write in (ours.debug, ours.info, ours.warning, ours.error):
        write("event")
    assert len(stream.getvalue().splitlines()) == shown


def test_libraries_speak_up_from_warnings_on_whatever_the_level(log: Callable[..., Stream]) -> None:
    stream = log(level="debug")
    logging.getLogger("botocore").info("chatter")
    logging.getLogger("botocore").warning("trouble")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_on_a_terminal_a_line_takes_the_progress_away_first(form: str, log: Callable[..., Stream]) -> None:
    stream = log(form, terminal=True)
    logging.getLogger("aqi_service").info("event")
    assert stream.getvalue().startswith("\r\x1b[K")
    assert stream.getvalue().count("\x1b") == 1
