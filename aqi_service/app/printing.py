"""Prints data for a reader: records, reports.

One rule: printing waits for a slow reader, while the event loop goes on.
"""

import asyncio
from contextlib import suppress

from aqi_service.app import output


async def printed(text: str, to: str = "stdout") -> None:
    """Print, and wait until the text is taken. Raises the OSError that prevented it.

    If cancelled, the text stays on its way.
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
