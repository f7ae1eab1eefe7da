"""deploy/cloudformation.yml: instances, groups, balancer, alarms and backfills, judged without AWS.

What moto does not make (alarms, scaling, the balancer's health check, updates) is held here.
"""

import re

import pytest

from aqi_service.core.schedule import next_start
from aqi_service.core.selection import SHARD_COUNT, shard_of
from aqi_service.errors import ConfigError
from aqi_service.server.deadlines import Deadlines
from tests import ROOT
from tests.doubles.headings import anchors
from tests.doubles.template import CERTIFICATE, Stack, large, small, watched

HOUR = 3600
PROCESSORS = {"t4g.micro": 2, "t4g.small": 2, "t4g.medium": 2, "c7g.medium": 1, "c7g.large": 2}
"""What AWS gives a type (https://docs.aws.amazon.com/ec2/latest/instancetypes/, November 2025)."""


@pytest.mark.parametrize("name", ["LoaderTemplate", "ReplicaTemplate"])
def test_an_instance_speaks_imdsv2_alone_and_has_no_key_of_ssh(name: str) -> None:
    data = large().properties(name)["LaunchTemplateData"]
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    assert data["MetadataOptions"] == options
    assert "KeyName" not in data
    assert {device["Ebs"]["Encrypted"] for device in data["BlockDeviceMappings"]} == {True}


def test_the_instances_are_arm64_and_their_system_amazon_linux_2023() -> None:
    parameters = Stack().template["Parameters"]
    assert parameters["Image"]["Default"].endswith("/al2023-ami-kernel-default-arm64")
    kinds = [large().properties("LoaderTemplate")["LaunchTemplateData"]["InstanceType"]]
    for kind in [*kinds, *parameters["ReplicaType"]["AllowedValues"]]:
        assert re.fullmatch(r"[a-z]\dg\.\w+", kind), kind


