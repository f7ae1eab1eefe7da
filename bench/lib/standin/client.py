"""The stand-in, started and asked."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from bench.lib.processes import ROOT

TABLE, BUCKET = "bench-table", "bench-bucket"
WITHOUT = ("snapshot_at", "expires_at")
"""Attributes that do not count when items are compared."""


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
        """Change it; see `bench.lib.standin.server`."""
        self._ask("POST", "/__set", orjson.dumps(what))

    def clear(self, *what: str) -> None:
        """Forget these, all by default: items, objects, counts."""
        self.set(clear=what or ("items", "objects", "counts"))

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running_standin() -> Iterator[StandIn]:
    """Run a stand-in in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.lib.standin.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        try:
            assert process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
            yield StandIn(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()
