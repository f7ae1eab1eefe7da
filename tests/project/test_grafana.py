"""deploy/grafana/: what the dashboard asks for is PromQL, and a daemon has it; so for rules and manual."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from prometheus_client.parser import text_string_to_metric_families

from tests import ROOT
from tests.doubles.certificates import certificate
from tests.doubles.daemons import BODY
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.program import running
from tests.doubles.promtool import promtool, with_promtool

GRAFANA = ROOT / "deploy" / "grafana"
BOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/aqi-service.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))

METRIC = re.compile(r"\b(?:aqi|process|python)_\w+")
BY = re.compile(r"\bby \(([\w, ]+)\)")
LABEL = re.compile(r"(\w+)(?:=|!=|=~|!~)\"")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def rules() -> Iterator[str]:
    return (str(rule["expr"]) for group in RULES["groups"] for rule in group["rules"])


def checked(texts: list[str], folder: Path) -> tuple[int, str]:
    """Put each query into a rule of its own; give what promtool says of them."""
    recorded = [{"record": f"query:number:{i}", "expr": text} for i, text in enumerate(texts)]
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": recorded}]}))
    return promtool("check", "rules", "rules.yml", cwd=folder)


@with_promtool
def test_each_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    found = queries()
    code, said = checked(found, tmp_path)
    assert (code, f"{len(found)} rules found" in said) == (0, True), said
    assert len(found) > len(panels()) > 20


@with_promtool
def test_a_query_that_is_no_promql_would_be_noticed(tmp_path: Path) -> None:
    code, said = checked([*queries(), "sum by (kind aqi_tcp_connections)"], tmp_path)
    assert (code, "parse error" in said) == (1, True)


def in_the_manual() -> list[str]:
    """Give the metrics of the manual's table."""
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = manual.partition("## Health and metrics")[2].partition("\n## ")[0]
    named = "".join(re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE))
    return re.findall(r"`(aqi_\w+)", named)


async def shown(folder: Path) -> dict[str, set[str]]:
    """Give the samples that a daemon shows after a load, with their labels: in a folder, over TLS."""
    tls = ("--tls-cert", str(certificate(folder)))
    options = ("--local", "d", "--port", "0", "--http-port", "0", *tls)
    async with (
        feed_server((answer(BODY),)) as feed,
        running(*options, "--feed-url", feed.url(), cwd=folder) as program,
    ):
        assert (await program.report())["status"] == "complete"
        await program.line(" memory_replaced ")
        text = (await program.page("/metrics"))[1]
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_a_running_daemon_has_the_metrics_that_dashboard_rules_and_manual_name_and_no_other(
    tmp_path: Path,
) -> None:
    found = await shown(tmp_path)
    for text in (*queries(), *rules()):
        plain = re.sub(r"instance(?:_kind)?:\w+:\w+", "", text)  # recorded, by another rule
        metrics = set(METRIC.findall(plain))
        assert metrics <= set(found), text
        labels = {"instance", "job", *(label for metric in metrics for label in found[metric])}
        asked = {label.strip() for group in BY.findall(plain) for label in group.split(",")}
        assert (asked | set(LABEL.findall(text))) <= labels, text
    looked_at = set(METRIC.findall(" ".join((*queries(), *rules()))))
    own = {name for name in found if name.startswith("aqi_") and not name.endswith(("_sum", "_count"))}
    assert own - looked_at == set()  # else nobody sees it
    assert {name.removesuffix("_bucket") for name in own} == set(in_the_manual())


def test_what_rules_record_is_recorded_before_it_is_asked_for() -> None:
    recorded = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
    asked = {name for text in rules() for name in re.findall(r"\w+:\w+:\w+", text)}
    assert asked <= recorded


def test_each_panel_has_its_own_number_and_place_and_all_are_of_the_daemons_that_were_chosen() -> None:
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))
    for text in queries():
        assert text.count('{instance=~"$instance"') == len(METRIC.findall(text)), text
    for panel in panels():
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.parametrize("path", sorted(GRAFANA.rglob("*.yml")), ids=lambda path: path.name)
def test_what_grafana_is_provisioned_with_is_yaml_of_its_first_version(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["apiVersion"] == 1
