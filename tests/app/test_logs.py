"""The log: text or JSON, one line an event with its facts, which no peer can forge."""

import asyncio
import errno
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aqi_service.app.logs import configure, log_what_nobody_caught, say
from aqi_service.core.report import Status
from tests.doubles.load_helpers import document, run, written
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, in_memory

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
        logging.getLogger("aqi_service").exception("broken", extra={"peer": message})


def test_a_text_line_has_time_level_logger_event_and_facts(log: Callable[..., Stream]) -> None:
    stream = log()
    logging.getLogger("aqi_service").info("loaded", extra={"records": 7, "status": "complete", "error": None})
    told = rf"{STAMP} INFO    aqi_service loaded records=7 status=complete error=none\n"
    assert re.fullmatch(told, stream.getvalue())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("data_20_12_23_18_00.json", "data_20_12_23_18_00.json"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("Zürich", "Zürich"),
        ("", "''"),
        ("in use", "'in use'"),
        ("a=b", "'a=b'"),
        ("it's", '"it\'s"'),
        ('"', "'\"'"),
        ("\u00a0", r"'\xa0'"),
        ("\n", r"'\n'"),
        ("x level=error", "'x level=error'"),
    ],
)
def test_a_fact_is_quoted_where_it_could_be_taken_for_more_than_one(
    value: str, shown: str, log: Callable[..., Stream]
) -> None:
    stream = log()
    logging.getLogger("aqi_service").info("loaded", extra={"place": value, "records": 7})
    assert stream.getvalue().endswith(f" loaded place={shown} records=7\n")


def test_a_json_line_is_an_object_with_the_same(log: Callable[..., Stream]) -> None:
    stream = log("json")
    facts = {"place": "Zürich", "records": 7, "seconds": 0.5, "error": None, "path": Path("a")}
    logging.getLogger("aqi_service").warning("loaded", extra=facts)
    line = json.loads(stream.getvalue())
    assert re.fullmatch(STAMP, line.pop("time"))
    told = {"level": "warning", "logger": "aqi_service", "event": "loaded"}
    assert line == {**told, **facts, "path": "a"}


@pytest.mark.parametrize("logger", ["botocore", "aqi_service"])
def test_a_library_s_line_is_a_message_also_where_it_was_given_our_logger(
    logger: str, log: Callable[..., Stream]
) -> None:
    stream = log("json")
    logging.getLogger(logger).warning("trouble with %s", SIGNED)
    line = json.loads(stream.getvalue())
    assert "event" not in line
    assert (line["logger"], line["message"]) == (logger, "trouble with https://h.org/a.json")


def test_what_a_peer_sent_cannot_look_like_a_line_of_ours(log: Callable[..., Stream]) -> None:
    stream = log()
    logging.getLogger("aqi_service").info("loaded", extra={"peer": FORGED})
    [line] = stream.getvalue().splitlines()
    assert line.isprintable()
    assert line.endswith(f"peer='{SEEN}'")


def test_a_traceback_stands_indented_below_its_line_so_that_nothing_in_it_can_either(
    log: Callable[..., Stream],
) -> None:
    stream = log()
    fail(FORGED)
    first, *rest = stream.getvalue().splitlines()
    assert re.match(rf"{STAMP} ERROR   aqi_service broken peer=.x", first)
    assert len(rest) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_in_json_a_traceback_and_what_a_peer_sent_stay_on_the_one_line(log: Callable[..., Stream]) -> None:
    stream = log("json")
    fail(FORGED)
    [line] = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert (found["event"], found["peer"]) == ("broken", SEEN)
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
    stream = log(level="error")
    say("ended", f"aqi-service: {SIGNED} {FORGED}", {"error": SIGNED})
    assert stream.getvalue() == f"aqi-service: https://h.org/a.json {SEEN}\n"


def test_in_json_a_line_for_a_person_is_an_event_with_facts_and_the_sentence(
    log: Callable[..., Stream],
) -> None:
    stream = log("json", "error")
    say("ended", f"aqi-service: {SIGNED} {FORGED}", {"error": SIGNED, "exit_code": 1}, level=logging.WARNING)
    line = json.loads(stream.getvalue())
    assert re.fullmatch(STAMP, line.pop("time"))
    assert line == {
        "level": "warning", "logger": "aqi_service", "event": "ended", "error": "https://h.org/a.json",
        "exit_code": 1, "message": f"aqi-service: https://h.org/a.json {SEEN}",
    }  # fmt: skip


@pytest.mark.parametrize("stream", [None, "closed"])
def test_that_nobody_takes_the_lines_costs_nothing(
    stream: str | None, log: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    log().close()
    if stream is None:
        monkeypatch.setattr(sys, "stderr", Full())
    say("ended", "aqi-service: x")
    logging.getLogger("aqi_service").error("ended")


class Full(Stream):
    """A stderr that is a file on a full disk."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_every_line_of_a_load_has_its_id_and_no_other_line(
    log: Callable[..., Stream], tmp_path: Path
) -> None:
    stream, ours = log("json"), logging.getLogger("aqi_service")
    archive, store = MemoryArchive(), MemoryStore()

    async def told() -> None:
        ours.info("names")
        await asyncio.create_task(asyncio.to_thread(ours.info, "thread"))

    storage = in_memory(Before(archive, names=told), Before(store, expire=told))
    named = [written(tmp_path, document(n), f"data_20_12_23_18_0{n}.json") for n in (1, 2, 3)]
    reports = [await run(named[0], storage)]
    reports += await asyncio.gather(*(run(each, storage) for each in named[1:]))
    ours.info("after")
    *lines, last = map(json.loads, stream.getvalue().splitlines())
    assert [report.status for report in reports] == [Status.COMPLETE] * 3
    assert {(line["load_id"], line["event"]) for line in lines} == {
        (report.load_id, event) for report in reports for event in ("names", "thread")
    }
    assert len({report.load_id for report in reports}) == 3
    assert "load_id" not in last


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
        ["aqi_service", "died"], ["aqi_service", "thread_died"], ["aqi_service", "error_in_destructor"],
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
