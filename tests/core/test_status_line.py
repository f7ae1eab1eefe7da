"""How the service is, in one line for a person."""

import pytest

from aqi_service.core.status_line import age_text, status_line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (48.9, "48 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (187_260, "2 d 4 h"),
        (172_800, "2 d"),
        (172_800 + 1_200, "2 d"),
    ],
)
def test_an_age_is_written_in_its_largest_unit_and_the_one_below(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_the_line_says_how_loads_are_and_how_old_the_data_is() -> None:
    assert status_line("no load yet", None, 100.0) == "no load yet; age of the data unknown"
    assert status_line("last load x", 40, 100.0) == "last load x; newest record 1 min old"
