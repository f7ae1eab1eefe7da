"""A badge: an index in a few words, as an SVG strip 32 pixels high, for other people's pages.

One rule: a badge can be read without its colours, and says how old it is; old data are grey, whatever the
index was.
"""

from dataclasses import dataclass

from aqi_service.core.areas import Area
from aqi_service.core.clocks import TOLERANCE
from aqi_service.core.items import Item
from aqi_service.core.palettes import Colour
from aqi_service.core.quality import Flag
from aqi_service.core.redaction import printable
from aqi_service.core.scales import SCALES
from aqi_service.core.scoring import Scale, Score
from aqi_service.core.sensor_records import SensorRecord, rescored
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import DAY

OLD_SECONDS = 3 * 3600
"""Beyond this age a badge is grey and says that it is old."""

MOST_BYTES = 2048
MOST_LABEL, MOST_VALUE = 32, 44
"""Most characters of the texts: enough for `US AQI 150 Unhealthy for Sensitive Groups`, and a few more."""

GREY = "#9aa3a9"
SHORT = {"daqi": "DAQI", "us-epa": "US AQI"}
CREDIT = "Sensor.Community"
DOUBTS = {Flag.HIGH: "far above its neighbours", Flag.LOW: "far below its neighbours"}

_MINUTE, _HOUR, _YEAR = 60, 3600, 365 * DAY
_WIDTH, _FOOT_WIDTH = 6.4, 5.3
"""Mean width of a letter in pixels at 11 and 9 px in Verdana; other fonts are stretched to that width."""

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="32" viewBox="0 0 {width} 32" role="img">
<title>{title}</title>
<rect width="{width}" height="32" rx="4" fill="#2b3338"/>
<rect x="{left}" y="1" width="{right}" height="19" fill="{colour}"/>
<g font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" fill="#fff">
<text x="6" y="14" textLength="{label_width}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{at}" y="14" fill="{ink}" textLength="{value_width}" lengthAdjust="spacingAndGlyphs">{value}</text>
<text x="6" y="28" font-size="9" textLength="{foot_width}" lengthAdjust="spacingAndGlyphs">{foot}</text>
</g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says.

    Attributes:
        label: of what.
        value: the index and its band, or why there is none.
        notes: what stands below, in front of whose data it is.
        colour: `#rrggbb` behind the value.
    """

    label: str
    value: str
    notes: tuple[str, ...] = ()
    colour: str = GREY


def sensor_badge(
    record: SensorRecord, scale: Scale | None, now: float, version: SnapshotVersion | None
) -> Badge:
    """Return the badge of a sensor's newest record, on a scale (None: the one it was scored on).

    `version` is that of the snapshot in memory: it says something only about that snapshot's own records.
    """
    item = rescored(record.item, scale)
    label = f"sensor {item.sensor_id}{', indoors' if item.indoor == '1' else ''}"
    scored = SCALES.get(item.scale or "")
    if scored is None or item.measured_at is None or not (item.aqi or "").isdigit():
        return Badge(label, "no index")
    doubts = tuple(DOUBTS[flag] for flag in record.flags if flag in DOUBTS)
    says = Score(int(item.aqi or 0), item.aqi_range or "", item.aqi_pollutant or "")
    return _badge(label, scored, says, int(now) - item.measured_at, (*doubts, *_means(version, item)))


def area_badge(area: Area, now: float, version: SnapshotVersion | None) -> Badge:
    """Return the badge of an area's medians."""
    within = f"within {area.request.kilometres:g} km"
    newest = area.newest.measured_at if area.newest else None
    if area.score is None or newest is None:
        return Badge(within, "under 3 sensors")
    label = f"{area.sensors} sensors {within}"
    notes = ("median", *_means(version, area.newest))
    return _badge(label, area.scale, area.score, int(now) - newest, notes)


def _means(version: SnapshotVersion | None, item: Item | None) -> tuple[str, ...]:
    """Say over what time a value is a mean; this is not known for a record from another snapshot."""
    if version is None or item is None or item.snapshot_at != version.snapshot_time:
        return ()
    return ("no 24-hour mean" if version.not_24h_mean else "24-hour mean",)


def _badge(label: str, scale: Scale, says: Score, age: int, notes: tuple[str, ...]) -> Badge:
    value = f"{SHORT.get(scale.name, 'index')} {says.aqi} {says.band}"
    is_old = age > OLD_SECONDS
    said = f"old: {age_words(age)}" if is_old else age_words(age)
    colour = GREY if is_old else _colour(scale.colours, says.aqi)
    return Badge(label, value, (*notes, said), colour)


def _colour(colours: tuple[Colour, ...], index: int) -> str:
    found = [colour.official for colour in colours if colour.index_from <= index]
    return found[-1] if found else GREY


def age_words(seconds: int) -> str:
    """Say an age in words, as the page does; a clock may be an hour off."""
    if seconds < -TOLERANCE:
        return "dated ahead of now"
    units = ((_MINUTE, "minutes"), (_HOUR, "hours"), (DAY, "days"), (_YEAR, "years"))
    fitting = [(seconds // unit, name) for unit, name in units if seconds >= 2 * unit]
    if not fitting:
        return "a minute ago"
    count, name = fitting[-1]
    return f"{count} {name} ago"


def badge_svg(badge: Badge) -> bytes:
    """Write a badge as SVG: under MOST_BYTES, without script, style or reference."""
    label, value = printable(badge.label)[:MOST_LABEL], printable(badge.value)[:MOST_VALUE]
    foot = " · ".join((*badge.notes, CREDIT))
    label_width, value_width = (round(_WIDTH * len(text)) for text in (label, value))
    foot_width, left = round(_FOOT_WIDTH * len(foot)), label_width + 12
    right = max(value_width + 12, foot_width + 12 - left)
    return _SVG.format(
        width=left + right,
        left=left,
        right=right - 1,
        colour=badge.colour,
        label_width=label_width,
        value_width=value_width,
        foot_width=foot_width,
        at=left + 6,
        ink=ink(badge.colour),
        label=label.translate(_ESCAPED),
        value=value.translate(_ESCAPED),
        foot=foot.translate(_ESCAPED),
        title=f"{label}: {value}. {foot}".translate(_ESCAPED),
    ).encode()


def ink(colour: str) -> str:
    """Return black or white: the one with more contrast to a colour (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000" if luminance > _EVEN else "#fff"


_EVEN = 0.1791
"""At this luminance black and white have the same contrast: (1.05 * 0.05) ** 0.5 - 0.05."""


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
