"""What commit a9f23d7 left behind, put where a test may use it; and that commit itself, where git has it.

One rule: the recorded files are never changed; tests/data/first-version/README.md says how they were made.
"""

import gzip
import json
import shutil
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests import DATA, ROOT
from tests.doubles.first_table import COMMIT
from tests.doubles.moto_names import Moto

FOLDER = DATA / "first-version"
SNAPSHOT = "data_23_11_26_15_00.json"
TABLE = "air_quality_data"
STORED = 55
"""How many of the snapshot's 103 records it stored."""


def local(folder: Path) -> Path:
    """Copy what it made with `--local`; give the copy."""
    return shutil.copytree(FOLDER / "local", folder / "kept")


def snapshot() -> bytes:
    """Give the bytes of its snapshot."""
    return gzip.decompress((FOLDER / "local" / "snapshots" / f"{SNAPSHOT}.gz").read_bytes())


@cache
def recorded() -> dict[str, Any]:
    """Give what it made on AWS: `table`, `items`, `objects`."""
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / "aws.json.gz").read_bytes()))
    return found


def on_aws(moto: Moto) -> None:
    """Put its table and its bucket on moto, under other names; its manifests speak of that table."""
    table, items = recorded()["table"], recorded()["items"]
    dynamodb, s3 = moto.client("dynamodb"), moto.client("s3")
    index = {
        name: table["GlobalSecondaryIndexes"][0][name] for name in ("IndexName", "KeySchema", "Projection")
    }
    dynamodb.create_table(
        TableName=moto.table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=table["KeySchema"],
        AttributeDefinitions=table["AttributeDefinitions"],
        GlobalSecondaryIndexes=[index],
    )
    made = dynamodb.describe_table(TableName=moto.table)["Table"]
    for item in items:
        dynamodb.put_item(TableName=moto.table, Item=item)
    s3.create_bucket(Bucket=moto.bucket)
    for key, thing in recorded()["objects"].items():
        body = snapshot() if thing["body"] is None else thing["body"].encode()
        if key.startswith("manifests/"):
            body = json.dumps(json.loads(body) | {"table": moto.table, "table_id": _identity(made)}).encode()
        s3.put_object(
            Bucket=moto.bucket,
            Key=key.replace(f"/{TABLE}/", f"/{moto.table}/"),
            Body=body,
            Metadata=thing["metadata"],
            ContentType=thing["content_type"],
        )


def _identity(table: dict[str, Any]) -> str:
    """Name this creation of a table as the program does on moto, which gives a table no id."""
    made: datetime = table["CreationDateTime"]
    return made.astimezone(UTC).isoformat()


@cache
def git() -> str | None:
    """Return git's path where this repository has the commit; a shallow clone and the archives have not."""
    found = shutil.which("git")
    if found is None or not (ROOT / ".git").exists():
        return None
    asked = [found, "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    return (
        found if subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0 else None
    )


def program(folder: Path) -> Path:
    """Unpack the commit's program; give the folder in which `python -m aqi_service` is that one."""
    where = folder / COMMIT
    where.mkdir()
    archive = [str(git()), "archive", COMMIT, "aqi_service"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=where, input=packed, check=True)  # noqa: S607 - wherever it lies
    return where
