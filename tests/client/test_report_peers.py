"""The report's own programs as they are: its client against our server, our client against its server."""

import asyncio
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from aqi_service.client import Client
from tests import ROOT
from tests.doubles.wire_fixtures import CSV, FOUND, on_each_loop, serving

PEERS = ROOT / "tests" / "doubles" / "report_peers.py"
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
ITEM = {  # as the report's LoadingData.py stores it: a numeric key, and the feed's strings
    "AQI_range": "Low",
    "P10": "7.50",
    "P2.5": ".9",
    "id": 18456691289,
    "latitude": "48.8",
    "longitude": "9.003",
    "altitude": "-5.2",
    "country": "DE",
    "timestamp": "2023-12-20 17:00:00",
    "date": "2023-12-20",
    "AQI": 1,
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no AWS setting of this machine in the environment, and credentials that mean nothing."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def table(aws: None, moto_endpoint: str) -> str:
    """Fill a table as the report's scripts do; give its name."""
    name = f"sensor_data_raw_{uuid.uuid4().hex}"
    created: Any = boto3.resource("dynamodb", endpoint_url=moto_endpoint).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    created.put_item(Item=ITEM)
    return name


@pytest.fixture
def report_server(moto_endpoint: str, table: str, tmp_path: Path) -> Iterator[int]:
    """Run the report's server; give its port."""
    command = [sys.executable, str(PEERS), "server", "127.0.0.1", "0", table, moto_endpoint]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            listening = next(line for line in lines if line.startswith("Server is listening on "))
            yield int(listening.split()[-1])
        finally:
            process.kill()


@on_each_loop
async def test_the_reports_client_gets_its_csv_byte_for_byte_from_our_server(tmp_path: Path) -> None:
    async def answer(payload: bytes) -> bytes:
        assert payload == FOUND.encode()
        return CSV

    async with serving(answer) as served:
        process = await asyncio.create_subprocess_exec(
            sys.executable, PEERS, "client", "127.0.0.1", str(served.port), FOUND, cwd=tmp_path,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate()
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut.total() == 0
    assert process.returncode == 0
    assert (tmp_path / f"data_{FOUND}.csv").read_bytes() == CSV
    assert printed == CSV + f"\n{CSV!r}\n".encode()


async def test_our_library_reads_the_reports_server_by_column_name(report_server: int) -> None:
    async with Client("127.0.0.1", report_server) as client:
        record = await client.lookup(FOUND)
    assert record == {name: str(value) for name, value in ITEM.items()}


async def test_our_library_understands_item_not_found_without_a_header(report_server: int) -> None:
    async with Client("127.0.0.1", report_server) as client:
        assert await client.lookup("1") is None
        assert await client.lookup(FOUND) is not None
        assert await client.lookup("2") is None
        assert [record is None async for _, record in client.lookup_many([FOUND, "3", FOUND])] == [
            False,
            True,
            False,
        ]


def test_our_command_works_against_the_reports_server(report_server: int, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    command = [sys.executable, "-m", "aqi_service.client", "--port", str(report_server), FOUND, "140", FOUND]
    ran = subprocess.run(command, cwd=saved, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    header, row = ",".join(ITEM), ",".join(str(value) for value in ITEM.values())
    assert ran.stdout.splitlines() == [header, row, row]
    assert re.fullmatch(r"aqi-client: 140: Item not found \(.*sensor.*\)\n", ran.stderr)
    assert [file.name for file in saved.iterdir()] == [f"data_{FOUND}.csv"]
