"""The stand-in, started and asked; and the check that all of a load arrived in it.

One rule: what it received is compared with what was to arrive, after every run.
"""

import http.client
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from aqi_service.core.items import Item, Verdict, judge
from aqi_service.storage.attributes import to_attributes
from bench.parsing import items_of
from bench.processes import ROOT, fresh
from bench.standin_table import digest

TABLE, BUCKET = "bench-table", "bench-bucket"
WITHOUT = ("snapshot_at", "expires_at")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in that runs: its port and its process."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a program's AWS clients here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def options(self) -> list[str]:
        """Options of a load of the live feed, which it serves as well."""
        feed = f"{self.endpoint}/__feed"
        return ["--load-only", "--table", TABLE, "--bucket", BUCKET, "--feed-url", feed]

    def counts(self) -> dict[str, Any]:
        """Ask what it got."""
        return orjson.loads(self._ask("GET", "/__counts"))  # type: ignore[no-any-return]  # JSON

    def set(self, **what: Any) -> None:
        """Change it; see `bench.standin`."""
        self._ask("POST", "/__set", orjson.dumps(what))

    def clear(self, *what: str) -> None:
        """Forget these, all by default: items, objects, counts."""
        self.set(clear=what or ("items", "objects", "counts"))

    def _ask(self, method: str, place: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, place, body)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def standing() -> Iterator[StandIn]:
    """Run a stand-in in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.standin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with process:
        try:
            assert process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
            yield StandIn(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


def verify_object(counts: dict[str, Any], document: Path) -> None:
    """Raise AssertionError unless exactly one snapshot arrived, with the bytes of the document."""
    snapshots = {key: pieces for key, pieces in counts["objects"].items() if key.startswith("data_")}
    if len(snapshots) != 1:
        raise AssertionError(f"{len(snapshots)} snapshots arrived: {sorted(counts['objects'])}")
    (pieces,) = snapshots.values()
    with document.open("rb") as file:
        for size, came in pieces:
            if f"{zlib.crc32(file.read(size)):08x}" != came:
                raise AssertionError(f"the bytes before {file.tell()} arrived as others")
        if file.read(1):
            raise AssertionError("not all bytes arrived")


def verify_items(counts: dict[str, Any], document: Path, over: Path | None = None) -> None:
    """Raise AssertionError unless the table has exactly the items of the document, over those of another."""
    wanted = expected(document, over)
    if counts["items"] != wanted:
        raise AssertionError(f"the table has {counts['items']}, not {wanted}")


@lru_cache(maxsize=8)
def expected(document: Path, over: Path | None = None) -> dict[str, Any]:
    """Sum up the items of a generated document; in a process of its own, so that this one stays small."""
    return dict(fresh("bench.standing:sum_of_items", *filter(None, (over, document))))


def sum_of_items(*documents: str) -> dict[str, Any]:
    """Do so here; of two items with one id the newer counts, of two as new that of the later document."""
    items: dict[str, Item] = {}
    for item in (item for document in documents for item in items_of(document)):
        if judge(item, items.get(item.id)) is Verdict.STORE:
            items[item.id] = item
    return digest((to_attributes(item, "S") for item in items.values()), WITHOUT)
