"""Where `--export` puts scored records, and how the files there are named.

One rule: a snapshot has one file, and only the snapshot's name decides the file's name and folder.
"""

from enum import Enum
from typing import NamedTuple

from aqi_service.core.s3_urls import is_prefix, parse_s3
from aqi_service.core.selection import Shard
from aqi_service.core.snapshot_names import first_free
from aqi_service.core.times import day_of

STDOUT = "-"

LICENCE = "Open Database License (ODbL) 1.0, contents Database Contents License (DbCL) 1.0"
ATTRIBUTION = "Sensor.Community, https://sensor.community"

_ROW_FILES = (".csv", ".csv.gz", ".ndjson", ".ndjson.gz")


class ExportForm(Enum):
    """How records are written: rows to one file or stdout, or Parquet with one file a snapshot."""

    STDOUT = "stdout"
    ROWS = "rows"
    FOLDER = "folder"
    BUCKET = "bucket"


def export_form(path: str, *, is_folder: bool) -> ExportForm | None:
    """Return the form that a path asks for; None if it is neither rows, stdout, a folder nor an S3 prefix.

    `is_folder` tells that the path is an existing folder; a path that ends like a file and is no folder gives
    None.
    """
    if path == STDOUT:
        return ExportForm.STDOUT
    if "://" in path:
        place = parse_s3(path)
        return ExportForm.BUCKET if place and is_prefix(place[1]) else None
    if is_folder or path.endswith("/"):
        return ExportForm.FOLDER
    name = path.rpartition("/")[2]
    if name.endswith(_ROW_FILES):
        return ExportForm.ROWS
    return None if "." in name.strip(".") or not name else ExportForm.FOLDER


def file_of_shard(path: str, shard: Shard) -> str:
    """Return the name of one worker's file of rows: `air.csv` of 2/8 is `air.2-of-8.csv`.

    Under one name, each worker's file would replace another's.
    """
    if shard.count == 1:
        return path
    ending = next((each for each in _ROW_FILES if path.endswith(each)), "")
    return f"{path.removesuffix(ending)}.{shard.index}-of-{shard.count}{ending}"


class ExportedSnapshot(NamedTuple):
    """A snapshot that was read to its end.

    Attributes:
        name: its name in the archive, or the name it would have there; a day of daily files is named by its
            files' names.
        time: its time, epoch seconds.
        sha256: the digest of its document.
    """

    name: str
    time: int
    sha256: str


class ExportNames:
    """The names of one run's files: one snapshot has one name, however often it comes."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def name_of(self, snapshot: ExportedSnapshot) -> str:
        """Return the name of a snapshot's file, with the folder of its day.

        Another snapshot with the same name (from another folder, for instance) gets the next free one.
        """
        name, others = snapshot.name, self._digests
        while others.get(name, snapshot.sha256) != snapshot.sha256:
            name = first_free(name, {name})
        others[name] = snapshot.sha256
        return f"snapshot_date={day_of(snapshot.time)}/{name.removesuffix('.json')}.parquet"
