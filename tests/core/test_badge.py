"""Badges: what they say in words and in colour, and that they are small and well-formed."""

from itertools import product
from xml.etree import ElementTree as ET

import pytest

from aqi_service.core.areas import Area, sum_up
from aqi_service.core.badge import (
    GREY,
    MOST_BYTES,
    OLD_SECONDS,
    Badge,
    age_words,
    area_badge,
    badge_svg,
    ink,
    sensor_badge,
)
from aqi_service.core.geo import Point
from aqi_service.core.items import Item
from aqi_service.core.quality import Check, Flag
from aqi_service.core.requests import AreaRequest
from aqi_service.core.scales import DAQI, SCALES, US_EPA
from aqi_service.core.scoring import Scale, score
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_version import SnapshotVersion

NOW = 1_703_095_265.0
AT = int(NOW) - 300
TAKEN = int(NOW) - 60
OF_24_HOURS = SnapshotVersion("data_20_12_23_18_00.json", TAKEN, "daqi", 3, AT, "")


def item(pm25: str = "24.3", pm10: str = "40", scale: Scale = DAQI, **changes: object) -> Item:
    said = score(scale, pm10, pm25)
    scored = Item(
        "1",
        sensor_id="4740",
        measured_at=AT,
        snapshot_at=TAKEN,
        pm25=pm25,
        pm10=pm10,
        scale=scale.name,
        aqi=str(said.aqi),
        aqi_range=said.band,
        aqi_pollutant=said.pollutant,
    )
    return scored._replace(**changes)  # type: ignore[arg-type]


def of_sensor(
    record: Item,
    *flags: Flag,
    scale: Scale | None = None,
    now: float = NOW,
    version: SnapshotVersion | None = OF_24_HOURS,
) -> Badge:
    return sensor_badge(SensorRecord(record, Check(flags, 9, 5.0)), scale, now, version)


def test_a_sensor_s_badge_has_index_band_age_and_the_scale_s_colour() -> None:
    assert of_sensor(item()) == Badge(
        "sensor 4740", "DAQI 3 Low", ("24-hour mean", "5 minutes ago"), "#31cf00"
    )


def test_it_is_on_the_scale_that_is_asked_for() -> None:
    badge = of_sensor(item(), scale=US_EPA)
    assert (badge.value, badge.colour) == ("US AQI 79 Moderate", "#ffff00")


def test_past_three_hours_it_is_grey_and_says_old() -> None:
    assert of_sensor(item(), now=AT + OLD_SECONDS).colour == "#31cf00"
    old = of_sensor(item(), now=AT + OLD_SECONDS + 1)
    assert (old.colour, old.notes[-1]) == (GREY, "old: 3 hours ago")
    assert old.value == "DAQI 3 Low"


@pytest.mark.parametrize(
    ("flag", "said"),
    [(Flag.HIGH, "far above its neighbours"), (Flag.LOW, "far below its neighbours")],
)
def test_a_sensor_that_is_far_off_its_neighbours_says_so(flag: Flag, said: str) -> None:
    assert of_sensor(item(), flag).notes[0] == said


def test_an_indoor_sensor_says_so() -> None:
    assert of_sensor(item(indoor="1")).label == "sensor 4740, indoors"


@pytest.mark.parametrize("changes", [{"aqi": None}, {"scale": "none"}, {"measured_at": None}, {"aqi": "1.5"}])
def test_what_has_no_index_says_so_in_grey(changes: dict[str, object]) -> None:
    badge = of_sensor(item()._replace(**changes))  # type: ignore[arg-type]
    assert (badge.value, badge.colour) == ("no index", GREY)


def summed(kilometres: float, *sensors: SensorRecord) -> Area:
    return run_through(sum_up(AreaRequest(Point(48.78, 9.18), kilometres), sensors, DAQI))


