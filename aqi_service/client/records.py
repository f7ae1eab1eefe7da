"""Records by their ids, on one connection.

Rule: this is everything that the command needs for an id, and it imports no more, so the command starts fast.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from aqi_service.client.csv_text import Record, parse, visible
from aqi_service.client.session import AHEAD, Session
from aqi_service.core.frames import checked_id, kind
from aqi_service.errors import Refused, ServerGone

RecordId = str | int


class RecordClient(Session):
    """The part of Client that looks up records."""

    async def lookup(self, record_id: RecordId) -> Record | None:
        """Return the record with this id (text or integer), or None if there is none.

        Raises BadId before anything is sent; Refused (the server's `Bad request`, `Unavailable` or `Busy`; a
        later lookup may do); ServerGone (no answer in time, connection lost, broken reply).
        """
        reply = await self.lookup_csv(record_id)
        return None if reply is None else record_of(reply)

    async def lookup_csv(self, record_id: RecordId) -> bytes | None:
        """Return the server's own CSV, header line and row, unchecked, or None; raises as lookup() does."""
        [(_, reply)] = [answered async for answered in self.replies([record_id])]
        return csv_of(reply)

    async def lookup_many(
        self, record_ids: Iterable[RecordId]
    ) -> AsyncGenerator[tuple[str, Record | None], None]:
        """Give (id, record or None) in the order asked, requests pipelined; raises as lookup() does.

        Ids are given as texts.
        """
        async with aclosing(self.replies(record_ids)) as replies:
            async for record_id, reply in replies:
                found = csv_of(reply)
                yield record_id, None if found is None else record_of(found)

    async def replies(self, record_ids: Iterable[RecordId]) -> AsyncGenerator[tuple[str, bytes], None]:
        """Give (id, reply payload) in the order asked, error replies included; see csv_of and record_of.

        All ids are checked before the first is asked: raises BadId, later ServerGone. If the caller stops
        half-way, the connection is closed: further replies would answer the wrong question.
        """
        asked = [checked_id(record_id) for record_id in record_ids]
        async with aclosing(self.exchange(asked, AHEAD)) as replies:
            async for answered in replies:
                yield answered


def csv_of(reply: bytes) -> bytes | None:
    """Return a CSV reply, or None for "Item not found"; raise Refused for the other error replies."""
    match kind(reply):
        case "found":
            return reply
        case "not_found":
            return None
        case _:
            raise Refused(visible(reply.decode("utf-8", "replace")))


def record_of(reply: bytes) -> Record:
    """Read a CSV reply; raise ServerGone if it is not UTF-8, or not one header line and one row."""
    try:
        return parse(reply.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError is one
        raise broken(error) from error


def broken(error: ValueError) -> ServerGone:
    """Return the error for a reply that cannot be read."""
    return ServerGone(f"the server sent a broken reply: {visible(str(error))}")
