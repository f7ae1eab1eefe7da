"""What the program has logged, as the text form writes it: event and facts.

One rule: libraries' lines are left out.
"""

import pytest

from aqi_service.app.logs import line_of


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give the program's own lines, without time and level."""
    return [line_of(record) for record in caplog.records if record.name == "aqi_service"]
