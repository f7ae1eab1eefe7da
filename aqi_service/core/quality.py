"""How far a sensor's numbers can be trusted: flags, from its record's age and from its neighbours' values.

One rule: a flag changes no value and no index; it says that a sensor and its neighbours disagree, or that
nothing can be said about it.

The checks follow Hassani et al. 2025 (doi 10.1016/j.jenvman.2025.125100), who first compare a sensor with its
neighbours by robust statistics. Three things are simpler here: one moment instead of a series in time, one
rule for all distances up to 10 km, and no second round without the outliers of the first.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import isnan, nan
from statistics import median
from typing import NamedTuple

from aqi_service.core.neighbours import SensorValue, neighbours_of
from aqi_service.core.sensor_index import SensorIndex
from aqi_service.core.slices import BUILD_SLICE, Slices

STALE_SECONDS = 3 * 3600
"""A record that is older than its snapshot by more than this is stale."""

COMPARE_SLICE = 20
"""Sensors that are compared in one slice."""

LEAST_NEIGHBOURS = 5
"""With fewer neighbours than this a sensor is alone."""

MAD_TO_SIGMA = 1.4826
"""The factor from a median absolute deviation to a standard deviation, for normally distributed values."""

LEAST_ABOVE, LEAST_BELOW = 10.0, 5.0
"""A value must differ from its neighbours' median by at least this many µg/m³ to be high, or low."""

NOISE = 1e-9
"""A difference of binary floats may be wrong by this many µg/m³, compared with that of the decimals."""


class Flag(StrEnum):
    """What the checks can say of a sensor's newest record, in the order in which flags are listed."""

    STALE = "stale"
    HIGH = "high"
    LOW = "low"
    ALONE = "alone"


class Readings:
    """The values of sensors' newest records, in columns, by position.

    Attributes:
        measured_at: when the record was measured, epoch seconds.
        pm25: PM2.5 in µg/m³; None if the record has none.
        pm10: PM10 in µg/m³; None if the record has none.
    """

    def __init__(self) -> None:
        self.measured_at: list[int] = []
        self.pm25: list[float | None] = []
        self.pm10: list[float | None] = []

    def append(self, measured_at: int, pm25: float | None, pm10: float | None) -> None:
        """Take the values of the next sensor's record."""
        self.measured_at.append(measured_at)
        self.pm25.append(pm25)
        self.pm10.append(pm10)


class Check(NamedTuple):
    """The result of a comparison.

    Attributes:
        flags: the sensor's flags.
        neighbours: with how many it was compared (or would have been); None if it was not compared.
        median: the neighbours' median, µg/m³; None if it was not compared.
    """

    flags: tuple[Flag, ...] = ()
    neighbours: int | None = None
    median: float | None = None


class Checks(Sequence[Check]):
    """Checks in columns, by position: one object for each would slow every full garbage collection."""

    def __init__(self) -> None:
        self._flags: list[tuple[Flag, ...]] = []
        self._neighbours, self._medians = array("h"), array("d")
        self._shared: dict[tuple[Flag, ...], tuple[Flag, ...]] = {}

    def append(self, check: Check) -> None:
        """Take the check of the next sensor."""
        self._flags.append(())
        self._neighbours.append(_NONE)
        self._medians.append(nan)
        self[-1] = check

    def flags(self, position: int) -> tuple[Flag, ...]:
        """Return the flags of the sensor at a position."""
        return self._flags[position]

    def __len__(self) -> int:
        return len(self._flags)

    def __setitem__(self, position: int, check: Check) -> None:
        """Replace the check at a position."""
        self._flags[position] = self._shared.setdefault(check.flags, check.flags)
        self._neighbours[position] = _NONE if check.neighbours is None else check.neighbours
        self._medians[position] = nan if check.median is None else check.median

    def __getitem__(self, position: int) -> Check:  # type: ignore[override]  # no slices of it are asked for
        neighbours, median = self._neighbours[position], self._medians[position]
        return Check(
            self._flags[position],
            None if neighbours == _NONE else neighbours,
            None if isnan(median) else median,
        )


_NONE = -1


class _Pollutant:
    """The values of one pollutant in µg/m³, by position, and which are compared with which.

    Attributes:
        asked: positions of the sensors that are compared.
        fresh: positions of the sensors with which they are compared.
    """

    def __init__(self, index: SensorIndex, values: Sequence[float | None]) -> None:
        self._index, self._values = index, values
        self.asked, self.fresh = array("l"), array("l")

    def has(self, position: int) -> bool:
        """Tell whether the sensor at a position measured this pollutant."""
        return self._values[position] is not None

    def values(self, positions: Iterable[int]) -> Iterator[SensorValue]:
        """Give the values of the sensors at these positions."""
        for at in positions:
            value, point = self._values[at], self._index.point(at)
            if value is not None and point is not None:
                yield SensorValue(self._index.sensor_ids[at], point, value)


def check(index: SensorIndex, readings: Readings, snapshot_time: int) -> Slices[Checks]:
    """Check the sensors of an index by their readings, in its order (`snapshot_time` in epoch seconds).

    PM2.5 is compared, or PM10 if a sensor has no PM2.5. Indoor sensors are not compared and are no
    neighbours.
    """
    checks = Checks()
    fine, coarse = _Pollutant(index, readings.pm25), _Pollutant(index, readings.pm10)
    for at, measured_at in enumerate(readings.measured_at):
        if at % BUILD_SLICE == 0:
            yield
        is_stale = snapshot_time - measured_at > STALE_SECONDS
        checks.append(Check((Flag.STALE,)) if is_stale else Check())
        if index.indoor[at] or index.point(at) is None:
            continue
        there = [each for each in (fine, coarse) if each.has(at)]
        for each in there[:1]:
            each.asked.append(at)
        for each in there if not is_stale else ():
            each.fresh.append(at)
    for each in (fine, coarse):
        if each.asked:
            yield from _compare(checks, each)
    return checks


def _compare(checks: Checks, pollutant: _Pollutant) -> Slices[None]:
    """Compare the sensors in `asked`, and note the results."""
    neighbours = yield from neighbours_of(pollutant.values(pollutant.fresh))
    for count, (_, point, value) in enumerate(pollutant.values(pollutant.asked)):
        if count % COMPARE_SLICE == 0:
            yield
        at = pollutant.asked[count]
        own = None if Flag.STALE in checks.flags(at) else value
        near = yield from neighbours.nearest(point, own)
        checks[at] = _compared(checks[at], value, [each.value for each in near])


def _compared(check: Check, value: float, near: Sequence[float]) -> Check:
    """Return the check with the result of a comparison with these values (all µg/m³)."""
    if len(near) < LEAST_NEIGHBOURS:
        return Check((*check.flags, Flag.ALONE), len(near))
    middle = median(near)
    spread = 3 * MAD_TO_SIGMA * median(abs(each - middle) for each in near)
    above = value - middle > max(spread, LEAST_ABOVE, middle / 2) + NOISE
    below = middle - value > max(spread, LEAST_BELOW, middle / 2) + NOISE
    flags = (Flag.HIGH,) * above + (Flag.LOW,) * below
    return Check(check.flags + flags, len(near), middle)
