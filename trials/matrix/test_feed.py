"""The fault matrix, the feed: what is no whole snapshot is not archived, a bad record costs itself alone."""

import socket
from pathlib import Path

import pytest

from aqi_service.core.report import Status
from tests.doubles.certificates import stranger
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.wire_fixtures import by_jumps
from trials.matrix.cells import SMALL, Cell, each
from trials.matrix.feed_cells import FEED_CELLS
from trials.matrix.ground import Ground, ground
from trials.matrix.proof import check_mended, check_struck, prove


@each(FEED_CELLS)
@by_jumps
async def test_what_the_feed_does_costs_no_good_record_and_archives_nothing_half(
    cell: Cell, moto_endpoint: str
) -> None:
    await prove(cell, moto_endpoint)


@by_jumps
async def test_a_feed_that_has_not_changed_since_is_not_read_again(moto_endpoint: str) -> None:
    async with ground(moto_endpoint) as found:
        said = (answer(SMALL, ETag='"one"'),), (answer(status="304 Not Modified"),)
        async with feed_server(*said) as feed:
            assert (await found.from_url(feed.url())).status is Status.COMPLETE
            await found.ask(b"3")
            report = await found.from_url(feed.url())
        assert (report.records, report.bytes) == (0, 0)
        cell = Cell("F5", "304", ends=(Status.UNCHANGED,))
        await check_struck(found, cell, report)
        await check_mended(found, cell)


async def unreachable(found: Ground, url: str) -> None:
    """Load from where nobody answers, then from a feed."""
    cell = Cell("F1", "", ends=(Status.FAILED,))
    await found.ask(b"3")
    await check_struck(found, cell, await found.from_url(url))
    await check_mended(found, cell)


@pytest.mark.parametrize("fault", ["F1 name not found", "F1 refused", "F1 connect time-out"])
@by_jumps
async def test_a_feed_that_cannot_be_reached_fails_the_load_and_the_next_one_is_whole(
    fault: str, moto_endpoint: str
) -> None:
    async with ground(moto_endpoint) as found:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            urls = {
                "F1 name not found": "http://no-such-host.invalid/data.24h.json",
                "F1 refused": f"http://127.0.0.1:{unheard.getsockname()[1]}/data.24h.json",
                "F1 connect time-out": f"http://127.0.0.1:{port}/data.24h.json",
            }
            await unreachable(found, urls[fault])
            for one in waiting:
                one.close()


@by_jumps
async def test_a_feed_whose_certificate_nobody_vouches_for_is_not_read(
    moto_endpoint: str, tmp_path: Path
) -> None:
    async with (
        ground(moto_endpoint) as found,
        feed_server((answer(SMALL),), tls=stranger(tmp_path)) as feed,
    ):
        await unreachable(found, feed.url())
        assert feed.requests == []
