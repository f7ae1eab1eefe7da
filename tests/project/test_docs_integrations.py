"""Each example of docs/integrations.md does what the page says, on a real service."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from prometheus_client.parser import text_string_to_metric_families

from aqi_service.core.items import Item
from aqi_service.core.times import DAY, HOUR, iso
from tests import ROOT
from tests.doubles.api_world import TAKEN, ApiWorld, capture_items, capture_served, index_of, served
from tests.doubles.integrations_page import EXAMPLES, PAGE, PRINTED, here
from tests.doubles.outside import needs_package, needs_program
from tests.doubles.patience import patience
from tests.doubles.program import environment
from tests.doubles.promtool import promtool, with_promtool
from tests.doubles.storage_doubles import MemoryStore

with_curl = needs_program("curl", "install curl")


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with capture_served() as world:
        yield world


async def run(*command: str, cwd: Path) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    env = environment(no_proxy="*")
    done = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=env, stdout=pipe, stderr=pipe)
    async with patience():
        out, err = await done.communicate()
    return done.returncode or 0, out.decode(), err.decode()


async def curl(example: str, world: ApiWorld, cwd: Path) -> tuple[int, str, str]:
    return await run("sh", "-c", here(EXAMPLES[example], world), cwd=cwd)


def test_no_example_is_without_a_test() -> None:
    assert PAGE.count("```") == 2 * (len(EXAMPLES) + len(PRINTED))
    assert set(EXAMPLES) == {
        "prometheus.yml", "air_rules.yml", "configuration.yaml",
        "badges.html", "ask.sh", "latest.sh", "medians.sql", "medians.py", "days.py",
    }  # fmt: skip


def scrape() -> dict[str, Any]:
    jobs: list[dict[str, Any]] = yaml.safe_load(EXAMPLES["prometheus.yml"])["scrape_configs"]
    return next(job for job in jobs if job["job_name"] == "air")


def test_the_service_is_the_job_that_its_own_alerts_look_for() -> None:
    """Else who has the page's settings and deploy's rules is called for a daemon that answers."""
    jobs = {job["job_name"] for job in yaml.safe_load(EXAMPLES["prometheus.yml"])["scrape_configs"]}
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    asked = set(re.findall(r'job="([^"]+)"', rules))
    assert asked == {job["job_name"] for job in settings["scrape_configs"]}
    assert jobs == {"air"} | asked


async def test_what_prometheus_asks_for_is_answered_with_what_the_alerts_look_at(world: ApiWorld) -> None:
    job = scrape()
    path = job["metrics_path"].removeprefix("/api/v1")
    reply = await world.ask(f"{path}?{urlencode(job['params'], doseq=True)}")
    assert reply.status == 200
    families = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}
    assert set(re.findall(r"aqi_area_\w+", EXAMPLES["air_rules.yml"])) <= set(families)
    asked = {area.rsplit(",", 3)[0] for area in job["params"]["area"]}
    (index,) = (family for name, family in families.items() if name == "aqi_area_index")
    assert {sample.labels["area"] for sample in index.samples} == asked
    assert {sample.labels["scale"] for sample in index.samples} == {"daqi"}


@with_promtool
def test_promtool_is_content_with_settings_and_rules(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "air_rules.yml"):
        (tmp_path / name).write_text(EXAMPLES[name], encoding="utf-8")
    code, said = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert code == 0, said
    assert "4 rules found" in said


AREA = '{instance="i", job="air", area="Stuttgart"'

STEADY = f"""\
      - {{series: 'aqi_area_measured_timestamp_seconds{AREA}}}', values: '0+120x300'}}
      - {{series: 'up{{instance="i", job="air"}}', values: '1x300'}}"""
"""Two minutes are a step: new records all the time, and answers."""


def alerts(case: str, name: str, minutes: int, series: str, *, fires: bool, steady: str = STEADY) -> str:
    """Write a case for promtool: whether an alert fires after so many minutes of these series."""
    labels = 'instance: "i", job: "air", area: "Stuttgart"' + (', scale: "daqi"' if name == "AirHigh" else "")
    said = "Stuttgart: how the air is, is not known"
    if name == "AirHigh":
        said = "Stuttgart: air-quality index 7, 7 or more for 2 hours"
    alert = f"\n          - {{exp_labels: {{{labels}}}, exp_annotations: {{summary: '{said}'}}}}"
    return f"""
  - name: {case}
    interval: 2m
    input_series:
{steady}
{series}
    alert_rule_test:
      - alertname: {name}
        eval_time: {minutes}m
        exp_alerts:{alert if fires else " []"}