def test_an_area_s_badge_has_the_median_and_how_many_sensors_it_is_of() -> None:
    area = summed(3.0, *(SensorRecord(item(pm25=text)) for text in ("5", "60", "24.3")))
    assert area_badge(area, NOW, OF_24_HOURS) == Badge(
        "3 sensors within 3 km", "DAQI 3 Low", ("median", "24-hour mean", "5 minutes ago"), "#31cf00"
    )


def test_an_area_of_under_three_sensors_has_no_index() -> None:
    area = summed(0.5, *[SensorRecord(item())] * 2)
    assert area_badge(area, NOW, OF_24_HOURS) == Badge("within 0.5 km", "under 3 sensors")


OTHERS = {
    "values of 5 minutes": (OF_24_HOURS._replace(not_24h_mean=True), ["no 24-hour mean"]),
    "an earlier snapshot": (OF_24_HOURS._replace(snapshot_time=TAKEN + 3600), []),
    "nobody knows which": (None, []),
}


@pytest.mark.parametrize("of", OTHERS)
def test_what_is_no_24_hour_mean_or_may_be_none_is_not_called_one(of: str) -> None:
    version, said = OTHERS[of]
    sensor = of_sensor(item(), version=version)
    area = area_badge(summed(3.0, *[SensorRecord(item())] * 3), NOW, version)
    assert [*sensor.notes] == [*said, "5 minutes ago"]
    assert [*area.notes] == ["median", *said, "5 minutes ago"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3601, "dated ahead of now"),
        (-3600, "a minute ago"),
        (119, "a minute ago"),
        (120, "2 minutes ago"),
        (7199, "119 minutes ago"),
        (7200, "2 hours ago"),
        (10_799, "2 hours ago"),
        (86_400 * 2, "2 days ago"),
        (86_400 * 3400, "9 years ago"),
    ],
)
def test_ages_are_in_words(seconds: int, said: str) -> None:
    assert age_words(seconds) == said


LONGEST = item(
    pm25="50", scale=US_EPA, sensor_id="9223372036854775807", aqi_range="Unhealthy for Sensitive Groups"
)


def test_nothing_that_a_scale_says_is_cut() -> None:
    for scale in SCALES.values():
        for step in scale.tables[0].steps:
            badge = of_sensor(item(scale=scale, aqi=str(step.index_low), aqi_range=step.band))
            assert f"{step.index_low} {step.band}</text>" in badge_svg(badge).decode()


@pytest.mark.parametrize(
    "text", ["", "&<\"'>" * 50, "a\x00b\x1b\ufffe" * 20, "\u202e" * 60, "ẞ" * 99, "😀" * 99]
)
def test_whatever_a_table_says_the_badge_is_well_formed_and_small(text: str) -> None:
    svg = badge_svg(of_sensor(LONGEST._replace(aqi_range=text, indoor="1"), Flag.HIGH))
    assert len(svg) < MOST_BYTES
    root = ET.fromstring(svg)  # noqa: S314  # our own
    assert {each.tag.partition("}")[2] for each in root.iter()} == {"svg", "title", "rect", "g", "text"}


def test_a_badge_says_all_of_it_to_who_hears_it_and_whose_data_it_is() -> None:
    root = ET.fromstring(badge_svg(of_sensor(item())))  # noqa: S314  # our own
    title = root.find("{*}title")
    assert title is not None
    assert title.text == "sensor 4740: DAQI 3 Low. 24-hour mean · 5 minutes ago · Sensor.Community"


def test_no_text_is_wider_than_its_badge() -> None:
    for pm25, flags in product(("1", "500"), ((), (Flag.HIGH,))):
        root = ET.fromstring(badge_svg(of_sensor(item(pm25), *flags)))  # noqa: S314  # our own
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert float(text.attrib["x"]) + float(text.attrib["textLength"]) < float(root.attrib["width"])


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_in_black_and_white_every_badge_can_be_read(scale: Scale) -> None:
    for colour in (*(each.official for each in scale.colours), GREY):
        written = 1.0 if ink(colour) == "#fff" else 0.0
        light, dark = max(written, luminance(colour)), min(written, luminance(colour))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour
