"""One day of very many small files out of S3, loaded into a table: how much memory that takes.

One rule: the program is a process of its own, and its peak is what the system counted. It is started by a
small process, with whose mark it begins.
"""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.lib.processes import fresh, program
from tests.doubles.day_files import DAY, day_of, name_of

if TYPE_CHECKING:
    from tests.doubles.moto_names import Moto

MOST_MB = 150.0
"""What docs/backfill.md promises for 20,000 files a day."""

LARGE, EACH = 24, 50
"""Every so manieth file has as many times as many rows: a usual one has 576, and most here have 24."""


class Read(NamedTuple):
    """What was read: how many files and MB, how many stored; the peak in MB, and the seconds that it took."""

    files: int
    stored: int
    megabytes: float
    peak: float
    seconds: float


def read_day(moto: "Moto", files: int) -> Read:
    """Put so many files of a day into a bucket of this process's moto, and load them from there."""
    from moto.s3.models import s3_backends  # noqa: PLC0415  # not in the small process

    bucket, there, size = f"csv-of-{moto.bucket}", s3_backends["123456789012"]["aws"], 0
    moto.client("s3").create_bucket(Bucket=bucket)
    for sensor in range(1, files + 1):
        body = day_of(sensor)
        if sensor % EACH == 0:
            header, _, rows = body.partition(b"\n")
            body = header + b"\n" + rows * LARGE
        size += len(body)
        there.put_object(bucket, f"csv/{DAY}/{name_of(sensor)}", body)  # a request for each takes minutes
    names = ("--create", "--bucket", moto.bucket, "--table", moto.table)
    told = fresh(
        f"{__name__}:load", json.dumps(moto.environment), "--load-only", *names, f"s3://{bucket}/csv/"
    )
    if told["peak"] is None:
        raise AssertionError("the program took less memory than what started it: its peak is not known")
    report = json.loads(told["out"])
    return Read(report["files"], report["stored"], size / 1e6, told["peak"], told["seconds"])


def load(environment: str, *options: str) -> dict[str, Any]:
    """Run the program with these options, and an environment as JSON; called in the small process."""
    ended = program(["-m", "aqi_service", *options], json.loads(environment))
    return {"out": ended.out.decode(), "peak": ended.peak, "seconds": ended.seconds}


def problems(read: Read, files: int) -> list[str]:
    """Say what is wrong."""
    wrong = []
    if (read.files, read.stored) != (files, files):
        wrong.append(f"of {files} files {read.files} were read, and {read.stored} stored")
    if read.peak > MOST_MB:
        wrong.append(f"{files} files took {read.peak:.0f} MB, and {MOST_MB:.0f} are allowed")
    return wrong


def summary(read: Read) -> str:
    """Say in a line what was seen."""
    return (
        f"out of S3: files={read.files} MB={read.megabytes:.0f} peak MB={read.peak:.1f} "
        f"seconds={read.seconds:.0f}"
    )
