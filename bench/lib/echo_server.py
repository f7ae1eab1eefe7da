"""The least that a server of lookups can do on asyncio's streams.

One rule: for each request's worth of bytes that comes it sends what is in the file, and looks at nothing.

    python -m bench.lib.echo_server SIZE FILE    requests of SIZE bytes; the file has the reply
"""

import asyncio
import sys
from pathlib import Path

import uvloop

READ = 16 * 1024


async def main(size: int, reply: bytes) -> None:
    """Print the port, and serve until killed; a request has `size` bytes."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(READ):
                writer.write(reply * (len(data) // size))
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(respond, "127.0.0.1", 0, limit=READ, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
