"""Which lines of one kind are let through, and what is told of the others."""

from aqi_service.core.log_limit import LogLimiter


def test_of_each_kind_so_many_lines_pass_in_a_window() -> None:
    sparing = LogLimiter(2, seconds=60.0)
    assert [sparing.allow("a", now) for now in (0.0, 1.0, 2.0, 59.9)] == [0, 0, None, None]
    assert [sparing.allow("b", now) for now in (2.0, 3.0, 4.0)] == [0, 0, None]


def test_the_first_line_of_the_next_window_tells_once_how_many_were_left_out() -> None:
    sparing = LogLimiter(2, seconds=60.0)
    for now in (0.0, 1.0, 2.0, 3.0, 4.0):
        sparing.allow("a", now)
    assert [sparing.allow("a", now) for now in (60.0, 61.0, 62.0)] == [3, 0, None]
    assert sparing.allow("a", 500.0) == 1


def test_a_window_without_anything_left_out_has_nothing_to_tell() -> None:
    sparing = LogLimiter(2)
    assert [sparing.allow("a", now) for now in (0.0, 100.0, 200.0)] == [0, 0, 0]


def test_at_the_end_the_rest_is_told_by_kind_and_once() -> None:
    sparing = LogLimiter(1)
    for kind in "aabaab":
        sparing.allow(kind, 5.0)
    sparing.allow("c", 5.0)
    assert sparing.drain_suppressed() == {"a": 3, "b": 1}
    assert sparing.drain_suppressed() == {}
