"""Reads the words of a request on the wire into a value.

One rule: a request is words with one space between them; the first is its name. An error is one sentence that
shows the form, or names the limit and how to keep it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from aqi_service.core.decimals import canonical, integer
from aqi_service.core.geo import Box, Point
from aqi_service.core.redaction import printable
from aqi_service.core.requests import (
    ASKED_SCALES,
    LEAST_KM,
    MOST_DAYS,
    MOST_HISTORY_DAYS,
    MOST_KM,
    MOST_NEAREST,
    USUAL_DAYS,
    USUAL_HISTORY_DAYS,
    USUAL_NEAREST,
    AreaRequest,
    BoxRequest,
    Choice,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    NearRequest,
    PlaceRequest,
    Request,
    SensorRequest,
)
from aqi_service.core.scoring import Scale
from aqi_service.core.times import DAY, iso, typed_time
from aqi_service.errors import BadRequest

Reader = Callable[[Sequence[str], Choice, float], Request]
"""Makes a request from the words behind its name and its choice; the third argument is the time, epoch
seconds."""


def sensor_request(words: Sequence[str], choice: Choice, _now: float = 0) -> SensorRequest:
    """Make a request from its id."""
    (sensor_id,) = words
    return SensorRequest(_sensor_id(sensor_id), choice)


def _near(words: Sequence[str], choice: Choice, _now: float) -> Request:
    latitude, longitude, *count = words
    wanted = _whole(*count, least=1, most=MOST_NEAREST, what="N") if count else USUAL_NEAREST
    return NearRequest(_point(latitude, longitude), wanted, choice)


def _box(words: Sequence[str], choice: Choice, _now: float) -> Request:
    south, west, north, east = words
    box = Box(*_point(south, west), *_point(north, east))
    if box.south > box.north:
        raise BadRequest(f"SOUTH ({south}) lies north of NORTH ({north}); a box is SOUTH WEST NORTH EAST")
    return BoxRequest(box, choice)


def _country(words: Sequence[str], choice: Choice, _now: float) -> Request:
    (code,) = words
    return CountryRequest(_country_code(code), choice)


def area_request(words: Sequence[str], choice: Choice, _now: float = 0) -> AreaRequest:
    """Make a request from latitude, longitude and kilometres."""
    latitude, longitude, kilometres = words
    radius = _number(kilometres, LEAST_KM, MOST_KM, f"KM is a number from {LEAST_KM:g} to {MOST_KM:g}")
    return AreaRequest(_point(latitude, longitude), radius, choice)


def _history(words: Sequence[str], choice: Choice, now: float) -> Request:
    sensor_id, *times = words
    since, until = _range(times, now, USUAL_HISTORY_DAYS, MOST_HISTORY_DAYS)
    return HistoryRequest(_sensor_id(sensor_id), since, until, choice)


def _days(words: Sequence[str], choice: Choice, now: float) -> Request:
    sensor_id, *times = words
    since, until = _range(times, now, USUAL_DAYS, MOST_DAYS)
    return DaysRequest(_sensor_id(sensor_id), since, until, choice)


def _place(words: Sequence[str], _choice: Choice, _now: float) -> Request:
    name, comma, code = " ".join(words).partition(",")
    if not name.strip():
        raise BadRequest("a place's name is missing: place NAME, or place NAME,CC")
    return PlaceRequest(name.strip(), _country_code(code.strip().upper()) if comma else None)


@dataclass(frozen=True, slots=True)
class _Form:
    """A request's form: how a person writes it, how many words it has, how they are read, what may follow."""

    usage: str
    least: int
    most: int
    read: Reader
    filters: bool = False
    scale: bool = True


_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        "sensor": _Form("sensor ID", 1, 1, sensor_request),
        "near": _Form("near LAT LON [N]", 2, 3, _near, filters=True),
        "box": _Form("box SOUTH WEST NORTH EAST", 4, 4, _box, filters=True),
        "country": _Form("country CC", 1, 1, _country, filters=True),
        "area": _Form("area LAT LON KM", 3, 3, area_request, filters=True),
        "history": _Form("history ID [SINCE [UNTIL]]", 1, 3, _history),
        "days": _Form("days ID [SINCE [UNTIL]]", 1, 3, _days),
        "place": _Form("place NAME", 1, 100, _place, scale=False),
    }
)

KINDS = tuple(_FORMS)
"""The names of the requests."""

NO_REQUEST = f"a request is a record id, 1 to 20 decimal digits, or one of {', '.join(KINDS)}"
"""The answer to any other text."""


