"""The lifecycle rule that `--create` adds: an owner's rules go back as they came."""

import re
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from aiohttp import web

from aqi_service.storage.aws.s3_lifecycle import RULE_ID, end_incomplete_uploads
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, body, cut, error, lost
from tests.doubles.aws_world import World, fresh

pytestmark = pytest.mark.asyncio(loop_scope="module")

GET, PUT = "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration"
OURS = {
    "ID": RULE_ID,
    "Filter": {"Prefix": "data_"},
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}
OWNERS: list[dict[str, Any]] = [
    {
        "ID": "cold",
        "Filter": {"And": {"Prefix": "data_", "Tags": [{"Key": "a", "Value": "b & c"}]}},
        "Status": "Enabled",
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 90, "StorageClass": "GLACIER"},
        ],
    },
    {
        "ID": "old versions",
        "Filter": {"Prefix": ""},
        "Status": "Disabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 3, "StorageClass": "ONEZONE_IA"}],
    },
    {
        "ID": "a week is too long",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    },
]
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
FUTURE = (
    "<Rule>\n <ID>of next year</ID><Filter><And><Prefix>tmp/</Prefix><NotReadFor Unit='d'>9</NotReadFor>"
    "</And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><!-- an owner's --></Rule>"
)
OLD_FORM = (
    "<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>9</Days></Expiration>"
    "</Rule>"
)


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def add(world: World, owner: str | None = None) -> str | None:
    return await end_incomplete_uploads(world.clients.s3, world.bucket, owner, world.waits)


async def rules(world: World) -> list[dict[str, Any]]:
    world.double.clear()
    return list((await world.s3.get_bucket_lifecycle_configuration(Bucket=world.bucket))["Rules"])


def have(world: World, *given: dict[str, Any]) -> None:
    """Give the bucket the rules of an owner, by a client of his own."""
    make: Any = boto3.client  # its stubs know every service by name, and there are many
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = make("s3", endpoint_url=world.double.moto, region_name="us-east-1", **keys)
    client.put_bucket_lifecycle_configuration(
        Bucket=world.bucket, LifecycleConfiguration={"Rules": list(given)}
    )
    client.close()


def configuration(inner: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{head}<LifecycleConfiguration {NAMESPACE}>{inner}</LifecycleConfiguration>\n"


def written(world: World) -> str:
    [request] = world.double.seen(PUT)
    return request.body.decode()


class TestRules:
    async def test_a_bucket_without_rules_gets_ours(self, world: World) -> None:
        assert await add(world) is None
        assert await rules(world) == [OURS]

    async def test_a_bucket_whose_list_of_rules_is_empty_gets_ours(self, world: World) -> None:
        world.double.on(GET, body(f"<LifecycleConfiguration {NAMESPACE}/>"))
        assert await add(world) is None
        assert await rules(world) == [OURS]

    async def test_an_owners_rules_survive(self, world: World) -> None:
        have(world, *OWNERS)
        before = await rules(world)
        assert len(before) == len(OWNERS)
        assert await add(world) is None
        assert await rules(world) == [*before, OURS]

    @pytest.mark.parametrize("inner", [FUTURE, f"\n  {FUTURE}\r\n {FUTURE.replace('next', 'that')}\n"])
    async def test_an_owners_rules_go_back_byte_for_byte_though_botocore_does_not_know_all_of_them(
        self, world: World, inner: str
    ) -> None:
        world.double.on(GET, body(configuration(inner)))
        assert await add(world) is None
        sent = written(world)
        [ours] = re.findall(rf"<Rule><ID>{RULE_ID}</ID>.*?</Rule>", sent)
        assert sent == configuration(inner + ours)

    async def test_what_stands_beside_the_rules_goes_back_as_well(self, world: World) -> None:
        name, value = "x-amz-transition-default-minimum-object-size", "varies_by_storage_class"

        async def answer(_request: Request, _forward: Forward) -> Reply:
            text = configuration(FUTURE)
            return web.Response(text=text, content_type="application/xml", headers={name: value})

        world.double.on(GET, answer)
        assert await add(world) is None
        [request] = world.double.seen(PUT)
        assert request.headers[name] == value

    async def test_ours_has_the_form_that_an_owners_have_because_s3_refuses_a_mixture(
        self, world: World
    ) -> None:
        world.double.on(GET, body(configuration(OLD_FORM)))
        assert await add(world) is None
        ours = written(world).partition(OLD_FORM)[2]
        assert "<Status>Enabled</Status>" in ours
        assert "<Prefix>data_</Prefix>" in ours
        assert "<Filter>" not in ours

    async def test_added_twice_it_is_there_once(self, world: World) -> None:
        await add(world)
        world.double.clear()
        assert await add(world) is None
        assert world.double.operations() == [GET]

    @pytest.mark.parametrize(
        ("change", "is_enough"),
        [
            ({}, True),
            ({"Filter": {"Prefix": ""}}, True),
            ({"Filter": {"Prefix": "da"}}, True),
            ({"Filter": {"Prefix": "data_2"}}, False),
            ({"Filter": {"Prefix": "logs/"}}, False),
            ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, False),
            ({"Filter": {"ObjectSizeGreaterThan": 5}}, False),
            ({"Status": "Disabled"}, False),
            ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}, False),
        ],
    )
    async def test_an_owners_rule_that_does_as_much_is_enough(
        self, world: World, change: dict[str, Any], is_enough: bool
    ) -> None:
        have(world, OURS | {"ID": "an owner's"} | change)
        assert await add(world) is None
        assert world.double.count(PUT) == (not is_enough)
        assert len(await rules(world)) == 2 - is_enough

    async def test_a_rule_under_a_condition_that_is_not_known_is_not_enough(self, world: World) -> None:
        await add(world)
        ours = written(world).partition("<Rule>")[2].partition("</Rule>")[0]
        other = ours.replace(RULE_ID, "x").replace("<Prefix>data_</Prefix>", "<NotReadFor>9</NotReadFor>")
        world.double.clear()
        world.double.on(GET, body(configuration(f"<Rule>{other}</Rule>")))
        assert await add(world) is None
        assert f"<Rule>{other}</Rule><Rule>{ours}</Rule>" in written(world)

    @pytest.mark.parametrize(
        "change", [{"Status": "Disabled"}, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]
    )
    async def test_one_of_ours_that_an_owner_changed_stays_changed_and_is_told(
        self, world: World, change: dict[str, Any]
    ) -> None:
        have(world, OURS | change)
        assert f"somebody changed the rule {RULE_ID}" in str(await add(world))
        assert world.double.count(PUT) == 0


