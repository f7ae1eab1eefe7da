"""deploy/cloudformation.yml as CloudFormation reads it: conditions decided, functions resolved.

One rule: a function or a name that is not known here is an error. What only AWS can know, such as the id of a
resource, is its name between angle brackets.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from tests import ROOT

PATH = ROOT / "deploy" / "cloudformation.yml"
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "aqi",
}
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b"
SHA256 = 64 * "a"
NOTHING = object()
"""AWS::NoValue: whoever has it as a value goes without."""

REPLACED = {"AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", "Scheme", "Type")}
"""Types of which a Ref is an ARN that ends with an id of its own -> the properties whose change has AWS make
another one (AWS's template reference, "Update requires: Replacement")."""

_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # as above
    """Reads the short form of functions as their long form."""


def _function(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    kinds = {"scalar": loader.construct_scalar, "sequence": loader.construct_sequence}
    read: Callable[..., Any] = kinds.get(node.id, loader.construct_mapping)
    value = read(node) if node.id == "scalar" else read(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


@cache
def read_template() -> dict[str, Any]:
    """Read the template as it is written, with functions in their long form."""
    found: dict[str, Any] = yaml.load(PATH.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a safe one
    return found


class Stack:
    """What a stack would be made of, given its parameters; others have their defaults."""

    def __init__(self, **parameters: str) -> None:
        self.template = read_template()
        declared = self.template["Parameters"]
        assert parameters.keys() <= declared.keys()
        defaults = {name: str(each["Default"]) for name, each in declared.items()}
        self.parameters = defaults | parameters

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds, resolved."""
        return self._those_that_are("Resources")

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs whose condition holds, resolved."""
        return {name: each["Value"] for name, each in self._those_that_are("Outputs").items()}

    @property
    def refusals(self) -> list[str]:
        """What CloudFormation says of parameters that the template's rules do not allow."""
        rules = [each for each in self.template["Rules"].values() if self._resolved(each["RuleCondition"])]
        asserted = [each for rule in rules for each in rule["Assertions"]]
        return [each["AssertDescription"] for each in asserted if not self._resolved(each["Assert"])]

    def properties(self, name: str) -> dict[str, Any]:
        """Give a resource's properties."""
        found: dict[str, Any] = self.resources[name].get("Properties", {})
        return found

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Give the properties of all resources of a type."""
        return {n: self.properties(n) for n, each in self.resources.items() if each["Type"] == kind}

    def policies(self, role: str) -> dict[str, Any]:
        """Give the documents of a role's own policies by their names."""
        return {each["PolicyName"]: each["PolicyDocument"] for each in self.properties(role)["Policies"]}

    def user_data(self, launch_template: str) -> str:
        """Give the script that an instance begins with."""
        return str(self.properties(launch_template)["LaunchTemplateData"]["UserData"])

    def _those_that_are(self, section: str) -> dict[str, dict[str, Any]]:
        there = {
            name: {key: value for key, value in each.items() if key != "Condition"}
            for name, each in self.template[section].items()
            if "Condition" not in each or self._holds(each["Condition"])
        }
        return {name: self._resolved(each) for name, each in there.items()}

    def _holds(self, name: str) -> bool:
        return bool(self._resolved(self.template["Conditions"][name]))

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [found for each in value if (found := self._resolved(each)) is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (function := self._functions.get(next(iter(value)))):
            return function(next(iter(value.values())))
        assert not [key for key in value if key == "Ref" or key.startswith("Fn::")], value
        found = {key: self._resolved(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not NOTHING}

    @cached_property
    def _functions(self) -> Mapping[str, Callable[[Any], Any]]:
        each = self._resolved
        return {
            "Ref": self._named,
            "Condition": self._holds,
            "Fn::GetAtt": lambda words: self._named(".".join(words)),
            "Fn::Sub": self._substituted,
            "Fn::If": lambda words: each(words[1] if self._holds(words[0]) else words[2]),
            "Fn::Equals": lambda words: str(each(words[0])) == str(each(words[1])),
            "Fn::Not": lambda words: not each(words[0]),
            "Fn::And": lambda words: all(map(each, words)),
            "Fn::Or": lambda words: any(map(each, words)),
            "Fn::Join": lambda words: words[0].join(map(str, each(words[1]))),
            "Fn::FindInMap": lambda words: self.template["Mappings"][words[0]][each(words[1])][
                each(words[2])
            ],
            "Fn::Select": lambda words: each(words[1])[int(words[0])],
            "Fn::Split": lambda words: each(words[1]).split(words[0]),
            "Fn::GetAZs": lambda region: [f"{each(region) or PSEUDO['AWS::Region']}{zone}" for zone in "abc"],
            "Fn::Base64": each,
        }

    def _named(self, name: str, **more: Any) -> Any:
        """Give what a name stands for; of a resource that would not be there it is an error."""
        if name == "AWS::NoValue":
            return NOTHING
        known = {**PSEUDO, **self.parameters, **more}
        if name in known:
            is_list = self.template["Parameters"].get(name, {}).get("Type") == "CommaDelimitedList"
            return [word.strip() for word in known[name].split(",")] if is_list else known[name]
        resource, _, attribute = name.partition(".")
        there = self.template["Resources"][resource]
        assert "Condition" not in there or self._holds(there["Condition"]), f"{name} is not there"
        if attribute == "Value":  # of a parameter that the stack keeps: what it was given
            return self._resolved(there["Properties"]["Value"])
        is_arn = not attribute and there["Type"] in REPLACED
        return self._arn(resource) if is_arn else f"<{name}>"

    def _arn(self, name: str) -> str:
        """Give a resource's ARN, with another id where AWS would make another one of it."""
        there = self.template["Resources"][name]
        decide = [self._resolved(there["Properties"].get(each)) for each in REPLACED[there["Type"]]]
        own = hashlib.sha256(json.dumps(decide).encode()).hexdigest()[:16]
        where = f"{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}"
        return f"arn:aws:elasticloadbalancing:{where}:loadbalancer/net/{name}/{own}"

    def _substituted(self, words: str | list[Any]) -> str:
        text, more = (words, {}) if isinstance(words, str) else (words[0], self._resolved(words[1]))
        return _VARIABLE.sub(
            lambda found: f"${{{found[2]}}}" if found[1] else str(self._named(found[2], **more)), text
        )


def small(**parameters: str) -> Stack:
    """The second step, with nothing that may be left out."""
    return Stack(**{"WheelhouseSha256": SHA256} | parameters)


def large(**parameters: str) -> Stack:
    """The second step with everything."""
    given = {
        "Replicas": "2", "CertificateArn": CERTIFICATE, "Page": "yes", "AlarmEmail": "a@example.org",
        "ImageUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/aqi:1",
    }  # fmt: skip
    return small(**given | parameters)


def variables(script: str) -> dict[str, str]:
    """Give the environment of the program that an instance's script writes down."""
    written = re.findall(r"(?s)<<'END'\n(.*?)\nEND\n", script)[0]
    return dict(line.split("=", 1) for line in written.splitlines() if line)


def watched(alarm: dict[str, Any]) -> dict[str, Any]:
    """Give namespace, name, unit, statistic and period of the one metric that an alarm goes by."""
    if "Metrics" not in alarm:
        names = {"Namespace", "MetricName", "Unit", "Statistic", "Period"}
        return {name: value for name, value in alarm.items() if name in names}
    [found] = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    named = {"Unit": found["Unit"], "Statistic": found["Stat"], "Period": found["Period"]}
    return {**named, **found["Metric"]}
