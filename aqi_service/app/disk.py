"""Measures now and then how much room is left on the service's disk.

One rule: it only measures and reports; nothing is decided by it.
"""

from collections.abc import Awaitable, Callable

from aqi_service.app.metrics import ServiceStatus
from aqi_service.shutdown import Stop

EVERY_SECONDS = 30.0
"""Seconds between two looks; Prometheus asks about as often."""


async def watch_disk(free: Callable[[], Awaitable[int | None]], status: ServiceStatus, stop: Stop) -> None:
    """Note the free bytes now and then until `stop`."""
    while not stop.is_set():
        status.disk_free = await free()
        await stop.wait(EVERY_SECONDS)
