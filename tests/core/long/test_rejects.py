"""The list of rejected records at its largest."""

from aqi_service.core.parse.record_item import Rejection
from aqi_service.core.rejects import LINES_LIMIT, SHORT_TEXT, TEXTS_LIMIT, Rejects


def test_ten_thousand_of_the_worst_records_take_some_tens_of_megabytes() -> None:
    rejects = Rejects()
    rejects.add(Rejection("unreadable", None, n, b"\xff" * 4096) for n in range(LINES_LIMIT + 5))
    body = rejects.body({"1": "late"})
    assert body.count(b"\n") == LINES_LIMIT
    assert len(body) < 3 * (TEXTS_LIMIT + LINES_LIMIT * SHORT_TEXT)
