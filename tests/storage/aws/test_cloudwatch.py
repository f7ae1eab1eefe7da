"""CloudWatch's custom metrics, on moto behind the shim."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from aqi_service.core.load_metrics import LoadMetric
from aqi_service.errors import AccessDenied, Unavailable
from aqi_service.storage.aws.cloudwatch import CloudWatch, open_cloudwatch
from tests.doubles.faults.answers import Gone
from tests.doubles.faults.effects import Drop, Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto

METRICS = (LoadMetric("NewestRecordAge", "Seconds", 10_800.5), LoadMetric("Records", "Count", 7, "stored"))


@pytest.fixture
async def shim(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shim]:
    async with Shim(moto.endpoint) as shim:
        monkeypatch.setenv("AWS_ENDPOINT_URL", shim.endpoint)
        yield shim


@pytest.fixture
async def cloudwatch(shim: Shim, moto: Moto) -> AsyncIterator[CloudWatch]:
    del shim  # its address is in the environment
    async with open_cloudwatch(moto.table) as cloudwatch:
        yield cloudwatch


async def test_metrics_arrive_with_unit_and_dimension_by_one_request(
    cloudwatch: CloudWatch, moto: Moto, shim: Shim
) -> None:
    await cloudwatch.put(METRICS)
    assert [record.call.operation for record in shim.journal.records] == ["PutMetricData"]
    client, now = moto.client("cloudwatch"), datetime.now(UTC)
    span = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1), "Period": 7200}
    found = []
    for name, dimensions in (("NewestRecordAge", []), ("Records", [{"Name": "Fate", "Value": "stored"}])):
        answer = client.get_metric_statistics(
            Namespace=moto.table, MetricName=name, Dimensions=dimensions, Statistics=["Maximum"], **span
        )
        found += [(point["Maximum"], point["Unit"]) for point in answer["Datapoints"]]
    assert found == [(10_800.5, "Seconds"), (7, "Count")]


async def test_a_refusal_names_the_namespace_and_a_lost_answer_is_not_sent_again(
    cloudwatch: CloudWatch, moto: Moto, shim: Shim
) -> None:
    shim.book.add(Rule("PutMetricData", Refuse("AccessDenied"), nth=(1,)))
    with pytest.raises(AccessDenied, match=f"CloudWatch namespace {moto.table}: AWS denies access"):
        await cloudwatch.put(METRICS)
    shim.renew(Rule("PutMetricData", Drop(applied=True, how=Gone.RESET)))
    with pytest.raises(Unavailable, match="no answer"):
        await cloudwatch.put(METRICS)
    assert len(shim.journal.records) == 1
