"""Snapshots of an archive in S3, and `--load-only` over several of them."""

from pathlib import Path
from typing import Any

from aqi_service.core.snapshot_names import snapshot_name
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran

START = 1_703_095_200
"""2023-12-20T18:00Z."""

NAMES = [snapshot_name(START + 43_200 * n) for n in range(9)]

BODIES = {name: document(n, n + 1, n + 2) for n, name in enumerate(NAMES)}


WRITES = {
    *("PutItem", "BatchWriteItem", "UpdateItem", "DeleteItem", "TransactWriteItems"),
    *("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "DeleteObject"),
}


def fill(moto: Moto, bucket: str, *keys: str) -> None:
    """Put the body of the snapshot that each key's last part names."""
    s3 = moto.client("s3")
    s3.create_bucket(Bucket=bucket)
    for key in keys:
        name = key.rpartition("/")[2].removesuffix(".gz")
        s3.put_object(Bucket=bucket, Key=key, Body=BODIES.get(name, b"[]"))


async def backfill(moto: Moto, cwd: Path, *options: str, **env: str) -> Ran:
    place = ("--create", "--bucket", moto.bucket, "--table", moto.table)
    return await ran("--load-only", *place, *options, cwd=cwd, env=moto.environment | env)


def said(done: Ran, field: str = "snapshot") -> list[Any]:
    return [report[field] for report in done.reports]


def files(folder: Path) -> dict[Path, int]:
    """Give all files, but the database's own, with the times of their last change."""
    found = (path for path in folder.rglob("*") if "air_quality.db" not in path.name)
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def keys(moto: Moto, bucket: str, prefix: str = "data_") -> list[str]:
    listed = moto.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]