class TestStores:
    @pytest.mark.parametrize("operation", [GET, PUT])
    @pytest.mark.parametrize(
        "answer",
        [
            error(501, "NotImplemented"),
            error(405, "MethodNotAllowed"),
            error(400, "InvalidRequest"),
            error(400, "MalformedXML"),
            error(403, "AccessDenied"),
            error(503, "SlowDown"),
            body("<html>a proxy's page", 404),
            cut,
        ],
    )
    async def test_one_that_cannot_or_may_not_is_told_in_a_sentence_that_says_what_is_missing(
        self, world: World, operation: str, answer: Answer
    ) -> None:
        world.double.on(operation, answer)
        told = await add(world)
        what = "lifecycle rule that ends incomplete uploads under data_ after a day"
        assert re.fullmatch(f"{what}: bucket {world.bucket}: .+", str(told))

    async def test_a_denial_names_the_action_if_aws_does(self, world: World) -> None:
        message = "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutLifecycleConfiguration on"
        world.double.on(PUT, error(403, "AccessDenied", message))
        assert "the policy must allow s3:PutLifecycleConfiguration" in str(await add(world))

    async def test_rules_in_a_form_that_is_not_known_stay_as_they_are(self, world: World) -> None:
        named = configuration(FUTURE).replace("</Life", "</a:Life").replace("<Life", "<a:Life")
        world.double.on(GET, body(named.replace("xmlns=", "xmlns:a=")))
        assert "have a form that this program does not know" in str(await add(world))
        assert world.double.count(PUT) == 0

    @pytest.mark.parametrize("operation", [GET, PUT])
    @pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown"), error(409, "OperationAborted")])
    async def test_what_passes_is_waited_out(self, world: World, operation: str, answer: Answer) -> None:
        have(world, OWNERS[0])
        world.double.on(operation, answer, times=2)
        assert await add(world) is None
        assert [rule["ID"] for rule in await rules(world)] == ["cold", RULE_ID]

    @pytest.mark.parametrize("owner", ["123456789012", None])
    async def test_the_owner_is_named_in_both_requests(self, world: World, owner: str | None) -> None:
        await add(world, owner)
        named = [request.headers.get("x-amz-expected-bucket-owner") for request in world.double.requests]
        assert named == [owner, owner]
