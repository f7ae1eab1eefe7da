"""Sensors and areas in Prometheus' text form, to the byte."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from aqi_service.core.areas import Area, Quartiles
from aqi_service.core.geo import Point
from aqi_service.core.items import Item
from aqi_service.core.json_rows import Moment
from aqi_service.core.metrics_text import Measured, metrics_pieces
from aqi_service.core.quality import Check, Flag
from aqi_service.core.requests import AreaRequest, Choice, MetricsRequest
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.scoring import Scale, Score
from aqi_service.core.sensor_records import SensorRecord
from tests.doubles.storage_items import FULL

AREA = AreaRequest(Point(48.7, 9.1), 3)


def written(
    *sensors: SensorRecord, scale: Scale | None = None, areas: Mapping[str, Area] = MappingProxyType({})
) -> str:
    found = Measured(sensors, list(areas.items()))
    pieces = metrics_pieces(MetricsRequest((), (), Choice(scale=scale)), found, Moment(0))
    return b"".join(pieces).decode()


def area(**changes: Any) -> Area:
    usual: dict[str, Any] = {
        "request": AREA, "sensors": 3, "left_out_because": {"stale": 1}, "pm25": Quartiles("7.55", "7", "8"),
        "pm10": Quartiles("12", "11", "13"), "score": Score(1, "Low", "P2.5"), "scale": DAQI, "newest": FULL,
    }  # fmt: skip
    return Area(**usual | changes)


def test_a_sensor_has_its_values_index_flags_and_time() -> None:
    assert (
        written(SensorRecord(FULL, Check((Flag.STALE, Flag.HIGH), 9)))
        == """\
# HELP aqi_sensor_concentration Newest record's mean in µg/m³: of 24 hours, unless warned not_24h_mean.
# TYPE aqi_sensor_concentration gauge
aqi_sensor_concentration{sensor="141",pollutant="P2.5"} 0.9
aqi_sensor_concentration{sensor="141",pollutant="P10"} 12
# HELP aqi_sensor_index Air-quality index of the sensor's newest record.
# TYPE aqi_sensor_index gauge
aqi_sensor_index{sensor="141",scale="daqi"} 1
# HELP aqi_sensor_flagged 1 if the snapshot's checks flag the sensor so, else 0.
# TYPE aqi_sensor_flagged gauge
aqi_sensor_flagged{sensor="141",flag="stale"} 1
aqi_sensor_flagged{sensor="141",flag="high"} 1
aqi_sensor_flagged{sensor="141",flag="low"} 0
aqi_sensor_flagged{sensor="141",flag="alone"} 0
# HELP aqi_sensor_measured_timestamp_seconds Time of the sensor's newest record.
# TYPE aqi_sensor_measured_timestamp_seconds gauge
aqi_sensor_measured_timestamp_seconds{sensor="141"} 1703091600
"""
    )


def test_an_area_has_its_medians_index_time_and_how_many_sensors_count() -> None:
    assert (
        written(areas={"town": area()})
        == """\
# HELP aqi_area_concentration Median, in µg/m³, of such means of the area's sensors that count.
# TYPE aqi_area_concentration gauge
aqi_area_concentration{area="town",pollutant="P2.5"} 7.55
aqi_area_concentration{area="town",pollutant="P10"} 12
# HELP aqi_area_index Air-quality index of the area's medians.
# TYPE aqi_area_index gauge
aqi_area_index{area="town",scale="daqi"} 1
# HELP aqi_area_measured_timestamp_seconds Time of the newest record that counts.
# TYPE aqi_area_measured_timestamp_seconds gauge
aqi_area_measured_timestamp_seconds{area="town"} 1703091600
# HELP aqi_area_sensors Sensors that count: outdoor, not stale, high or low.
# TYPE aqi_area_sensors gauge
aqi_area_sensors{area="town"} 3
"""
    )


def test_what_is_not_known_has_no_series_and_nothing_at_all_no_line() -> None:
    empty = area(sensors=0, pm25=Quartiles(), pm10=Quartiles(), score=None, newest=None)
    lines = written(SensorRecord(Item("1", sensor_id="5", pm10="3")), areas={"far": empty}).splitlines()
    assert [line for line in lines if line[0] != "#"] == [
        'aqi_sensor_concentration{sensor="5",pollutant="P10"} 3',
        'aqi_area_sensors{area="far"} 0',
    ]
    assert written() == ""


def test_the_series_of_a_family_stand_together_and_an_index_may_be_of_another_scale() -> None:
    text = written(SensorRecord(FULL), SensorRecord(FULL._replace(sensor_id="7", pm25="35.5")), scale=US_EPA)
    indices = [line for line in text.splitlines() if line.startswith("aqi_sensor_index")]
    assert indices == [
        'aqi_sensor_index{sensor="141",scale="us-epa"} 11',
        'aqi_sensor_index{sensor="7",scale="us-epa"} 101',
    ]
    assert text.count("# TYPE aqi_sensor_index gauge") == 1


def test_a_name_is_read_as_it_was_given_whatever_is_in_it() -> None:
    name = 'A "B"\\n, C\\\nÄ {}='
    families = text_string_to_metric_families(written(areas={name: area()}))
    assert {sample.labels["area"] for family in families for sample in family.samples} == {name}
    assert r'{area="A \"B\"\\n, C\\\nÄ {}="}' in written(areas={name: area()})
