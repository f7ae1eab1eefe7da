"""deploy/cloudformation.yml: the dollars that its parameters name are those of AWS's price list."""

import re
from decimal import ROUND_HALF_UP, Decimal

from tests.doubles.template import Stack

AN_HOUR = {
    "t4g.micro": "0.0084",
    "t4g.small": "0.0168",
    "t4g.medium": "0.0336",
    "c7g.medium": "0.0363",
    "c7g.large": "0.0725",
}
"""Dollars of a type, us-east-1, on demand (AWS's price list, October 2026)."""
ADDRESS, BALANCER, UNIT = "0.005", "0.0225", "0.006"
"""Dollars an hour of a public address, of a Network Load Balancer, and of a unit of what it carries."""
DISK, METRICS, ALARMS = "0.64", "3.00", "0.20"
"""Dollars a month: 8 GB of gp3 at 0.08, ten metrics at 0.30, two alarms at 0.10."""


def a_month(*hourly: str) -> Decimal:
    """Dollars of 730 hours, to the cent."""
    return sum((Decimal(each) * 730).quantize(Decimal("0.01"), ROUND_HALF_UP) for each in hourly) + Decimal()


def test_what_instances_and_balancer_cost_a_month_is_what_their_hours_cost() -> None:
    said = {name: each["Description"] for name, each in Stack().template["Parameters"].items()}
    kinds = dict(re.findall(r"(\w\dg\.\w+) (\d+\.\d\d)", said["ReplicaType"]))
    assert {kind: Decimal(dollars) for kind, dollars in kinds.items()} == {
        kind: a_month(hourly) for kind, hourly in AN_HOUR.items()
    }
    replica = a_month(AN_HOUR["t4g.micro"], ADDRESS) + Decimal(DISK)
    assert sums(said["Replicas"]) == [replica, a_month(BALANCER), a_month(UNIT), a_month(ADDRESS, ADDRESS)]
    parts = [
        a_month(AN_HOUR["t4g.micro"]),
        Decimal(DISK),
        a_month(ADDRESS),
        Decimal(METRICS),
        Decimal(ALARMS),
    ]
    assert sums(said["WheelhouseSha256"]) == [sum(parts), *parts]


def sums(text: str) -> list[Decimal]:
    """The sums of money that a text names, in its order."""
    return [Decimal(found) for found in re.findall(r"\d+\.\d\d\b", text)]
