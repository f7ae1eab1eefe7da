"""The name of a snapshot that most tests keep, and what goes with it."""

from aqi_service.storage.ports import SnapshotInfo

NAME = "data_20_12_23_18_55.json"
SECOND = "data_20_12_23_18_55-2.json"
"""The next name of the same minute."""

AT = 1_703_098_500
"""2023-12-20T18:55Z, which both names stand for."""

INFO = SnapshotInfo("a.json", "load-1")
"""What is kept beside it."""