def read_request(payload: bytes, now: float) -> Request:
    """Read a payload at the time `now` (epoch seconds); raise BadRequest, which says what is wrong."""
    try:
        name, *words = payload.decode().split(" ")
    except UnicodeDecodeError:
        raise BadRequest("a request is UTF-8 text") from None
    form = _FORMS.get(name)
    if form is None:
        raise BadRequest(NO_REQUEST)
    words, choice = _split_choice(words, form)
    if not form.least <= len(words) <= form.most or not all(words):
        raise BadRequest(f"the form is {form.usage}{_tail(form)}, with one space between words")
    return form.read(words, choice, now)


def request_of(name: str, words: Sequence[str], choice: Choice, now: float) -> Request:
    """Make a request from its words, which are already separated; raise BadRequest likewise."""
    return _FORMS[name].read(words, choice, now)


def scale_named(name: str) -> Scale:
    """Return a scale for scoring an answer; raise BadRequest for any other name."""
    scale = ASKED_SCALES.get(name)
    if scale is None:
        raise BadRequest(f"there is no scale {_shown(name)} to answer on, but {' and '.join(ASKED_SCALES)}")
    return scale


def _split_choice(words: list[str], form: _Form) -> tuple[list[str], Choice]:
    """Separate the words of the choice, which come last, from those before them."""
    choice = Choice()
    while True:
        if form.scale and len(words) > 1 and words[-2] == "scale" and choice.scale is None:
            choice, words = replace(choice, scale=scale_named(words[-1])), words[:-2]
        elif form.filters and words[-1:] == ["indoor"] and not choice.indoor:
            choice, words = replace(choice, indoor=True), words[:-1]
        elif form.filters and words[-1:] == ["clean"] and not choice.clean:
            choice, words = replace(choice, clean=True), words[:-1]
        else:
            return words, choice


def _tail(form: _Form) -> str:
    return (" [indoor] [clean]" if form.filters else "") + (" [scale NAME]" if form.scale else "")


def _sensor_id(text: str) -> int:
    sensor_id = integer(text) if len(text) <= _ID_DIGITS else None
    if sensor_id is None:
        raise BadRequest("a sensor id is 1 to 19 decimal digits, at most 9223372036854775807")
    return int(sensor_id)


_ID_DIGITS = 20

_MOST_SHOWN = 40
"""Most characters of a word that a refusal repeats, so that it stays short and quick to make."""


def _shown(text: str) -> str:
    return printable(text[:_MOST_SHOWN])


def _point(latitude: str, longitude: str) -> Point:
    return Point(
        _number(latitude, -90, 90, "a latitude is a number of degrees from -90 to 90"),
        _number(longitude, -180, 180, "a longitude is a number of degrees from -180 to 180"),
    )


def _number(text: str, least: float, most: float, rule: str) -> float:
    """Read a number in SPEC's form; raise BadRequest with the rule that it breaks."""
    number = canonical(text)
    value = None if number is None else float(number)
    if value is None or not least <= value <= most:
        raise BadRequest(f"{rule}, not {_shown(text)}")
    return value


def _whole(text: str, *, least: int, most: int, what: str) -> int:
    number = integer(text)
    if number is None or not least <= int(number) <= most:
        raise BadRequest(f"{what} is a whole number from {least} to {most}, not {_shown(text)}")
    return int(number)


def _country_code(text: str) -> str:
    if len(text) != len("CC") or not (text.isascii() and text.isalpha() and text.isupper()):
        raise BadRequest(f"a country is two capital letters, such as DE, not {_shown(text)}")
    return text


def _range(times: Sequence[str], now: float, usual_days: int, most_days: int) -> tuple[int, int]:
    """Read SINCE and UNTIL; if they are not given, the range is the usual number of days up to now.

    An empty SINCE (no payload can have one) counts as not given.
    """
    until = _time(times[1]) if len(times) > 1 else int(now)
    since = _time(times[0]) if times and times[0] else until - usual_days * DAY
    if since >= until:
        raise BadRequest(f"SINCE ({iso(since)}) is not before UNTIL ({iso(until)})")
    if until - since > most_days * DAY:
        which = "" if len(times) > 1 else "; an UNTIL that is not said is now"
        raise BadRequest(
            f"at most {most_days} days a request: ask for SINCE and UNTIL that are nearer{which}"
        )
    return since, until


def _time(text: str) -> int:
    seconds = typed_time(text)
    if seconds is None:
        raise BadRequest(f"a time is 2023-12-20 or 2023-12-20T18:55, UTC, not {_shown(text)}")
    return seconds
