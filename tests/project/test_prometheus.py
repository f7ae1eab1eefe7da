"""deploy/prometheus/: rules that promtool accepts; alerts fire where they should, and say what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from prometheus_client.parser import text_string_to_metric_families

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.server.limits import ServerCounts
from tests import ROOT
from tests.doubles.headings import anchors
from tests.doubles.promtool import promtool, with_promtool

FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))
CASES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.test.yml").read_text(encoding="utf-8"))
OF_ONE_ALERT = [case for case in CASES["tests"] if "alert_rule_test" in case]
"""The others say of all alerts together which of them fire."""


def alerts(rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


NAMES = {alert["alert"] for alert in alerts(RULES)}


@with_promtool
def test_promtool_is_content_with_rules_and_settings() -> None:
    code, said = promtool("check", "config", "prometheus.yml", cwd=FOLDER)
    assert code == 0, said
    assert "19 rules found" in said


@with_promtool
def test_each_alert_fires_where_it_should_and_not_where_it_should_not() -> None:
    code, said = promtool("test", "rules", "rules.test.yml", cwd=FOLDER)
    assert code == 0, said


def test_each_alert_has_a_moment_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    moments = [moment for case in OF_ONE_ALERT for moment in case["alert_rule_test"]]
    for fires in (True, False):
        assert {each["alertname"] for each in moments if bool(each["exp_alerts"]) is fires} == NAMES


def test_what_an_alert_counts_is_there_before_it_first_happens() -> None:
    """Else a sum with it would be nothing, and of the first time no increase could be seen."""
    text = metrics(ServiceStatus(ServerCounts()))().decode()
    there = {
        (s.name, *label)
        for f in text_string_to_metric_families(text)
        for s in f.samples
        for label in s.labels.items()
    }
    asked = {
        (metric, *label)
        for rule in RULES["groups"][0]["rules"]
        for metric, labels in re.findall(r"(aqi_\w+){(.*?)}", rule["expr"])
        for label in re.findall(r'(\w+)="(\w+)"', labels)
    }
    assert asked <= there
    assert len(asked) == 3


@with_promtool
@pytest.mark.parametrize("expression", ["vector(1) > 2", "vector(1)"], ids=["never", "always"])
def test_an_alert_that_fires_never_or_always_would_be_noticed(expression: str, tmp_path: Path) -> None:
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))
    for alert in alerts(rules):
        alert |= {"expr": expression, "for": "0s", "annotations": {}}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (tmp_path / "rules.test.yml").write_text(
        yaml.safe_dump(CASES | {"tests": OF_ONE_ALERT}), encoding="utf-8"
    )
    code, said = promtool("test", "rules", "rules.test.yml", cwd=tmp_path)
    assert (code, set(re.findall(r"alertname: ?(\w+)", said))) == (1, NAMES)


@pytest.mark.parametrize("alert", alerts(RULES), ids=lambda alert: alert["alert"])
def test_each_alert_says_what_it_is_and_names_a_heading_of_the_runbook(alert: dict[str, Any]) -> None:
    page, _, heading = alert["annotations"]["runbook"].partition("#")
    assert heading in anchors(ROOT / page, below="Runbook")
    assert "$labels.instance" in alert["annotations"]["summary"]
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_no_heading_of_the_runbook_is_without_an_alert() -> None:
    named = {alert["annotations"]["runbook"].partition("#")[2] for alert in alerts(RULES)}
    assert set(anchors(ROOT / "docs" / "operations.md", below="Runbook")) == named


def test_the_alarms_of_cloudwatch_name_headings_of_the_runbook_as_well() -> None:
    template = (ROOT / "deploy" / "cloudformation.yml").read_text(encoding="utf-8")
    named = re.findall(r"AlarmDescription:[^:]*: docs/operations\.md#([\w-]+)", template)
    assert len(named) == template.count("AlarmDescription:") == 2
    assert set(named) <= set(anchors(ROOT / "docs" / "operations.md", below="Runbook"))
