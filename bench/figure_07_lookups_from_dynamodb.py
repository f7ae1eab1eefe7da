"""Figure 7: lookups a second that go to DynamoDB, 50 connections, beside one get_item for each.

One rule: the same client asks both, one request at a time on each connection, and checks every reply.

    python -m bench.figure_07_lookups_from_dynamodb ENDPOINT    serve as the peer does, from this DynamoDB
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import aioboto3
import uvloop

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.frames import HEADER, decode_header, encode
from aqi_service.storage.aws.dynamodb_attributes import from_attributes
from bench.lib.background import python, running
from bench.lib.cores import pin_to_first_core, pin_to_last_core
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.items import items_of
from bench.lib.loads import load
from bench.lib.processes import fresh
from bench.lib.run import Run
from bench.lib.standin.client import BUCKET, TABLE, StandIn, running_standin

CONNECTIONS = 50
OURS = ("aqi_service", "--serve-only", "--no-http", "--port", "0", "--table", TABLE, "--bucket", BUCKET)


async def ask(port: int, ids: Sequence[str], each: int) -> float:
    """Ask `each` times on every connection; return the seconds. Raises AssertionError for a wrong reply."""

    async def one(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, first + each):
            wanted = ids[number % len(ids)].encode()
            writer.write(encode(wanted))
            reply = await reader.readexactly(decode_header(await reader.readexactly(HEADER)))
            if not reply.partition(b"\r\n")[2].startswith(wanted + b","):
                raise AssertionError(f"asked for {wanted.decode()}, came {reply[:200]!r}")
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(one(number * each) for number in range(CONNECTIONS)))
    return time.perf_counter() - begun


def seconds(port: str, document: str, each: str) -> float:
    """Ask for the first ids of a document."""
    ids = [item.id for item in islice(items_of(document), CONNECTIONS * int(each))]
    uvloop.run(ask(int(port), ids, 2))  # it has opened its connections then
    return uvloop.run(ask(int(port), ids, int(each)))


async def peer(endpoint: str) -> None:
    """Serve with a get_item for each request."""
    session = aioboto3.Session(region_name="us-east-1")
    async with session.client("dynamodb", endpoint_url=endpoint) as client:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while header := await reader.read(HEADER):
                asked = await reader.readexactly(decode_header(header))
                answer = await client.get_item(TableName=TABLE, Key={"id": {"S": asked.decode()}})
                writer.write(encode(csv_reply(from_attributes(answer["Item"]))))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        print("listening on", f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True, file=sys.stderr)
        await server.serve_forever()


def rate(standin: StandIn, document: Path, each: int, arguments: Sequence[str]) -> float:
    """Return lookups a second. Raises AssertionError if the table was not asked for each record."""
    command = python("-m", *arguments)
    with running(command, standin.environment, pin=pin_to_first_core) as server:
        port = server.line(r"^listening on \S+:(\d+)")[1]
        standin.clear("counts")
        elapsed = float(fresh(f"{__name__}:seconds", port, document, each))
    asked = standin.counts()["table"]["items_read"]
    if asked < CONNECTIONS * each:
        raise AssertionError(f"the table was asked for {asked} records, not {CONNECTIONS * each}")
    return CONNECTIONS * each / elapsed


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    document, each = run.feed(run.pick(0.2, 8)), run.pick(2, 90)
    with running_standin() as standin:
        load(standin, document, run.folder)
        standin.clear("objects")  # no snapshot is there to be held in memory
        pin_to_last_core(standin.pid)
        work: Callable[..., float] = partial(rate, standin, document, each)
        mine, theirs = in_turns(
            run.rounds,
            partial(work, OURS),
            partial(work, (__name__, standin.endpoint)),
        )
    yield Figure(
        "7 lookups in DynamoDB, 50 connections",
        "lookups/s",
        Side("ours", mine),
        Side("aioboto3 get_item each", theirs),
        goal=Goal(10),
    )


if __name__ == "__main__":
    uvloop.run(peer(sys.argv[1]))
