"""How much room is left where the service stores, looked up now and then.

One rule: it measures and tells; nobody decides anything by it.
"""

from collections.abc import Awaitable, Callable

from aqi_service.app.metrics import ServiceStatus
from aqi_service.shutdown import Stop

EVERY_SECONDS = 30.0
"""Time between two looks; Prometheus asks about as often."""


async def watch_disk(free: Callable[[], Awaitable[int | None]], status: ServiceStatus, stop: Stop) -> None:
    """Note what is free until `stop`."""
    while not stop.is_set():
        status.disk_free = await free()
        await stop.wait(EVERY_SECONDS)
