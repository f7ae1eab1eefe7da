"""Which lines of one kind are let through, and what is told of the others."""

from aqi_service.core.log_limit import Sparing


def test_of_each_kind_so_many_lines_pass_in_a_window() -> None:
    sparing = Sparing(2, seconds=60.0)
    assert [sparing.line("a", now) for now in (0.0, 1.0, 2.0, 59.9)] == [0, 0, None, None]
    assert [sparing.line("b", now) for now in (2.0, 3.0, 4.0)] == [0, 0, None]


def test_the_first_line_of_the_next_window_tells_once_how_many_were_left_out() -> None:
    sparing = Sparing(2, seconds=60.0)
    for now in (0.0, 1.0, 2.0, 3.0, 4.0):
        sparing.line("a", now)
    assert [sparing.line("a", now) for now in (60.0, 61.0, 62.0)] == [3, 0, None]
    assert sparing.line("a", 500.0) == 1


def test_a_window_without_anything_left_out_has_nothing_to_tell() -> None:
    sparing = Sparing(2)
    assert [sparing.line("a", now) for now in (0.0, 100.0, 200.0)] == [0, 0, 0]


def test_at_the_end_the_rest_is_told_by_kind_and_once() -> None:
    sparing = Sparing(1)
    for kind in "aabaab":
        sparing.line(kind, 5.0)
    sparing.line("c", 5.0)
    assert sparing.rest() == {"a": 3, "b": 1}
    assert sparing.rest() == {}
