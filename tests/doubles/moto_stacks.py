"""Stacks of deploy/cloudformation.yml on moto, which makes most of what they are of.

One rule: what moto lacks of CloudFormation is given it here, as AWS documents it. What it cannot make it
leaves out; tests/project/test_cloudformation.py judges that by the template. Its modules are imported by who
makes a stack: they take seconds, which each process of tests would wait for when it looks for its tests.
"""

import base64
import importlib
from functools import cache
from typing import Any

from tests.doubles.moto_names import Moto
from tests.doubles.template import PATH


@cache
def _complete(endpoint: str) -> None:
    """Give moto what it lacks, once."""
    _parameters_have_values()
    _no_value_is_no_element()
    _updates_go_by_conditions()
    role = (
        Moto(endpoint)
        .client("iam")
        .create_service_linked_role(AWSServiceName="batch.amazonaws.com")["Role"]["Arn"]
    )
    _batch_has_a_role_of_its_own(role)


def _parameters_have_values() -> None:
    """Give a parameter of SSM the attributes by which a template asks for it."""
    parameter: Any = importlib.import_module("moto.ssm.models").Parameter
    attributes = {"Type": "parameter_type", "Value": "value"}
    parameter.has_cfn_attr = attributes.__contains__
    parameter.get_cfn_attribute = lambda this, name: getattr(this, attributes[name])


def _no_value_is_no_element() -> None:
    """Leave AWS::NoValue out of lists."""
    moto_parsing: Any = importlib.import_module("moto.cloudformation.parsing")
    clean = moto_parsing.clean_json  # calls itself by this name

    def clean_without(value: Any, stack: Any) -> Any:
        found = clean(value, stack)
        return [each for each in found if each is not None] if isinstance(value, list) else found

    moto_parsing.clean_json = clean_without


def _batch_has_a_role_of_its_own(arn: str) -> None:
    """Give a compute environment without a role the one that AWS links to the service."""
    environment: Any = importlib.import_module("moto.batch.models").ComputeEnvironment
    create = environment.create_from_cloudformation_json

    def create_with_a_role(name: str, resource: dict[str, Any], *where: Any, **more: Any) -> Any:
        properties = {"ServiceRole": arn} | resource["Properties"]
        return create(name, resource | {"Properties": properties}, *where, **more)

    environment.create_from_cloudformation_json = create_with_a_role


def _updates_go_by_conditions() -> None:
    """Have an update leave out what is not to be made, and make what is not made yet."""
    moto_parsing: Any = importlib.import_module("moto.cloudformation.parsing")
    update = moto_parsing.parse_and_update_resource

    def update_what_is_there(name: str, resource: dict[str, Any], stack: Any, **where: Any) -> Any:
        if "Condition" in resource and not stack.lazy_condition_map[resource["Condition"]]:
            return None
        return update(name, resource, stack, **where) if name in stack._parsed_resources else stack[name]

    moto_parsing.parse_and_update_resource = update_what_is_there


def deploy(moto: Moto, name: str, **parameters: str) -> dict[str, str]:
    """Make a stack, or update the one of that name, as `aws cloudformation deploy` does; give its outputs."""
    _complete(moto.endpoint)
    client = moto.client("cloudformation")
    there = {each["StackName"] for each in client.describe_stacks()["Stacks"]}
    order = client.update_stack if name in there else client.create_stack
    order(
        StackName=name,
        TemplateBody=PATH.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    [stack] = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def launched(moto: Moto, stack: str, group: str) -> dict[str, Any]:
    """Give what a stack's group launches: its template's data, the script decoded; and its sizes."""
    groups = moto.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    [described] = [each for each in groups if each["AutoScalingGroupName"].startswith(f"{stack}-{group}-")]
    template = described["LaunchTemplate"]
    [version] = moto.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=template["LaunchTemplateId"], Versions=[template["Version"]]
    )["LaunchTemplateVersions"]
    data: dict[str, Any] = version["LaunchTemplateData"]
    script = base64.b64decode(data["UserData"]).decode()
    return data | {"UserData": script, "MinSize": described["MinSize"], "MaxSize": described["MaxSize"]}
