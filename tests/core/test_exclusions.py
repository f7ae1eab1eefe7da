"""The list of sensors that are left out: how it is read, and what is said of a line that is no id."""

import pytest

from aqi_service.core.exclusions import NO_SENSORS, ExcludedSensors, read_exclusions, sensor_number
from aqi_service.errors import ConfigError


def test_a_list_is_an_id_a_line_and_blank_lines_and_notes_say_nothing() -> None:
    text = "3843\n\n  # the school's\n0141   # asked on 2026-11-02\r\n3843\n9223372036854775807"
    assert read_exclusions(text) == {3843, 141, 2**63 - 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# nobody\n", "   "])
def test_a_list_without_an_id_leaves_nobody_out(text: str) -> None:
    assert read_exclusions(text) is NO_SENSORS


@pytest.mark.parametrize(
    "line",
    [
        *("abc", "-1", "+1", "1.0", "3843 3844", "3843,", "0x10", "1_000", str(2**63), "9" * 30),
        *("\uff11\uff12", "sensor 5", "5\x00"),
    ],
)
def test_a_line_that_is_no_id_is_named_by_its_number(line: str) -> None:
    with pytest.raises(ConfigError, match=r"^line 3 is no sensor's id, which is digits alone: "):
        read_exclusions(f"1\n# note\n{line}\nworse\n")


def test_what_is_shown_of_a_bad_line_is_short_and_moves_no_terminal() -> None:
    with pytest.raises(ConfigError) as caught:
        read_exclusions("\x1b[2J" + "x" * 1000)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_the_same_ids_again_are_the_same_list_and_others_are_another() -> None:
    excluded = ExcludedSensors(frozenset({1, 2}))
    before = excluded.ids
    excluded.replace(frozenset({2, 1}), 0)
    assert excluded.ids is before
    excluded.replace(frozenset({1}), 0)
    assert excluded.ids == {1}


def test_a_sensor_is_left_out_however_a_table_writes_its_id_and_one_without_an_id_never() -> None:
    excluded = ExcludedSensors(frozenset({0, 3843}))
    assert all(map(excluded.has, ("3843", "03843", "0", "00")))
    assert not any(map(excluded.has, (None, "", "38430", "384", "x", "-0", "3843.0", "9" * 40)))
    assert not ExcludedSensors().has("0")


def test_an_id_that_is_no_number_is_no_sensor_s() -> None:
    assert [sensor_number(text) for text in ("17", "017", str(2**63), "1e3", "", None)] == [
        *(17, 17),
        *(None, None, None, None),
    ]
