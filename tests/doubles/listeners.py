"""The end of a test's own listener.

One rule: whoever stops listening waits for the connections that are being accepted, and can end them too.
asyncio forgets, and never closes, a connection whose listener is closed between `accept` and its transport
(`Server._attach` finds no sockets any more).
"""

import asyncio

TURNS = 5
"""From the kernel's queue to its protocol a connection takes three turns of the loop."""


async def stop_listening(server: asyncio.Server | None) -> None:
    """Take no more connections; those that were accepted have their protocol then (TLS may still greet)."""
    if server is None:
        return
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        for sock in server.sockets:
            loop.remove_reader(sock)
    else:  # uvloop's connections belong to their listener from the start
        server.close()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()
