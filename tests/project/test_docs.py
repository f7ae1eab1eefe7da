"""What the documents show is what the program does."""

import math
import os
import re
import subprocess
import sys

import orjson

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.day_cache import KEPT_SECONDS, MOST_DAYS_KEPT
from aqi_service.core.frames import MAX_REPLY, MAX_REQUEST, encode
from aqi_service.core.items import COLUMNS, Item
from aqi_service.core.parse.record_item import REASONS, ScoringRules
from aqi_service.core.requests import MOST_ROWS
from aqi_service.core.scales import DAQI
from aqi_service.core.snapshot_names import parse_name
from aqi_service.lookup.history import MOST_CONCURRENT
from aqi_service.server.connection import READ_SIZE
from aqi_service.server.connection_log import CUT_LINES
from aqi_service.server.large_replies import SLOTS
from aqi_service.server.limits import Limits
from aqi_service.server.replies import ANSWER_SECONDS, CONCURRENT_LOOKUPS, TURN, TURNS
from aqi_service.server.server import ACCEPT_BURST, LISTEN_QUEUE
from aqi_service.server.sockets import (
    KEEPALIVE,
    RECEIVE_BUFFER,
    SEND_BUFFER,
    SPREAD,
    UNSENT,
    default_max_connections,
)
from aqi_service.shutdown import GRACE_SECONDS, LAST_SECONDS
from aqi_service.storage.aws.dynamodb_attributes import to_attributes
from aqi_service.storage.sensor_reads import PAGE_LIMIT
from tests import ROOT
from tests.doubles.config import config
from tests.doubles.documents import assemble, real_capture
from tests.doubles.faults.aws_rules import item_size
from tests.doubles.storage_items import FULL

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
LIMITS = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
POLICIES = sorted((ROOT / "deploy" / "iam").glob("*.json"))
OPERATIONS, REPORTS, SCALING = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("operations", "reports", "scaling")
)


def rows_of_the_capture() -> dict[str, str]:
    """Give the CSV of every item of the bundled capture by its id."""
    parsed = parse_name("data_10_08_17_11_23.json")
    assert parsed is not None
    out, _ = assemble(real_capture(), rules=ScoringRules(DAQI, parsed[1]))
    return {item.id: csv_reply(item).decode() for item in out if isinstance(item, Item)}


def test_the_rows_in_readme_and_protocol_are_those_that_the_program_makes() -> None:
    made = rows_of_the_capture()
    shown = re.findall(r"^(2504\d+),.*$", README + PROTOCOL, re.MULTILINE)
    lines = re.findall(r"^2504\d+,.*$", README + PROTOCOL, re.MULTILINE)
    assert len(lines) == 4
    assert [made[record_id].splitlines()[1] for record_id in shown] == lines


def test_the_record_worked_out_by_hand_is_that_of_the_capture() -> None:
    block = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert block is not None
    by_hand = orjson.loads(block[1])
    record = next(one for one in orjson.loads(real_capture()) if one["id"] == by_hand["id"])
    assert by_hand["timestamp"] == record["timestamp"]
    assert by_hand["location"].items() <= record["location"].items()
    assert [(v["value_type"], v["value"]) for v in by_hand["sensordatavalues"]] == [
        (v["value_type"], v["value"]) for v in record["sensordatavalues"]
    ]


def test_the_frames_in_the_protocol_have_the_lengths_that_it_says() -> None:
    reply = rows_of_the_capture()["250451653"].encode()
    assert encode(b"250451653").decode() in PROTOCOL
    assert f"64 + {len(reply)} bytes: the length `{len(reply)}`" in PROTOCOL