"""


def index(values: str, sensors: str = "3x300") -> str:
    return f"""\
      - {{series: 'aqi_area_index{AREA}, scale="daqi"}}', values: '{values}'}}
      - {{series: 'aqi_area_sensors{AREA}}}', values: '{sensors}'}}"""


OLD = STEADY.replace("0+120x300", "0x300")
FEW = index("_x300", "2x300")
AT_A_TIME = index("7x20 stale stale stale stale stale 7x100", "3x20 stale stale stale stale stale 3x100")

CASES = (
    alerts("two hours at 7", "AirHigh", 121, index("7x300"), fires=True),
    alerts("not yet two hours", "AirHigh", 118, index("7x300"), fires=False),
    alerts("index 6", "AirHigh", 300, index("6x300"), fires=False),
    alerts("6 for a moment", "AirHigh", 150, index("7x30 6x10 7x100"), fires=False),
    alerts("two sensors", "AirHigh", 300, index("7x300", "2x300"), fires=False),
    alerts("no answer for ten minutes", "AirHigh", 121, AT_A_TIME, fires=True),
    alerts("too few sensors", "AirUnknown", 61, FEW, fires=True),
    alerts("all is known", "AirUnknown", 300, index("7x300"), fires=False),
    alerts("nothing new for four hours", "AirUnknown", 242, index("7x300"), fires=True, steady=OLD),
    alerts("nothing new for three hours", "AirUnknown", 180, index("7x300"), fires=False, steady=OLD),
)


@with_promtool
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.split("\n")[1].partition(": ")[2])
def test_the_alerts_come_when_they_should(case: str, tmp_path: Path) -> None:
    (tmp_path / "air_rules.yml").write_text(EXAMPLES["air_rules.yml"], encoding="utf-8")
    (tmp_path / "case.yml").write_text(
        f"rule_files: [air_rules.yml]\nevaluation_interval: 1m\ntests:{case}", encoding="utf-8"
    )
    code, said = promtool("test", "rules", "case.yml", cwd=tmp_path)
    assert code == 0, said


@with_promtool
def test_an_answer_that_does_not_come_and_requests_that_fail_are_alerts_and_the_p99_is_recorded(
    tmp_path: Path,
) -> None:
    (tmp_path / "air_rules.yml").write_text(EXAMPLES["air_rules.yml"], encoding="utf-8")
    (tmp_path / "case.yml").write_text(
        """\
