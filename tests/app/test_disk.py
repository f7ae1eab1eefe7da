"""How much room is left: when it is looked up, and what is shown of it."""

import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from aqi_service.app.disk import EVERY_SECONDS, watch_disk
from aqi_service.app.metrics import ServiceStatus
from aqi_service.server.limits import ServerCounts
from tests.doubles.certificates import certificate
from tests.doubles.program import running
from tests.doubles.waits import Waits


async def test_it_is_looked_up_at_once_and_then_twice_a_minute_until_the_stop() -> None:
    status, stop = ServiceStatus(ServerCounts()), Waits()
    seen: list[int | None] = []
    room = iter((5, 4, None))

    async def free() -> int | None:
        seen.append(status.disk_free)
        if len(seen) == 3:
            stop.set()
        return next(room)

    await watch_disk(free, status, stop)
    assert (seen, status.disk_free) == ([None, 5, 4], None)
    assert set(stop.seconds) == {EVERY_SECONDS}


async def test_a_daemon_shows_the_room_of_its_folder_and_the_end_of_its_certificate(tmp_path: Path) -> None:
    options = ("--local", "d", "--port", "0", "--http-port", "0", "--feed-url", "http://127.0.0.1:9/")
    tls = ("--tls-cert", str(certificate(tmp_path)))
    async with running(*options, *tls, cwd=tmp_path) as program:
        await program.line(" lease_taken ")
        text = (await program.page("/metrics"))[1]
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0
    values = {
        family.name: family.samples[0].value
        for family in text_string_to_metric_families(text)
        if family.samples
    }
    assert values["aqi_disk_free_bytes"] > 0
    assert values["aqi_certificate_expiry_timestamp_seconds"] > values["process_start_time_seconds"]
