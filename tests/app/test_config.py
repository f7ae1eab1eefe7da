"""What follows from the settings: caps from the descriptor limit, deadlines, and what is warned of."""

import logging
import resource
from pathlib import Path

import pytest

from aqi_service.app.daemon import _warn
from tests.doubles.config import config
from tests.doubles.log_lines import lines


@pytest.fixture
def descriptors(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """The limit of open files, as the test's parameter says."""
    limit: int = request.param
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    return limit


LIMITED = pytest.mark.parametrize(
    ("descriptors", "fit"), [(256, 96), (1024, 672), (65_536, 10_000), (-1, 10_000)], indirect=["descriptors"]
)


@LIMITED
def test_as_many_connections_are_served_as_there_are_descriptors_for(descriptors: int, fit: int) -> None:
    del descriptors
    assert config().connections == fit
    assert config(max_connections=9).connections == 9
    assert config(max_connections=60_000).connections == fit


@LIMITED
def test_one_address_may_have_half_of_them_unless_another_number_is_given(descriptors: int, fit: int) -> None:
    del descriptors
    assert config().connections_per_address == fit // 2
    assert config(max_connections=1).connections_per_address == 1
    assert config(max_per_address=0).connections_per_address == 0
    assert config(max_per_address=7).connections_per_address == 7


@pytest.mark.parametrize(
    ("descriptors", "asked", "warns"),
    [(256, None, True), (1024, None, False), (65_536, None, False), (1024, 5000, True), (256, 50, False)],
    indirect=["descriptors"],
)
def test_a_limit_of_open_files_that_leaves_room_for_few_is_warned_of(
    descriptors: int, asked: int | None, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _warn(config(max_connections=asked))
    assert len(caplog.records) == warns
    assert all(line.startswith(f"open_files_limit_low limit={descriptors} ") for line in lines(caplog))


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", 0), ("127.9.9.9", 0), ("::1", 0), ("localhost", 0), ("0.0.0.0", 1), ("::", 1), ("", 1),  # noqa: S104  # nothing is bound
     ("example.org", 1), ("192.168.1.7", 1)],
)  # fmt: skip
def test_a_host_that_others_reach_is_warned_of(
    host: str, warns: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _warn(config(host=host, max_connections=1))
    assert len(caplog.records) == warns


def test_a_host_that_others_reach_is_not_warned_of_with_tls(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _warn(config(host="192.168.1.7", max_connections=1, tls_cert=Path("server.pem")))
    assert not caplog.records


def test_the_daemons_loads_end_after_three_quarters_of_the_interval_and_a_single_load_never() -> None:
    assert config(interval=400).deadline == 300
    assert config(interval=400, load_deadline=9.5).deadline == 9.5
    assert config(load_only=True).deadline is None
    assert config(load_only=True, load_deadline=9.5).deadline == 9.5


def test_days_are_counted_in_seconds() -> None:
    assert config().ttl is None
    assert config(ttl_days=14).ttl == 14 * 86_400


def test_a_config_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        config(local=tmp_path).port = 1  # type: ignore[misc] # that is the point
