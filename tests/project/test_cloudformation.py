"""deploy/cloudformation.yml: what the template would make on AWS, judged without AWS.

What moto does not make (TTL, recovery, lifecycle, alarms, scaling, the balancer's health check) is held here;
tests/program/test_cloudformation_stack.py runs the program on what it makes.
"""

import json
import re
import string
from typing import Any

import boto3  # type: ignore[import-untyped]  # its stubs are for aioboto3
import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.storage.aws import create_table
from aqi_service.storage.ports import SNAPSHOT_PREFIX
from tests.doubles.iam_policies import FOLDER
from tests.doubles.template import PATH, Stack, large, small, variables

TEXT = PATH.read_text(encoding="utf-8")
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]
"""Where cfn-lint looks at what each resource may be; the template is for all."""


def test_cfn_lint_is_content_without_exceptions() -> None:
    assert "cfn-lint" not in TEXT
    assert lint(TEXT, config=ManualArgs(include_checks=["I"], regions=REGIONS)) == []


def test_cfn_lint_would_not_be_content_with_a_property_that_is_not_there() -> None:
    broken = "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopikName: t\n"
    assert [match.rule.id for match in lint(broken, regions=REGIONS[:1])] == ["E3002"]


def test_the_template_is_short_enough_to_be_sent_without_a_bucket() -> None:
    assert len(PATH.read_bytes()) <= 51_200


