"""`aws cloudformation deploy` on moto, whose change sets make no outputs, nor its updates launch templates.

One rule: it takes the options that docs/aws.md uses, and no others. The first two steps are made by
CreateStack and UpdateStack; the parameters of each later one are held to the template, and noted.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.doubles.moto_names import Moto
from tests.doubles.template import read_template

LOOKED_UP = {"Image"}
"""Parameters of which moto tells the value that was looked up, in place of the name to look up."""


def main(argv: Sequence[str]) -> int:
    """Make or update a stack."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--stack-name", required=True)
    parser.add_argument("--template-file", type=Path, required=True)
    parser.add_argument("--capabilities", nargs="*", default=[], choices=["CAPABILITY_IAM"])
    parser.add_argument("--parameter-overrides", nargs="*", default=[])
    asked = parser.parse_args(argv)
    named = dict(each.split("=", 1) for each in asked.parameter_overrides)
    for name, value in named.items():
        _check(name, value)
    client = Moto(os.environ["AWS_ENDPOINT_URL"]).client("cloudformation")
    there = {stack["StackName"]: stack for stack in client.describe_stacks()["Stacks"]}
    stack = there.get(asked.stack_name, {})
    before = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    if before.get("WheelhouseSha256"):
        with (asked.template_file.parents[1] / "deployed").open("a", encoding="utf-8") as file:
            print(*sorted(named), file=file)
        return 0
    values = {name: value for name, value in before.items() if name not in LOOKED_UP} | named
    (client.update_stack if stack else client.create_stack)(
        StackName=asked.stack_name,
        TemplateBody=asked.template_file.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=asked.capabilities,
    )
    return 0


def _check(name: str, value: str) -> None:
    """Hold a parameter to what the template says of it."""
    declared = read_template()["Parameters"][name]
    assert value in map(str, declared.get("AllowedValues", [value])), (name, value)
    parts = value.split(",") if declared["Type"] == "CommaDelimitedList" else [value]
    assert all(re.fullmatch(declared.get("AllowedPattern", ".*"), part) for part in parts), (name, value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
