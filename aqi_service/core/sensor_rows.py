"""CSV rows of sensors and of areas."""

from aqi_service.core.areas import Area
from aqi_service.core.csv_reply import csv_line
from aqi_service.core.decimals import plain
from aqi_service.core.items import COLUMNS
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord, rescored

_MORE = ("sensor_id", "sensor_type", "indoor", "AQI_pollutant", "scale", "flags", "humidity")
_DISTANCE = "distance_km"
_NUMERIC = (*(column.kind == "N" for column in COLUMNS), True, False, True, False, False, False, True, True)

SENSOR_HEADER = ",".join((*(column.name for column in COLUMNS), *_MORE)) + "\r\n"
NEAR_HEADER = f"{SENSOR_HEADER.rstrip()},{_DISTANCE}\r\n"

_AREA_NUMBERS = ("latitude", "longitude", "radius_km", "sensors", "left_out")
_AREA_VALUES = ("P2.5", "P2.5_q1", "P2.5_q3", "P10", "P10_q1", "P10_q3")
_AREA_INDEX = ("AQI", "AQI_range", "AQI_pollutant", "scale", "newest")
AREA_HEADER = ",".join((*_AREA_NUMBERS, *_AREA_VALUES, *_AREA_INDEX)) + "\r\n"
_AREA_NUMERIC = (True,) * (len(_AREA_NUMBERS) + len(_AREA_VALUES)) + (True, False, False, False, False)


def sensor_row(record: SensorRecord, scale: Scale | None) -> bytes:
    """Write a sensor's row, with its distance if there is one."""
    item = rescored(record.item, scale)
    more = (item.sensor_id, item.sensor_type, item.indoor, item.aqi_pollutant, item.scale)
    fields = (*item[: len(COLUMNS)], *more, " ".join(record.flags), record.humidity)
    if record.metres is not None:
        fields = (*fields, record.kilometres)
    return csv_line(fields, _NUMERIC[: len(fields)])


def area_row(area: Area) -> bytes:
    """Write the row that summarises an area."""
    middle, radius = area.request.middle, area.request.kilometres
    numbers = (*map(plain, (*middle, radius)), area.sensors, area.left_out)
    index = area.score or (None, None, None)
    said = (*index, area.scale.name, area.newest and area.newest.timestamp)
    return csv_line((*numbers, *area.pm25, *area.pm10, *said), _AREA_NUMERIC)