def the_limits() -> dict[str, str]:
    """Give the limits of the code, in the words of the table."""
    limits, most = Limits(), default_max_connections(-1)
    idle, every, probes = KEEPALIVE.values()
    connections = config().connections
    return {
        "connections": f"at most {most:,}, from the descriptor limit",
        "connections of one address": {2: "half of all"}[connections // config().connections_per_address],
        "descriptors kept free": {(750, 1500): "128 and a quarter of the rest"}[
            default_max_connections(128 + 1000), default_max_connections(128 + 2000)
        ],
        "waiting to be accepted": f"{LISTEN_QUEUE:,}",
        "accepted in one turn of the loop": f"{ACCEPT_BURST}",
        "refused at once with a reason": f"{limits.max_refusing}",
        "request": f"{MAX_REQUEST:,} bytes",
        "a frame, first byte to last": f"{limits.frame_timeout:g} s",
        "between two requests": f"{limits.idle_timeout:g} s",
        "without taking a byte of the replies": f"{limits.write_timeout:g} s",
        "after our last byte": f"{limits.linger_timeout:g} s",
        "one read": f"{READ_SIZE // 1024} KiB",
        "lookups of one connection at once": f"{CONCURRENT_LOOKUPS}",
        "requests before others have their turn": f"{TURN}",
        "histories at once": f"{MOST_CONCURRENT}",
        "boxes and countries at once": f"{SLOTS}, one of which is written",
        "rows of a reply": f"{MOST_ROWS:,}, of at most {MAX_REPLY >> 20} MiB",
        "read units a second, all histories": f"{config().read_units} (`--read-units`)",
        "finished days in memory": {3600: f"{MOST_DAYS_KEPT:,}, an hour each"}[int(KEPT_SECONDS)],
        "reads that have their turn at once": f"{TURNS}",
        "answers of one read": f"{ANSWER_SECONDS:g} s",
        "kernel: received": f"{RECEIVE_BUFFER // 1024} KiB",
        "kernel: to be sent": f"{SEND_BUFFER // 1024} KiB",
        "kernel: not sent yet": f"{UNSENT // 1024} KiB",
        "lines in the log on cut connections": f"{CUT_LINES} a minute of each reason",
        "keepalive": f"after {idle - SPREAD // 2} to {idle + SPREAD // 2} s, every {every} s, {probes} times",
        "stop: answers": f"{GRACE_SECONDS:g} s",
        "stop: in all": f"{LAST_SECONDS:g} s",
    }


def test_the_table_of_limits_has_those_of_the_code() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ", LIMITS, re.MULTILINE)
    assert dict(rows[1:]) == the_limits()


def test_what_a_history_costs_is_worked_out_by_the_formula_beside_it() -> None:
    table = SCALING.partition("| records | pages | read units |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| .* \| ([0-9,]+) \| ([0-9]+) \| ([0-9.]+) \|$", table, re.MULTILINE)
    size = int(re.findall(r"A record has some ([0-9]+) bytes", SCALING)[0])
    assert abs(size - item_size(to_attributes(FULL, "S"))) <= 5
    assert len(rows) == 5
    for records, pages, units in rows:
        count = int(records.replace(",", ""))
        sizes = [min(PAGE_LIMIT, count - start) for start in range(0, count, PAGE_LIMIT)]
        cost = sum(0.5 * math.ceil(each * size / 4096) for each in sizes)
        assert (int(pages), float(units)) == (len(sizes), cost)


def test_the_page_of_reports_names_every_reason_for_a_rejection() -> None:
    assert [reason for reason in REASONS if f"`{reason}`" not in REPORTS] == []


def test_the_protocol_names_every_column() -> None:
    assert [column.name for column in COLUMNS if f"`{column.name}`" not in PROTOCOL] == []


def test_security_says_of_every_action_of_the_policies_what_needs_it() -> None:
    table = SECURITY.partition("| action | who |")[2]
    named = {action for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for action in row.split(", ")}
    allowed = {
        action
        for policy in POLICIES
        for statement in orjson.loads(policy.read_bytes())["Statement"]
        for action in statement["Action"]
    }
    assert {action for action in named if ":" in action} == allowed


def test_the_tests_that_security_names_are_there() -> None:
    named = re.findall(r"`((?:\w+/)*test_\w+)`", SECURITY)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / "tests" / f"{name}.py").exists()] == []


def test_the_command_in_operations_fills_a_policy_in() -> None:
    fill = re.search(r"fill='(.*)'", OPERATIONS)
    assert fill is not None
    names = {
        "BUCKET": "b",
        "TABLE": "t",
        "REGION": "r",
        "ACCOUNT": "1",
        "NAMESPACE": "n",
        "SOURCE_BUCKET": "s",
        "SOURCE_PREFIX": "p/",
        "EXPORT_BUCKET": "e",
        "EXPORT_PREFIX": "q/",
    }
    for policy in POLICIES:
        done = subprocess.run(
            [sys.executable, "-c", fill[1]],
            env=os.environ | names,
            input=policy.read_bytes(),
            capture_output=True,
            check=True,
        )
        filled = orjson.loads(done.stdout)
        assert len(filled["Statement"]) == len(orjson.loads(policy.read_bytes())["Statement"])
        assert b"$" not in done.stdout
