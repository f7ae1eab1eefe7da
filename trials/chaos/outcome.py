"""What there is when a campaign is over, and what the documents would come to in the plainest way.

One rule: it is read by other means than the program's ports: S3 calls, and the emulator's memory.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from aqi_service.storage.aws.clients import Clients
from tests.doubles.delivery_reference import Keeping, Reading, Row, Snapshot, read
from tests.doubles.load_places import TIMES
from trials.chaos.feed import Served
from trials.chaos.plan import Plan
from trials.chaos.processes import Ended

COLUMNS = (
    *("id", "latitude", "longitude", "altitude", "country"),
    *("timestamp", "date", "P2.5", "P10", "AQI", "AQI_range"),
)
FOR_EVER = Keeping(None, 0)
ANY_TIME = 1_829_325_660
"""When a generation is taken decides nothing but `snapshot_at`."""


@dataclass(frozen=True)
class Generation:
    """A document of the feed, and what the reference reads in it."""

    body: bytes
    records: int
    reading: Reading

    def rows(self, taken: int) -> list[Row]:
        """Give its rows as a load of that time stores them."""
        return [row | {"snapshot_at": taken} for row in self.reading.rows]


def generations(plan: Plan) -> list[Generation]:
    """Read every document of a plan."""
    bodies = [body for _, body in plan.published]
    return [Generation(b, len(json.loads(b)), read(Snapshot(ANY_TIME, b), FOR_EVER)) for b in bodies]


def line(row: Row) -> bytes:
    """Write a row as a lookup answers it; none of the texts needs quotes."""
    header = ",".join(COLUMNS)
    return f"{header}\r\n{','.join(row.get(name, '') for name in COLUMNS)}\r\n".encode()


@dataclass
class Outcome:
    """What a campaign came to.

    Attributes:
        served: which generation went to which load.
        loads: the loads that ended.
        objects: everything in the bucket.
        uploads: open uploads, after the sweep.
        items: everything in the table.
        replies: what a last lookup of each id was answered.
        complaints: what was seen to be wrong while it ran.
        lookups: how many replies were checked meanwhile; `found` those with a row.
        faults: how many were fired.
    """

    plan: Plan
    generations: Sequence[Generation]
    served: list[Served] = field(default_factory=list)
    loads: list[Ended] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    items: dict[str, Row] = field(default_factory=dict)
    replies: dict[str, bytes] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    lookups: int = 0
    found: int = 0
    faults: int = 0


async def objects_of(clients: Clients, bucket: str) -> dict[str, bytes]:
    """Read the bucket."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    found = {}
    async for page in pages:
        for entry in page.get("Contents", []):
            answer = await clients.s3.get_object(Bucket=bucket, Key=entry["Key"])
            async with answer["Body"] as body:
                found[entry["Key"]] = await body.read()
    return found


async def uploads_of(clients: Clients, bucket: str) -> list[str]:
    """Name the uploads that are open."""
    listed = await clients.s3.list_multipart_uploads(Bucket=bucket)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


def items_of(table: str) -> dict[str, Row]:
    """Read the table, but for the lease: one that was killed last may have left it, until it runs out."""
    stored = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_table(table).all_items()
    found: dict[str, Row] = {}
    for item in stored:
        values: dict[str, Any] = {name: value.value for name, value in item.attrs.items()}
        values |= {name: int(values[name]) for name in TIMES & values.keys()}
        found[values["id"]] = values
    return {record_id: item for record_id, item in found.items() if record_id != "lease"}
