"""The client library: records by id, and sensors' records by place and over time.

Rule: every failure is a ClientError with a sentence, within a named time; standard library only.
"""

import time

from aqi_service.client.choice import USUAL, Choice
from aqi_service.client.csv_text import Record, Rows, parse_rows
from aqi_service.client.records import RecordClient, RecordId, broken, csv_of
from aqi_service.client.requests import Number, over_time, request, seconds_of
from aqi_service.client.rows import Area, Day, Measurement, Place, read
from aqi_service.errors import ServerGone


class Client(RecordClient):
    """Look up: `async with Client(host, port) as client: record = await client.lookup("18456691189")`.

    `connect_timeout` and `timeout` (for each reply) are in seconds; `tls` turns TLS on. Requests of several
    tasks take turns. A `Busy` server is asked again, after pauses, until `timeout` is over. After ServerGone
    the connection is closed, and every further request raises ServerGone.

    A `choice` says which sensors are wanted, and on which scale. `since` and `until` are `2023-12-20` or
    `2023-12-20T18:55`, UTC; a long time is requested in parts.
    """

    async def sensor(self, sensor_id: RecordId, *, scale: str | None = None) -> Measurement | None:
        """Return the newest record of a sensor, or None if there is none.

        Like the methods below it raises BadQuestion before anything is sent, Refused and ServerGone.
        """
        rows = await self._rows(request("sensor", sensor_id, choice=Choice(scale=scale)))
        return next((read(Measurement, row) for row in rows), None)

    async def near(
        self, latitude: Number, longitude: Number, count: int = 5, choice: Choice = USUAL
    ) -> list[Measurement]:
        """Return the nearest sensors, 1 to 100, at any distance, sorted by distance (`distance_km`)."""
        return await self._measurements(request("near", latitude, longitude, count, choice=choice))

    async def box(
        self, south: Number, west: Number, north: Number, east: Number, choice: Choice = USUAL
    ) -> list[Measurement]:
        """Return the sensors in a box, by sensor id; if west > east, it crosses the antimeridian."""
        return await self._measurements(request("box", south, west, north, east, choice=choice))

    async def country(self, code: str, choice: Choice = USUAL) -> list[Measurement]:
        """Return the sensors of a country (two capital letters), by sensor id."""
        return await self._measurements(request("country", code, choice=choice))

    async def area(self, latitude: Number, longitude: Number, km: Number, choice: Choice = USUAL) -> Area:
        """Return medians and index of the clean sensors within 0.1 to 100 km."""
        rows = await self._rows(request("area", latitude, longitude, km, choice=choice))
        if len(rows) != 1:
            raise ServerGone("the server sent a broken reply: an area is one row")
        return read(Area, rows[0])

    async def history(
        self,
        sensor_id: RecordId,
        since: str | None = None,
        until: str | None = None,
        *,
        scale: str | None = None,
    ) -> list[Measurement]:
        """Return a sensor's records by time, since <= time < until; by default the last 7 days."""
        rows = await self._over_time("history", sensor_id, since, until, scale)
        return [read(Measurement, row) for row in rows]

    async def days(
        self,
        sensor_id: RecordId,
        since: str | None = None,
        until: str | None = None,
        *,
        scale: str | None = None,
    ) -> list[Day]:
        """Return a sensor's UTC days, since <= midnight < until; by default the last 30."""
        return [read(Day, row) for row in await self._over_time("days", sensor_id, since, until, scale)]

    async def place(self, name: str) -> list[Place]:
        """Return at most 10 cities with that name (may end in `,CC`): exact before prefix, larger first."""
        return [read(Place, row) for row in await self._rows(request("place", name))]

    async def _measurements(self, text: str) -> list[Measurement]:
        return [read(Measurement, row) for row in await self._rows(text)]

    async def _over_time(
        self, name: str, sensor_id: RecordId, since: str | None, until: str | None, scale: str | None
    ) -> list[Record]:
        times = seconds_of(since), seconds_of(until)
        rows: list[Record] = []
        for text in over_time(name, sensor_id, times, time.time(), Choice(scale=scale)):
            rows += await self._rows(text)
        return rows

    async def _rows(self, text: str) -> list[Record]:
        """Return the rows of one reply; none for `Item not found`."""
        [(_, reply)] = [answered async for answered in self.exchange([text])]
        found = csv_of(reply)
        return [] if found is None else rows_of(found).records


def rows_of(reply: bytes) -> Rows:
    """Read a CSV reply with any number of rows; raise ServerGone if it is none."""
    try:
        return parse_rows(reply.decode("utf-8"))
    except ValueError as error:
        raise broken(error) from error
