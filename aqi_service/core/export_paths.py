"""Where `--export` puts scored records, and what the files are called there.

One rule: a snapshot has one file, whose name and folder follow from the snapshot's name alone.
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
    """How records are written: rows into one file or to stdout, or as Parquet, a file a snapshot."""

    STDOUT = "stdout"
    ROWS = "rows"
    FOLDER = "folder"
    BUCKET = "bucket"


def export_form(path: str, *, is_folder: bool) -> ExportForm | None:
    """Return what a path asks for; None for what is neither rows, stdout, a folder nor an S3 prefix.

    `is_folder` tells that a folder is there already; what ends like a file, and is no folder, is none.
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
    """Return what the file of rows of one worker is called: `air.csv` of 2/8 is `air.2-of-8.csv`.

    Under one name each worker's file would take the place of another's.
    """
    if shard.count == 1:
        return path
    ending = next((each for each in _ROW_FILES if path.endswith(each)), "")
    return f"{path.removesuffix(ending)}.{shard.index}-of-{shard.count}{ending}"


class ExportedSnapshot(NamedTuple):
    """A snapshot that was read whole.

    Attributes:
        name: what it is called in the archive, or would be; a day of daily files by its files' names.
        time: its time, epoch seconds.
        sha256: the digest of its document.
    """

    name: str
    time: int
    sha256: str


class ExportNames:
    """What the files of one run are called: one snapshot, however often it comes, has one name."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def name_of(self, snapshot: ExportedSnapshot) -> str:
        """Return the name of a snapshot's file, with the folder of its day.

        Another snapshot that would have the same name, as in two folders, gets the next free one.
        """
        name, others = snapshot.name, self._digests
        while others.get(name, snapshot.sha256) != snapshot.sha256:
            name = first_free(name, {name})
        others[name] = snapshot.sha256
        return f"snapshot_date={day_of(snapshot.time)}/{name.removesuffix('.json')}.parquet"
