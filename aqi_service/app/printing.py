"""Print what somebody reads as data: records, reports.

One rule: a reader that is slow is waited for, and the event loop goes on meanwhile.
"""

import asyncio
from contextlib import suppress

from aqi_service.app import output


async def printed(text: str, to: str = "stdout") -> None:
    """Print, and wait until it is taken. Raises the OSError that kept it from being printed.

    Cancelled, it leaves the text on its way.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[OSError | None] = loop.create_future()

    def tell(error: OSError | None) -> None:
        if not done.done():
            done.set_result(error)

    def on_written(error: OSError | None) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, error)

    output.put(text, on_written, must_fit=True, to=to)
    if error := await done:
        raise error