def test_nothing_comes_in_but_by_the_balancer_and_there_by_two_ports() -> None:
    stack = large()
    inward = stack.of_type("AWS::EC2::SecurityGroupIngress")
    assert {rule["SourceSecurityGroupId"] for rule in inward.values()} == {"<BalancerGroup.GroupId>"}
    assert {(rule["FromPort"], rule["ToPort"]) for rule in inward.values()} == {(12000, 12000), (8080, 8080)}
    open_groups = {
        name: sorted((rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"])
        for name, group in stack.of_type("AWS::EC2::SecurityGroup").items()
        if "SecurityGroupIngress" in group
    }
    assert open_groups == {"BalancerGroup": [(443, 443), (12000, 12000)]}
    assert not small().of_type("AWS::EC2::SecurityGroupIngress")


def test_the_loader_is_a_group_of_exactly_one() -> None:
    loader = large().properties("Loader")
    assert (loader["MinSize"], loader["MaxSize"]) == ("1", "1")
    assert len(set(loader["VPCZoneIdentifier"])) == 2


@pytest.mark.parametrize(("kind", "processors"), PROCESSORS.items())
def test_replicas_aim_at_half_of_the_processor_that_a_process_can_use(kind: str, processors: int) -> None:
    """CloudWatch's figure is of all processors, and a service that is busy to the brim uses one."""
    [policy] = large(ReplicaType=kind).of_type("AWS::AutoScaling::ScalingPolicy").values()
    assert policy["TargetTrackingConfiguration"]["TargetValue"] * processors == 50
    assert kind in Stack().template["Parameters"]["ReplicaType"]["AllowedValues"]


def test_replicas_are_0_to_20_and_go_by_their_processors() -> None:
    asked = Stack().template["Parameters"]["Replicas"]
    assert asked["Default"] == "0"
    taken = [number for number in range(200) if re.fullmatch(asked["AllowedPattern"], str(number))]
    assert taken == list(range(21))
    assert Stack().template["Parameters"]["ReplicasAtMost"]["MaxValue"] == 20
    [policy] = large().of_type("AWS::AutoScaling::ScalingPolicy").values()
    assert policy["AutoScalingGroupName"] == "<ReplicaGroup>"
    target = policy["TargetTrackingConfiguration"]
    assert target["PredefinedMetricSpecification"]["PredefinedMetricType"] == "ASGAverageCPUUtilization"
    kinds = Stack().template["Parameters"]["ReplicaType"]["AllowedValues"]
    assert list(Stack().template["Mappings"]["HalfOfOneProcessor"]) == kinds == list(PROCESSORS)


def test_no_group_goes_by_the_balancer_s_health() -> None:
    """Else an outage of DynamoDB would replace every replica that still answers from memory."""
    groups = large().of_type("AWS::AutoScaling::AutoScalingGroup")
    assert {name: group["HealthCheckType"] for name, group in groups.items()} == {
        "Loader": "EC2",
        "ReplicaGroup": "EC2",
    }


def test_an_update_waits_for_each_new_instance_to_answer() -> None:
    stack = large()
    for name in stack.of_type("AWS::AutoScaling::AutoScalingGroup"):
        rolling = stack.resources[name]["UpdatePolicy"]["AutoScalingRollingUpdate"]
        assert rolling["WaitOnResourceSignals"] is True
        assert rolling["MaxBatchSize"] == 1
    least = Stack().template["Parameters"]["ReplicasAtMost"]["MinValue"]
    keeps = stack.resources["ReplicaGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert 1 <= keeps["MinInstancesInService"] < least  # AWS refuses a group that could not go on


def test_who_cannot_read_the_table_is_asked_last_and_keeps_its_connections() -> None:
    for name, group in large().of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        check = (group["HealthCheckProtocol"], group["HealthCheckPort"], group["HealthCheckPath"])
        assert check == ("HTTP", "8080", "/readyz"), name
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert attributes["preserve_client_ip.enabled"] == "true"
        assert attributes["target_health_state.unhealthy.connection_termination.enabled"] == "false"


def test_the_service_ends_a_silent_connection_before_the_balancer_forgets_it() -> None:
    """Who asks on one that was forgotten is reset (AWS's guide to Network Load Balancers, "Idle timeout")."""
    listeners = large().of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    assert not [each for each in listeners if "ListenerAttributes" in each]
    assert Deadlines().idle_timeout < 350


def test_an_instance_that_goes_has_its_connections_for_longer_than_a_slow_reply_takes() -> None:
    for name, group in large().of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert int(attributes["deregistration_delay.timeout_seconds"]) > 30, name
        assert "deregistration_delay.connection_termination.enabled" not in attributes  # off, unless said


def test_the_balancer_is_one_of_the_network_across_zones() -> None:
    balancer = large().properties("Balancer")
    assert balancer["Type"] == "network"
    assert {"Key": "load_balancing.cross_zone.enabled", "Value": "true"} in balancer["LoadBalancerAttributes"]
    for name in ("Loader", "ReplicaGroup"):
        assert large().properties(name)["TargetGroupARNs"] == ["<WireTargets>", "<PageTargets>"]


@pytest.mark.parametrize(
    ("parameters", "scheme", "listeners"),
    [
        ({"CertificateArn": ""}, "internal", {(12000, "TCP"), (80, "TCP")}),
        ({"CertificateArn": "", "Page": "no"}, "internal", {(12000, "TCP")}),
        ({}, "internet-facing", {(12000, "TLS"), (443, "TLS")}),
        ({"Page": "no"}, "internet-facing", {(12000, "TLS")}),
    ],
)
def test_a_balancer_is_on_the_internet_with_tls_alone(
    parameters: dict[str, str], scheme: str, listeners: set[tuple[int, str]]
) -> None:
    stack = large(**parameters)
    found = stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    assert stack.properties("Balancer")["Scheme"] == scheme
    assert {(each["Port"], each["Protocol"]) for each in found} == listeners
    for each in found:
        assert ("Certificates" in each) == ("SslPolicy" in each) == (each["Protocol"] == "TLS")


def target_groups(**parameters: str) -> dict[str, str]:
    """The names of the target groups of a stack with everything else."""
    groups = large(**parameters).of_type("AWS::ElasticLoadBalancingV2::TargetGroup")
    return {name: group["Name"] for name, group in groups.items()}


def test_a_certificate_that_comes_or_goes_makes_target_groups_of_its_balancer_s_own() -> None:
    """AWS makes another balancer then, and refuses it a target group that the one of before leads to."""
    inside, outside = target_groups(CertificateArn=""), target_groups()
    assert inside.keys() == outside.keys() == {"WireTargets", "PageTargets"}
    names = [*inside.values(), *outside.values()]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){,31}", name) for name in names), names
    assert max(map(len, names)) <= 32
    other = CERTIFICATE.replace("0a1b", "9f8e")
    assert target_groups(CertificateArn=other) == outside  # the balancer stays, and so do the groups


@pytest.mark.parametrize("interval", ["300", "900", "1800", "3600", "7200"])
def test_data_over_3_hours_old_and_silence_of_two_intervals_raise_the_alarm(interval: str) -> None:
    stack = large(Interval=interval)
    alarm = stack.properties("DataTooOld")
    metric = watched(alarm)
    assert (metric["Namespace"], metric["MetricName"]) == ("aqi-service/aqi", "NewestRecordAge")
    assert (metric["Statistic"], alarm["ComparisonOperator"]) == ("Maximum", "GreaterThanThreshold")
    assert (alarm["Threshold"], metric["Unit"]) == (3 * HOUR, "Seconds")
    apart = next_start(0, 0, int(interval), 1)
    assert metric["Period"] >= max(2 * apart + 60, HOUR)  # one that CloudWatch was not told of raises nothing
    assert metric["Period"] % 60 == 0
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "breaching")
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["<AlarmTopic>"]


def test_silence_is_filled_in_as_too_old_and_not_left_to_how_missing_data_is_treated() -> None:
    """CloudWatch looks back some periods more than it is told to, and goes by older data while it finds any
    (its user guide, "How alarm state is evaluated when data is missing"): the alarm would come hours late."""
    alarm = large().properties("DataTooOld")
    [stated] = [each for each in alarm["Metrics"] if "MetricStat" in each]
    [filled] = [each for each in alarm["Metrics"] if "Expression" in each]
    found = re.fullmatch(r"FILL\((\w+), (\d+)\)", filled["Expression"])
    assert found
    assert found[1] == stated["Id"]
    assert int(found[2]) > alarm["Threshold"]
    assert (stated["ReturnData"], filled["ReturnData"]) == (
        False,
        True,
    )  # the alarm goes by what is filled in


def test_the_intervals_that_may_be_chosen_all_have_a_window() -> None:
    template = Stack().template
    assert list(template["Mappings"]["Window"]) == template["Parameters"]["Interval"]["AllowedValues"]


def test_loads_that_all_fail_in_two_intervals_raise_the_alarm() -> None:
    stack = large()
    alarm = stack.properties("LoadsFail")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("aqi-service/aqi", "LoadFailed")
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Minimum", 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["Period"] >= 2 * HOUR
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "ignore")
    assert alarm["AlarmActions"] == ["<AlarmTopic>"]


