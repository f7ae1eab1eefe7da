"""CloudWatch's custom metrics, as a `ports.MetricSink`.

One rule: a request is sent only once: CloudWatch counts a repeated one twice, and the next load sends again.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aqi_service.core.load_metrics import LoadMetric
from aqi_service.storage.aws.clients import open_cloudwatch_client
from aqi_service.storage.aws.errors import translated


class CloudWatch:
    """One namespace of CloudWatch."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    async def put(self, metrics: Sequence[LoadMetric]) -> None:
        """Send metrics as one PutMetricData; CloudWatch dates them when they arrive."""
        with translated(f"CloudWatch namespace {self._namespace}"):
            await self._client.put_metric_data(
                Namespace=self._namespace, MetricData=[_datum(metric) for metric in metrics]
            )


def _datum(metric: LoadMetric) -> dict[str, Any]:
    dimensions = [] if metric.fate is None else [{"Name": "Fate", "Value": metric.fate}]
    return {
        "MetricName": metric.name,
        "Dimensions": dimensions,
        "Value": metric.value,
        "Unit": metric.unit,
    }


@asynccontextmanager
async def open_cloudwatch(namespace: str) -> AsyncIterator[CloudWatch]:
    """Open a namespace; raises ConfigError if AWS's own settings cannot be used."""
    async with open_cloudwatch_client() as client:
        yield CloudWatch(client, namespace)
