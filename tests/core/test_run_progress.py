"""How far a run has come, and what is left, by the snapshots that were read."""

from aqi_service.core.run_progress import RunProgress


def test_before_anything_is_known_only_the_number_is_told() -> None:
    assert RunProgress(30).text(0.0, 5.0) == "1 of 30"
    assert RunProgress(30).text(0.05, 5.0) == "1 of 30"


def test_the_first_snapshot_tells_by_its_share() -> None:
    assert RunProgress(3).text(0.5, 10.0) == "1 of 3, 50 s left"


def test_those_that_were_loaded_tell_how_long_the_others_take() -> None:
    run = RunProgress(10)
    run.load(60.0)
    run.load(120.0)
    assert run.text(0.0, 50.0) == "3 of 10, 12 min left"
    assert run.text(0.5, 45.0) == "3 of 10, 11 min left"


def test_what_was_not_read_says_nothing_of_the_time() -> None:
    run = RunProgress(1_204)
    for _ in range(1_000):
        run.skip()
    assert run.text(0.0, 1.0) == "1,001 of 1,204"
    run.load(10.0)
    assert run.text(0.0, 0.0) == "1,002 of 1,204, 33 min left"


def test_at_the_end_of_the_last_nothing_is_left() -> None:
    run = RunProgress(2)
    run.load(10.0)
    assert run.text(1.0, 10.0) == "2 of 2, 0 s left"


def test_a_lone_snapshot_is_no_run() -> None:
    assert RunProgress(1).text(0.5, 1.0) == ""