def test_an_alarm_names_its_heading_in_the_manual_s_runbook() -> None:
    for alarm in small().of_type("AWS::CloudWatch::Alarm").values():
        page, heading = alarm["AlarmDescription"].split()[-1].split("#")
        assert heading in anchors(ROOT / page, below="Runbook")


def test_alarms_go_to_the_mail_address_if_there_is_one() -> None:
    [subscription] = large().of_type("AWS::SNS::Subscription").values()
    given = (subscription["TopicArn"], subscription["Protocol"], subscription["Endpoint"])
    assert given == ("<AlarmTopic>", "email", "a@example.org")
    assert not small().of_type("AWS::SNS::Subscription")


def test_an_account_pays_for_no_gateway_and_the_stores_are_reached_inside_of_aws() -> None:
    stack = large()
    assert not stack.of_type("AWS::EC2::NatGateway")
    endpoints = stack.of_type("AWS::EC2::VPCEndpoint").values()
    assert {each["VpcEndpointType"] for each in endpoints} == {"Gateway"}
    assert {each["ServiceName"].rpartition(".")[2] for each in endpoints} == {"s3", "dynamodb"}


def test_a_backfill_is_an_array_job_on_fargate_spot_that_begins_anew_when_spot_ends_it() -> None:
    stack = large(TtlDays="30")
    environment = stack.properties("BackfillEnvironment")
    assert environment["ComputeResources"]["Type"] == "FARGATE_SPOT"
    job = stack.properties("BackfillDefinition")
    container = job["ContainerProperties"]
    assert container["Command"] == ["--load-only", "--from", "archive"]
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    for submitted in ({}, {"AWS_BATCH_JOB_ARRAY_INDEX": "0"}):  # without the number of shards
        with pytest.raises(ConfigError, match=SHARD_COUNT):
            shard_of(variables | submitted)
    assert (variables["AQI_BUCKET"], variables["AQI_TABLE"]) == ("<Bucket>", "<Table>")
    assert variables["AQI_TTL_DAYS"] == "30"
    assert "AQI_EXCLUDE_SENSORS" not in variables
    again = [(each["Action"], each.get("OnExitCode")) for each in job["RetryStrategy"]["EvaluateOnExit"]]
    assert again == [("EXIT", "2"), ("RETRY", None)]
    assert not small().of_type("AWS::Batch::JobDefinition")
