"""Servers of lookups, each a process of its own: ours, redis, the report's, and one that only echoes.

One rule: all have the same records, and what each is to answer is known from them and not from a server.
"""

import csv
import http.client
import io
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.frames import encode
from aqi_service.core.items import Item
from aqi_service.storage.aws.dynamodb_attributes import to_attributes
from bench.lib.background import python, running
from bench.lib.cores import pin_to_first_core, pin_to_last_core
from bench.lib.feed import NEWEST
from bench.lib.items import items_of
from bench.lib.processes import ROOT, program
from bench.lib.standin.client import TABLE, running_standin

DAEMON = ("-m", "aqi_service", "--local", "served", "--port", "0")
CONNECTIONS = ("--max-connections", "10000", "--max-per-address", "0")
SNAPSHOT_TIME = ("--snapshot-time", f"{NEWEST:%Y-%m-%dT%H:%M}")
REPORTED = (
    "latitude",
    "longitude",
    "altitude",
    "country",
    "timestamp",
    "date",
    "P2.5",
    "P10",
    "AQI",
    "AQI_range",
)

Pin = Callable[[int], None] | None
"""Keeps a process on a core: see `bench.lib.cores`."""

_BATCH = 25


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers: where, which process, and a file of JSON with each id and the reply's payload."""

    port: int
    pid: int
    truth: Path


def load_once(folder: Path, document: Path, root: Path = ROOT) -> Path:
    """Load a document into `served` of the folder, unless it is there; return the file of what is served.

    `root` is the checkout of the program that does it.
    """
    truth = folder / f"truth-{document.stem}.json"
    if not truth.exists():
        program(
            [
                "-m",
                "aqi_service",
                "--load-only",
                "--local",
                "served",
                "--from",
                str(document),
                *SNAPSHOT_TIME,
            ],
            {"PYTHONPATH": str(root)},
            folder,
        )
        replies = {item.id: csv_reply(item).decode() for item in items_of(str(document))}
        truth.write_bytes(orjson.dumps(replies))
    return truth


@contextmanager
def daemon(folder: Path, document: Path, pin: Pin = None, *more: str, root: Path = ROOT) -> Iterator[Server]:
    """Serve a document out of memory with the program of a checkout, started with `more` options."""
    truth = load_once(folder, document, root)
    options = ("--serve-only", "--no-http", *CONNECTIONS, *more)
    with running(python(*DAEMON, *options), {"PYTHONPATH": str(root)}, folder, pin) as ours:
        port = int(ours.line(r"^listening on \S+:(\d+) \(tcp\)")[1])
        ours.line(r" memory(_replaced)? snapshot=\S+ records=\d+")  # the first versions had another word
        yield Server(port, ours.pid, truth)


def redis_server() -> str | None:
    """Find redis: the one that came with the extra `bench`, else the system's."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    return shutil.which("redis-server", path=os.pathsep.join(folders))


@contextmanager
def redis(path: str, folder: Path, truth: Path, pin: Pin = None) -> Iterator[Server]:
    """Serve the same payloads with redis, in memory alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # redis takes no port 0
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    with running((path, *options), cwd=folder, pin=pin) as theirs:
        theirs.line("Ready to accept connections")
        _fill(port, orjson.loads(truth.read_bytes()))
        yield Server(port, theirs.pid, truth)


def _fill(port: int, payloads: Mapping[str, str]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock, sock.makefile("rb") as answers:
        for record_id, text in payloads.items():
            payload = text.encode()
            start = f"*3\r\n$3\r\nSET\r\n${len(record_id)}\r\n{record_id}\r\n${len(payload)}\r\n"
            sock.sendall(start.encode() + payload + b"\r\n")
            if (answer := answers.readline()) != b"+OK\r\n":
                raise AssertionError(f"redis did not take {record_id}: {answer!r}")


@contextmanager
def report(folder: Path, document: Path, records: int) -> Iterator[Server]:
    """Serve the first records with the report's server on the first core; its table is the stand-in."""
    items = items_of(str(document))
    rows = [_reported(item) for item, _ in zip(items, range(records), strict=False)]
    truth = folder / "truth-report.json"
    truth.write_bytes(orjson.dumps({row["id"]["N"]: _csv(row) for row in rows}))
    with running_standin() as standin:
        pin_to_last_core(standin.pid)
        _put(standin.port, rows)
        server = (
            ROOT / "tests/doubles/report_peers.py",
            "server",
            "127.0.0.1",
            "0",
            TABLE,
            standin.endpoint,
        )
        with running(python("-u", *server), standin.environment, folder, pin_to_first_core) as theirs:
            yield Server(int(theirs.line(r"^Server is listening on (\d+)")[1]), theirs.pid, truth)


def _reported(item: Item) -> dict[str, dict[str, str]]:
    """Give an item as the report's loader stores it: a key that is a number, and texts."""
    ours = to_attributes(item, "N")
    texts = {name: {"S": text} for name in REPORTED if name in ours for text in ours[name].values()}
    return {"id": ours["id"]} | texts


def _csv(row: Mapping[str, Mapping[str, str]]) -> str:
    """Give what the report's server makes of it."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows((row.keys(), [text for value in row.values() for text in value.values()]))
    return out.getvalue()


def _put(port: int, rows: Sequence[Mapping[str, Mapping[str, str]]]) -> None:
    """Put rows into the stand-in."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for start in range(0, len(rows), _BATCH):
        puts = [{"PutRequest": {"Item": row}} for row in rows[start : start + _BATCH]]
        target = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
        connection.request("POST", "/", orjson.dumps({"RequestItems": {TABLE: puts}}), target)
        if (answer := connection.getresponse().read()) != b'{"UnprocessedItems":{}}':
            raise AssertionError(f"the stand-in did not take a batch: {answer[:200]!r}")
    connection.close()


@contextmanager
def echo(folder: Path, truth: Path, pin: Pin = None) -> Iterator[Server]:
    """Send one payload as often as anything is asked: see `bench.lib.echo_server`."""
    record_id, text = next(iter(orjson.loads(truth.read_bytes()).items()))
    one = folder / "truth-one.json"
    one.write_bytes(orjson.dumps({record_id: text}))
    reply = folder / "reply"
    reply.write_bytes(encode(text.encode()))
    size = str(len(encode(record_id.encode())))
    with running(python("-m", "bench.lib.echo_server", size, reply), pin=pin) as responding:
        yield Server(int(responding.line(r"^(\d+)$")[1]), responding.pid, one)