rule_files: [air_rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{instance="i", job="air"}', values: '0x300'}
      - {series: 'aqi_requests_total{kind="near", outcome="failed"}', values: '0+1x300'}
      - {series: 'aqi_requests_total{kind="near", outcome="found"}', values: '0+9x300'}
      - {series: 'aqi_request_seconds_bucket{kind="near", le="0.5"}', values: '0+60x300'}
      - {series: 'aqi_request_seconds_bucket{kind="near", le="1.0"}', values: '0+100x300'}
      - {series: 'aqi_request_seconds_bucket{kind="near", le="+Inf"}', values: '0+100x300'}
    alert_rule_test:
      - alertname: AirUnknown
        eval_time: 61m
        exp_alerts:
          - exp_labels: {instance: i, job: air}
            exp_annotations: {summary: "i: how the air is, is not known"}
      - alertname: RequestsFail
        eval_time: 30m
        exp_alerts:
          - exp_labels: {kind: near, outcome: failed}
            exp_annotations: {summary: "requests of the kind near end as failed"}
    promql_expr_test:
      - expr: kind:aqi_request_seconds:p99
        eval_time: 30m
        exp_samples:
          - {labels: 'kind:aqi_request_seconds:p99{kind="near"}', value: 0.9875}
""",
        encoding="utf-8",
    )
    code, said = promtool("test", "rules", "case.yml", cwd=tmp_path)
    assert code == 0, said


@with_curl
async def test_curl_gives_a_sensor_and_the_three_nearest_and_ends_with_22_for_none(
    world: ApiWorld, tmp_path: Path
) -> None:
    code, out, _ = await curl("ask.sh", world, tmp_path)
    sensor, header, *rows = out.splitlines()
    assert (code, '"sensor_id":"1118"' in sensor, header[:3], len(rows)) == (0, True, "id,", 3)
    unknown = here(EXAMPLES["ask.sh"].splitlines()[0].replace("1118", "7"), world)
    assert (await run("sh", "-c", unknown, cwd=tmp_path))[0] == 22


@with_curl
async def test_the_file_of_all_sensors_is_sent_again_only_when_something_has_changed(
    world: ApiWorld, tmp_path: Path
) -> None:
    assert await curl("latest.sh", world, tmp_path) == (0, "", "")
    first = (tmp_path / "latest.csv").read_bytes()
    assert first == (await world.ask("/latest.csv")).body
    (tmp_path / "latest.csv").write_bytes(b"as it was")
    assert await curl("latest.sh", world, tmp_path) == (0, "", "")
    assert (tmp_path / "latest.csv").read_bytes() == b"as it was"
    other = ApiWorld(MemoryStore())
    other.memory.offer(index_of(capture_items()[:9]))
    async with served(other):
        assert await curl("latest.sh", other, tmp_path) == (0, "", "")
        assert (tmp_path / "latest.csv").read_bytes() == (await other.ask("/latest.csv")).body


DUCKDB = """
import duckdb, sys
for row in duckdb.sql(sys.argv[1]).fetchall():
    print(*row, sep="|")
"""


@needs_package("duckdb")
async def test_duckdb_prints_what_stands_below(world: ApiWorld, tmp_path: Path) -> None:
    (tmp_path / "latest.csv").write_bytes((await world.ask("/latest.csv")).body)
    done = await run(sys.executable, "-c", DUCKDB, EXAMPLES["medians.sql"], cwd=tmp_path)
    assert done == (0, PRINTED["medians.sql"], "")


@needs_package("pandas")
async def test_pandas_prints_what_stands_below(world: ApiWorld, tmp_path: Path) -> None:
    done = await run(sys.executable, "-c", here(EXAMPLES["medians.py"], world), cwd=tmp_path)
    assert done == (0, PRINTED["medians.py"], "")


def of_2017(day: int, seconds: int, index: str) -> Item:
    """Make a record of sensor 1118 at a second of a day of August."""
    at = TAKEN // DAY * DAY + (day - 10) * DAY + seconds
    item = next(item for item in capture_items() if item.sensor_id == "1118")
    time = iso(at).removesuffix("Z")
    return item._replace(id=str(at), measured_at=at, timestamp=time, date=time[:10], aqi=index)


@needs_package("pandas")
async def test_the_days_of_a_sensor_that_count_are_those_with_a_mean(tmp_path: Path) -> None:
    late = 23 * HOUR
    items = [
        of_2017(1, late, "6"),
        of_2017(2, late, "4"),
        of_2017(3, late, "3"),
        of_2017(4, 5 * HOUR, "9"),
    ]
    async with served(ApiWorld(MemoryStore(*items))) as world:
        done = await run(sys.executable, "-c", here(EXAMPLES["days.py"], world), cwd=tmp_path)
    assert done == (0, "3 days known, 2 of them at index 4 or more\n", "")
