"""2,000 hostile inputs (`make fuzz` feeds millions), what they may cost, and that a planted bug is found.

One rule: an input is made from its number alone, so that what fails here fails again.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import strategies as st

from aqi_service.core.frames import encode
from aqi_service.errors import SnapshotRejected
from trials.fuzz import __main__ as program
from trials.fuzz import memory_wire, words
from trials.fuzz.campaign import Outcome, campaign, examples, fed, input_of
from trials.fuzz.cost import SIZE, afford, calls_of, peak_of
from trials.fuzz.mutations import MOST, mutated, stretched
from trials.fuzz.strategies import STRATEGIES
from trials.fuzz.targets import TARGETS

INPUTS = 200
PLANTED_INPUTS = 8_400
EXAMPLES = 25
MEASURED = 1

DEAR: dict[str, dict[str, bytes]] = {
    "frames": {
        "digits": b"1" * SIZE,
        "spaces": b"5" + b" " * SIZE,
        "a frame that never ends": b"1000000".ljust(64) + b"x" * SIZE,
        "bare replies": b"Item not found" * (SIZE // 14),
    },
    "requests": {
        "leading zeros": encode(b"0" * 1024) * (SIZE // 1088),
        "noise": encode(bytes(range(256)) * 4) * (SIZE // 1088),
        "another protocol": b"GET / HTTP/1.1\r\n" * (SIZE // 16),
    },
    "words": {
        "blanks": b"near " + b" " * SIZE,
        "controls": (b"country " + b"\x1b" * 1016) * (SIZE // 1024),
        "digits": b"near " + b"1" * SIZE,
        "filters": (b"near 1 1" + b" indoor clean" * 78).ljust(1024) * (SIZE // 1024),
        "commas": (b"place x" + b"," * 1017) * (SIZE // 1024),
    },
    "splitter": {
        "digits": b"[" + b"7" * (SIZE - 100) + b"]",
        "digits of a fraction": b"[1." + b"7" * (SIZE - 100) + b"x]",
        "escaped quotes": b'["' + rb"\"" * (SIZE // 2 - 50) + b'\\\n"]',
        "exponents": b"[" + b"1e99" * (SIZE // 4 - 50) + b"]",
        "brackets": b"[" * SIZE,
        "pairs of brackets": b"[" + b"[]" * (SIZE // 2),
        "quotes": b"[" + b'"' * SIZE,
        "objects side by side": b"[" + b"{}," * (SIZE // 3),
        "borders in a string": b'[{"a":"' + b"}," * (SIZE // 2),
        "blanks": b"[" + b" \n" * (SIZE // 2),
    },
    "items": {
        "values": b'[{"sensordatavalues":['
        + b'{"value_type":"P1","value":"x"},' * (SIZE // 32 - 4)
        + b"{}]}]",
        "a long number": b'[{"sensordatavalues":[{"value_type":"P1","value":"%b"}]}]' % (b"1" * (SIZE - 200)),
        "halves": b"["
        + b",".join(
            b'{"id":1,"sensordatavalues":[{"value_type":"P%d","value":1}]}' % n
            for n in (1, 2) * (SIZE // 130)
        )
        + b"]",
    },
    "ordinary": {
        "records of another form": b"[" + b'{"id":1,"sensordatavalues":[]},' * (SIZE // 31 - 4) + b"{}]",
        "keys that are new": b'[{"id":1' + b',"x":1' * (SIZE // 6 - 20) + b"}]",
        "a long timestamp": b'[{"id":1,"timestamp":"' + b"1" * (SIZE - 200) + b'"}]',
    },
    "days": {
        "line ends": b"\n" * SIZE,
        "separators": b"sensor_id;timestamp\n" + b";" * (SIZE - 100),
        "a long value": b"sensor_id;timestamp;P1\n123;2023-12-20T00:00:00;" + b"1" * (SIZE - 100) + b"\n",
        "rows of two places in turns": b"sensor_id;timestamp;lat\n"
        + b"123;2023-12-20T00:00:00;1\n123;2023-12-20T00:00:00;2\n" * (SIZE // 54),
        "long digits behind the point": b"sensor_id;timestamp;P1\n"
        + b"123;2023-12-20T00:00:00;0.%b7\n" % (b"0" * 120) * (SIZE // 150),
    },
    "replies": {
        "endless rows": encode(b"id\r\n" * (SIZE // 4)),
        "empty rows": encode(b"\n" * SIZE),
        "cells": encode(b"," * SIZE),
        "quotes": encode(b'"' * SIZE),
        "a cell of digits": encode(b"P10,id\r\n" + b"1" * SIZE + b"x,1\r\n"),
        "escapes": encode(b"Busy: " + b"\x1b" * SIZE),
    },
    "attributes": {
        "digits": b"P10\x1fN\x1f" + b"1" * SIZE,
        "digits and an exponent": b"P10\x1fN\x1f" + b"1" * SIZE + b"E-65536",
        "quotes": b"date\x1fS\x1f" + b'"' * SIZE,
        "line ends": b"date\x1fS\x1f" + b"\r" * SIZE,
    },
}
"""Inputs that would be dear if something were looked at again and again."""


@pytest.fixture(autouse=True, scope="module")
def closed_loop() -> Iterator[None]:
    """Close the event loop of the connections in memory at the end."""
    yield
    memory_wire.close()


def raises_on_nul(data: bytes) -> None:
    if b"\0" in data:
        raise ZeroDivisionError


def backtracks(data: bytes) -> None:
    """Look at the whole input once; where it is of digits, at each of them as often as others follow it."""
    re.sub(rb"x|[0-9]+e", b"", data[: SIZE // 8])


PLANTED = replace(TARGETS["frames"], run=raises_on_nul)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_its_own_errors_comes_out_of_mutations_of_real_traffic(name: str) -> None:
    outcome = campaign(Outcome(name), TARGETS[name], f"1/{name}", range(INPUTS))
    assert outcome.failures == []
    assert outcome.inputs == INPUTS
    assert outcome.refused < INPUTS * 0.97


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_its_own_errors_comes_out_of_inputs_made_from_the_format(name: str) -> None:
    outcome = examples(Outcome(name), TARGETS[name], STRATEGIES[name], 1, EXAMPLES)
    assert outcome.failures == []
    assert outcome.refused < outcome.inputs


@pytest.mark.parametrize("name", TARGETS)
def test_no_stretched_input_costs_much_more_than_a_plain_one_of_its_length(name: str) -> None:
    target = TARGETS[name]
    for number in range(MEASURED):
        long = stretched(target.seeds, f"1/{name}/{number}", SIZE)
        assert len(long) <= SIZE
        afford(target, long)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in DEAR.items() for kind in kinds])
def test_what_could_be_looked_at_again_and_again_costs_no_more_than_a_plain_input(
    name: str, kind: str
) -> None:
    afford(TARGETS[name], DEAR[name][kind])
    fed(TARGETS[name], DEAR[name][kind])


@pytest.mark.parametrize("name", TARGETS)
def test_the_plain_input_itself_costs_calls_in_proportion_and_bounded_memory(name: str) -> None:
    target = TARGETS[name]
    short, long = (target.plain(SIZE // 16), target.plain(SIZE // 2))
    calls = [calls_of(partial(target.alone, data)) for data in (short, long)]
    assert calls[1] < 8 * calls[0] * 1.25
    assert peak_of(lambda: target.alone(long)) < target.memory


def test_an_error_that_shows_more_of_the_bytes_that_came_is_the_same_error() -> None:
    data = (
        b'[{"id":"52.543","longitu]de":"13.440","country":"DE"},"sensor":{"id":2054,"pin":"7","sensor_type":'
        b'{"id":9,"name":"DHT22","manufacturer":"various"}}}]'
    )
    with pytest.raises(SnapshotRejected):
        TARGETS["ordinary"].run(data)


def test_a_planted_bug_is_found_and_its_input_can_be_made_again() -> None:
    outcome = campaign(Outcome("frames"), PLANTED, "1/frames", range(PLANTED_INPUTS))
    assert len(outcome.failures) == 3
    for failure in outcome.failures:
        assert failure.error == "ZeroDivisionError()"
        number = int(failure.again.split()[-1])
        assert input_of(PLANTED, "1/frames", number) == failure.data
        assert b"\0" in failure.data


def test_a_request_that_loses_a_word_on_its_way_through_client_and_server_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "request", lambda *given, choice: " ".join(map(str, given)))
    outcome = campaign(Outcome("words"), TARGETS["words"], "1/words", range(PLANTED_INPUTS))
    assert len(outcome.failures) == 3


def test_hypothesis_finds_the_smallest_input_of_a_planted_bug() -> None:
    outcome = examples(Outcome("frames"), PLANTED, st.binary(max_size=80), 1, 2000)
    (failure,) = outcome.failures
    assert (failure.error, failure.data) == ("ZeroDivisionError()", b"\0")


def test_a_pattern_that_tries_again_at_every_digit_is_found_too_dear() -> None:
    slow = replace(TARGETS["frames"], alone=backtracks, plain=lambda size: b"x" * size, memory=2_000_000)
    afford(slow, b"x" * SIZE)
    with pytest.raises(AssertionError, match="times the CPU"):
        afford(slow, b"7" * SIZE)


def test_a_failing_input_is_shown_kept_and_repeated_by_the_printed_commands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "TARGETS", {"frames": PLANTED})
    assert program.main(["--inputs", "3000", "--seed", "5", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "failures=3" in told
    commands = re.findall(r'make fuzz ARGS="(.*)"', told)
    assert len(commands) == 6
    for command in commands:
        assert program.main([*shlex.split(command), "--out", str(tmp_path)]) == 1
        assert "inputs=0 refused=0 failures=1" in capsys.readouterr().out


def test_a_small_run_of_the_program_tells_one_line_a_target_and_nothing_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--inputs", "120", "--only", "splitter", "--only", "requests"]
    assert program.main([*few, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["splitter", "requests"]
    assert all("failures=0" in line for line in told)


def test_the_same_number_gives_the_same_input_and_none_is_longer_than_the_most() -> None:
    seeds = TARGETS["items"].seeds
    made = [mutated(seeds, f"1/items/{number}") for number in range(500)]
    assert made == [mutated(seeds, f"1/items/{number}") for number in range(500)]
    assert made != [mutated(seeds, f"2/items/{number}") for number in range(500)]
    assert len(set(made)) > 450
    assert max(map(len, made)) <= MOST


def test_every_target_has_seeds_that_are_taken_and_a_strategy() -> None:
    for name, target in TARGETS.items():
        assert any(fed(target, seed) for seed in target.seeds), name
    assert STRATEGIES.keys() == TARGETS.keys() == DEAR.keys()
