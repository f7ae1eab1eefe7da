"""Which of two snapshots is the newest one."""

from aqi_service.core.snapshot_version import SnapshotVersion, is_behind

VERSION = SnapshotVersion(
    "data_20_12_23_18_00.json", 1_703_095_200, "daqi", 100, 1_703_091_600, "2023-12-20T18:00:05Z"
)


def test_of_two_snapshots_of_one_minute_the_one_with_newer_data_stays_the_latest() -> None:
    older = VERSION._replace(newest=VERSION.newest - 600)
    assert is_behind(older, VERSION, replay=False)
    assert not is_behind(VERSION, older, replay=False)
    assert not is_behind(VERSION, VERSION, replay=False)