def test_the_first_step_makes_bucket_and_table_alone() -> None:
    made = {each["Type"] for each in Stack().resources.values()}
    names = {"AWS::SSM::Parameter"}  # what they are called, which costs nothing
    assert made - names == {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table"}


def test_the_second_step_alone_has_one_instance_and_no_balancer() -> None:
    stack = small()
    assert list(stack.of_type("AWS::AutoScaling::AutoScalingGroup")) == ["Loader"]
    assert not [each for each in stack.resources.values() if "LoadBalancing" in each["Type"]]
    assert not [each for each in stack.resources.values() if "Batch" in each["Type"]]


def test_every_parameter_says_what_it_costs_a_month() -> None:
    for name, each in Stack().template["Parameters"].items():
        said = each["Description"].lower()
        assert re.search(r"\d dollars|dollars a month:|costs? nothing", said), name


def test_what_every_parameter_takes_is_in_a_group_of_the_console() -> None:
    interface = Stack().template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(Stack().template["Parameters"])


def test_the_bucket_is_private_encrypted_and_versioned() -> None:
    bucket = Stack().properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_answers_over_tls_alone_as_long_as_it_is_there() -> None:
    [statement] = Stack().properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["<Bucket.Arn>", "<Bucket.Arn>/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert Stack().resources["BucketPolicy"]["DeletionPolicy"] == "Retain"


def test_the_bucket_ends_uploads_after_a_day_and_old_versions_after_30() -> None:
    rules = {rule.pop("Id"): rule for rule in Stack().properties("Bucket")["LifecycleConfiguration"]["Rules"]}
    assert {rule.pop("Status") for rule in rules.values()} == {"Enabled"}
    assert rules.pop("aqi-service-incomplete-uploads") == {
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}
    }
    assert rules.pop("aqi-service-versions") == {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    assert rules.pop("aqi-service-delete-markers") == {"ExpiredObjectDeleteMarker": True}
    assert list(rules) == ["aqi-service-snapshots"]


def test_only_snapshots_go_to_glacier_and_to_the_class_that_is_read_like_any_object() -> None:
    rules = Stack().properties("Bucket")["LifecycleConfiguration"]["Rules"]
    [moving] = [rule for rule in rules if "Transitions" in rule]
    assert moving["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert moving["Prefix"] == SNAPSHOT_PREFIX
    assert snapshot_name(0).startswith(SNAPSHOT_PREFIX)


def test_the_table_is_the_one_that_create_makes_with_recovery() -> None:
    table = Stack().properties("Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    key = {"AttributeName": "id", "AttributeType": "S"}
    assert table["AttributeDefinitions"] == [key, *create_table._INDEX_KEYS]
    assert table["GlobalSecondaryIndexes"] == [create_table._INDEX]
    ttl = {"AttributeName": create_table.TTL_ATTRIBUTE, "Enabled": True}
    assert table["TimeToLiveSpecification"] == ttl
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_deleted_stack_leaves_behind_what_holds_data_and_nothing_else() -> None:
    kept = {name for name, each in large().resources.items() if each.get("DeletionPolicy") == "Retain"}
    assert kept == {"Bucket", "BucketPolicy", "Table"}
    assert {large().resources[name]["UpdateReplacePolicy"] for name in kept} == {"Retain"}


def test_a_bucket_and_a_table_that_are_there_are_used_in_place_of_new_ones() -> None:
    stack = large(ExistingBucket="bucket-of-before", ExistingTable="restored")
    assert not {"Bucket", "BucketPolicy", "Table"} & stack.resources.keys()
    assert (stack.outputs["BucketName"], stack.outputs["TableName"]) == ("bucket-of-before", "restored")
    written = json.dumps(stack.resources)
    assert "table/restored" in written
    assert "s3:::bucket-of-before/data_*" in written


@pytest.mark.parametrize(
    ("name", "taken"), [("ExistingBucket", "a-bucket.of-mine"), ("ExistingTable", "A_table.of-mine")]
)
def test_the_name_of_what_is_there_is_one_that_aws_gives_and_no_script_or_wildcard(
    name: str, taken: str
) -> None:
    """It goes into the script that root runs, and into the resources of policies."""
    pattern = Stack().template["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, "")
    assert re.fullmatch(pattern, taken)
    for refused in ("*", "a*b", "$(id)", 'a";id;"', "a b c", "abc\nEND\nid", "abc/def", "s3://abc", "../abc"):
        assert not re.fullmatch(pattern, refused), refused


def test_settings_decide_nothing_that_balancer_health_check_and_roles_go_by() -> None:
    """An instance that listens elsewhere never gets ready, and the update fails."""
    pattern = Stack().template["Parameters"]["Settings"]["AllowedPattern"]
    for taken in (
        "",
        "AQI_SCALE=us-epa",
        "AQI_TLS_CERT=/etc/aqi/server.pem",
        "AQI_PORTRAIT=1",
        "AQI_LOG_FORMAT=",
    ):
        assert re.fullmatch(pattern, taken), taken
    decided = set(variables(large().user_data("LoaderTemplate"))) | set(
        variables(large().user_data("ReplicaTemplate"))
    )
    of_their_own = {
        "AQI_CONTACT",
        "AQI_INTERVAL",
        "AQI_TTL_DAYS",
    }  # parameters, and no instance fails by them
    names = {name for name in decided if name.startswith("AQI_")} - of_their_own
    for refused in names | {"AQI_PORT", "AQI_HTTP_PORT", "AQI_NO_HTTP", "AQI_LOCAL", "HOME"}:
        assert not re.fullmatch(pattern, f"{refused}=1"), refused


def test_a_hash_that_is_missing_by_a_slip_ends_nothing_that_runs() -> None:
    [refused] = small(Contact="a@example.org", WheelhouseSha256="").refusals
    assert "Contact=''" in refused
    for taken in (Stack(), small(), small(Contact="a@example.org"), large()):
        assert taken.refusals == []


@pytest.mark.parametrize(
    ("role", "policy", "file"),
    [
        ("LoaderRole", "aqi-daemon", "daemon"),
        ("LoaderRole", "aqi-cloudwatch", "cloudwatch"),
        ("ReplicaRole", "aqi-serve-only", "serve-only"),
        ("BackfillRole", "aqi-backfill", "backfill"),
        ("BackfillRole", "aqi-export", "export"),
    ],
)
def test_a_role_s_policy_is_the_file_s_of_deploy_iam(role: str, policy: str, file: str) -> None:
    stack = large(ExistingBucket="a-bucket", ExistingTable="a_table")
    names = {
        "BUCKET": "a-bucket", "TABLE": "a_table", "REGION": "eu-central-1", "ACCOUNT": "123456789012",
        "NAMESPACE": "aqi-service/aqi", "SOURCE_BUCKET": "a-bucket", "SOURCE_PREFIX": SNAPSHOT_PREFIX,
        "EXPORT_BUCKET": "a-bucket", "EXPORT_PREFIX": "export/",
    }  # fmt: skip
    text = (FOLDER / f"{file}.json").read_text(encoding="utf-8")
    assert stack.policies(role)[policy] == json.loads(string.Template(text).substitute(names))


def test_a_role_may_do_nothing_but_its_policies_of_deploy_iam_and_begin() -> None:
    stack = large()
    assert list(stack.policies("LoaderRole")) == [
        "aqi-daemon",
        "aqi-cloudwatch",
        "aqi-install",
        "aqi-no-secrets",
    ]
    assert list(stack.policies("ReplicaRole")) == ["aqi-serve-only", "aqi-install", "aqi-no-secrets"]
    assert list(stack.policies("BackfillRole")) == ["aqi-backfill", "aqi-export", "aqi-list"]
    [reads] = stack.policies("BackfillRole")["aqi-list"]["Statement"]
    assert (reads["Action"], reads["Resource"]) == (["s3:GetObject"], "arn:aws:s3:::<Bucket>/settings/*")
    assert not stack.of_type("AWS::IAM::Policy")
    assert not stack.of_type("AWS::IAM::ManagedPolicy")
    for role in ("LoaderRole", "ReplicaRole"):
        [begins] = stack.policies(role)["aqi-install"]["Statement"]
        assert begins["Action"] == ["s3:GetObject"]
        assert begins["Resource"] == [
            "arn:aws:s3:::<Bucket>/wheelhouse/*",
            "arn:aws:s3:::<Bucket>/settings/*",
        ]
        managed = stack.properties(role)["ManagedPolicyArns"]
        assert managed == ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]


@pytest.mark.parametrize("role", ["LoaderRole", "ReplicaRole"])
def test_a_service_gone_wrong_reads_none_of_the_accounts_parameters(role: str) -> None:
    """AmazonSSMManagedInstanceCore allows all of them, the secrets of other programs included."""
    [refused] = large().policies(role)["aqi-no-secrets"]["Statement"]
    assert (refused["Effect"], refused["Resource"]) == ("Deny", "*")
    assert refused["Action"] == ["ssm:GetParameter", "ssm:GetParameters"]


def test_the_region_is_named_nowhere_and_so_nothing_is_in_another() -> None:
    known: Any = boto3.session.Session()
    regions = {
        region
        for partition in known.get_available_partitions()
        for region in known.get_available_regions("ec2", partition_name=partition)
    }
    bare = re.sub(r"(?s)\n# Everything is in the stack's region.*?\n\n", "\n", TEXT)  # whose prices these are
    assert len(regions) > 20
    assert [region for region in regions if region in bare] == []


def test_no_resource_reaches_into_another_region() -> None:
    for word in (
        "Replication",
        "GlobalTable",
        "CloudFront",
        "GlobalAccelerator",
        "StackSet",
        "Replicas:\n        -",
    ):
        assert word not in TEXT
    for name, each in large().resources.items():
        for found in re.findall(r'"[^"]*[Rr]egion[^"]*": "([^"]*)"', json.dumps(each)):
            assert found == "eu-central-1", name
