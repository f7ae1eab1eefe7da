"""What a feed publishes, generation by generation: documents that change as the network's do, and worse.

One rule: pure; the same chance gives the same documents.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tests.doubles.delivery_snapshots import BAD_IDS, BAD_TIMES, COUNTS_PARTICLES, element

FIRST_ID = 28_012_345_678
USED_UP = 1_000_000
"""Between the ids of what is measured and those of what is no good."""

DAY = date(2027, 12, 20)
"""The day of a campaign."""

Elements = list[Any]
Values = dict[str, Any]


class Network:
    """Sensors and their latest measurements; `publish` lets some time pass and gives a document.

    A measurement is an id with a timestamp and values. `size` is how many there are at a time, `day` the one
    whose afternoon it is at first.
    """

    def __init__(self, chance: Random, size: int, day: date = DAY) -> None:
        self._day = day
        self._chance = chance
        self._size = size
        self._born = 0
        self._now = 17 * 3600
        self._there: dict[int, tuple[str, Values]] = {}
        self._former: dict[int, tuple[str, Values]] = {}

    def publish(self) -> bytes:
        """Give the next generation: some records changed, some gone, some new, some of no use."""
        self._now += self._chance.randrange(20, 300)
        for record_id in list(self._there):
            self._move_on(record_id, self._chance.random())
        while len(self._there) < self._size:
            self._born += 1
            self._there[FIRST_ID + self._born] = (self._time(), self._values())
        elements = [each for i, one in self._there.items() for each in self._written(i, *one)]
        for _ in range(self._size // 8):
            elements.insert(self._chance.randrange(len(elements)), self._useless())
        return json.dumps(elements, indent=self._chance.choice([None, None, 1])).encode()

    def _move_on(self, record_id: int, roll: float) -> None:
        timestamp, values = self._there[record_id]
        if roll < 0.08:
            del self._there[record_id]
        elif roll < 0.16:
            self._there[record_id] = (self._time(), self._values())
        elif roll < 0.26:
            self._former[record_id] = (timestamp, values)
            self._there[record_id] = (timestamp, self._values())
        elif roll < 0.28:  # an older measurement, after a newer one
            self._there[record_id] = (f"{self._day} 12:00:00", self._values())
        elif roll < 0.29:  # and back to what it was
            self._there[record_id] = self._former.get(record_id, (timestamp, values))

    def _time(self) -> str:
        at = self._now - self._chance.randrange(300)
        moment = datetime.combine(self._day, time()) + timedelta(seconds=at)
        return moment.isoformat(self._chance.choice(" T"))

    def _values(self) -> Values:
        p1, p2 = self._chance.randrange(1, 19_000) / 100, self._chance.randrange(1, 9_000) / 100
        return {"P1": f"{p1:.2f}", "P2": self._chance.choice([f"{p2:.2f}", p2])}

    def _written(self, record_id: int, timestamp: str, values: Values) -> Iterator[Any]:
        """Write a measurement as one record, as two halves, or twice, of which the second counts."""
        sensor, roll = record_id % 997 + 10, self._chance.random()
        if roll < 0.15:
            for kind in ("P1", "P2") if roll < 0.07 else ("P2", "P1"):
                yield element(record_id, timestamp, sensor, **{kind: values[kind]})
            return
        if roll < 0.18:
            yield element(record_id, timestamp, sensor, **values | {"P1": "3"})
            yield element(record_id, timestamp, sensor, temperature="3")
        yield element(str(record_id) if roll < 0.3 else record_id, timestamp, sensor, **values)

    def _useless(self) -> Any:
        """Write something that comes to no item: rejected, or without PM."""
        record_id, timestamp = FIRST_ID + USED_UP + self._chance.randrange(1000), f"{self._day} 17:00:00"
        choices: Elements = [
            element(self._chance.choice(BAD_IDS), timestamp, 7, P1="1"),
            element(record_id, self._chance.choice((*BAD_TIMES, "2031-01-01 00:00:00")), 7, P1="1"),
            element(record_id, timestamp, COUNTS_PARTICLES, P1="1"),
            element(record_id, timestamp, 7, P1="1999.90", P2="999.90"),
            element(record_id, timestamp, 7, temperature="21.5"),
            "no record",
        ]
        return self._chance.choice(choices)
