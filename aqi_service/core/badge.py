"""A badge: an index in a few words on a strip of 20 pixels' height, as SVG for other people's pages.

One rule: it is read without its colours, and says how old it is; old data is grey, whatever the index was.
"""

from dataclasses import dataclass
from html import escape

from aqi_service.core.areas import Area
from aqi_service.core.palettes import Colour
from aqi_service.core.scales import SCALES, Scale
from aqi_service.core.sensor_records import SensorRecord, rescored
from aqi_service.core.times import DAY

OLD_SECONDS = 3 * 3600
"""From this age on a badge is grey and says that it is old."""

MOST_BYTES = 2048
MOST_LABEL = 40
"""Characters of what is shown: a sensor's id has at most 20."""

GREY = "#9aa3a9"
SHORT = {"daqi": "DAQI", "us-epa": "US AQI"}
CREDIT = "Sensor.Community"

_MINUTE, _HOUR = 60, 3600
_WIDTH = 6.2
"""Pixels of a letter at 11 px, as Verdana and DejaVu Sans have them on average; the text is fitted to it."""

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="32" role="img" aria-label="{all}">
<title>{all}</title>
<rect width="{width}" height="32" rx="4" fill="#2b3338"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}" stroke="#2b3338"/>
<g font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" fill="#fff" textLength="{label_width}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{at}" y="14" fill="{ink}" textLength="{value_width}" lengthAdjust="spacingAndGlyphs">{value}</text>
<text x="6" y="28" fill="#fff" font-size="9">{foot}</text>
</g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says.

    Attributes:
        label: of what.
        value: the index and its band, or why there is none.
        age: in words, with "old" in front of what is; "" without data.
        colour: `#rrggbb` behind the value.
    """

    label: str
    value: str
    age: str = ""
    colour: str = GREY


def sensor_badge(record: SensorRecord, scale: Scale | None, now: float) -> Badge:
    """Return the badge of a sensor's newest record, on a scale (None: the one it was scored on)."""
    item = rescored(record.item, scale)
    label = f"sensor {item.sensor_id}"
    scored = SCALES.get(item.scale or "")
    if scored is None or item.aqi is None or item.measured_at is None:
        return Badge(label, "no index")
    return _badge(label, scored, int(item.aqi), item.aqi_range or "", int(now) - item.measured_at)


def area_badge(area: Area, now: float) -> Badge:
    """Return the badge of an area's medians."""
    label = f"{area.sensors} sensors in {area.request.kilometres:g} km"
    newest = area.newest.measured_at if area.newest else None
    if area.score is None or newest is None:
        return Badge(f"{area.request.kilometres:g} km around", "under 3 sensors")
    return _badge(label, area.scale, area.score.aqi, area.score.band, int(now) - newest)


def _badge(label: str, scale: Scale, index: int, band: str, age: int) -> Badge:
    value = f"{SHORT.get(scale.name, 'index')} {index} {band}"
    is_old = age > OLD_SECONDS
    words = age_words(age)
    if is_old:
        return Badge(label, value, f"old: {words}")
    return Badge(label, value, words, _colour(scale.colours, index))


def _colour(colours: tuple[Colour, ...], index: int) -> str:
    found = [colour.official for colour in colours if colour.index_from <= index]
    return found[-1] if found else GREY


def age_words(seconds: int) -> str:
    """Say an age as people do."""
    if seconds < 2 * _MINUTE:
        return "just now"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} minutes ago"
    if seconds < 2 * DAY:
        return f"{seconds // _HOUR} hours ago"
    return f"{seconds // DAY} days ago"


def badge_svg(badge: Badge) -> bytes:
    """Write a badge as SVG: under MOST_BYTES, without script or style."""
    label, value = badge.label[:MOST_LABEL], badge.value[:MOST_LABEL]
    foot = " · ".join(filter(None, ("24-hour mean", badge.age, CREDIT)))
    label_width, value_width = (round(_WIDTH * len(text)) for text in (label, value))
    left = label_width + 12
    right = max(value_width + 12, round(5.2 * len(foot)) + 12 - left)
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        colour=badge.colour,
        label_width=label_width,
        value_width=value_width,
        at=left + 6,
        ink=_ink(badge.colour),
        label=escape(label),
        value=escape(value),
        foot=escape(foot),
        all=escape(f"{label}: {value}; {foot}"),
    ).encode()


def _ink(colour: str) -> str:
    """Return black or white: what is read on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#000" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "#fff"
