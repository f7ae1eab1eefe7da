"""Reads the parameters of an HTTP request into the same values as the words on the wire.

One rule: an unknown, repeated or empty parameter is refused in one sentence; the rest is read as on the wire,
and refused in the wire's sentences.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aqi_service.core.redaction import printable
from aqi_service.core.request_words import area_request, request_of, scale_named, sensor_request
from aqi_service.core.requests import (
    MOST_METRIC_AREAS,
    MOST_METRIC_SENSORS,
    AreaRequest,
    Choice,
    HttpRequest,
    LatestRequest,
    LoadsRequest,
    MetricsRequest,
    PlaceRequest,
    RecordRequest,
    RejectsRequest,
    ScalesRequest,
)
from aqi_service.errors import BadRequest

MOST_CHARACTERS = 200
"""Most characters of a parameter, and of a word of the path."""

MOST_ID_DIGITS = 20

Lists = Mapping[str, Sequence[str]]
"""Parameters that may be repeated, each with all its values."""

_SWITCH = {"true": True, "1": True, "false": False, "0": False}
_CHOICES, _SCALE = ("indoor", "clean"), "scale"
_POINT, _PLACE = ("lat", "lon"), "place"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one path accepts.

    Attributes:
        kind: the request's name on the wire, or a name for one that the wire does not have: `record`,
            `latest`, ....
        words: its parameters, in the order of the request's words, without those in the path.
        optional: how many of the last ones may be missing.
        filters: whether `indoor` and `clean` are allowed.
        scale: whether `scale` is allowed.
        repeated: parameters that may be repeated, and how often at most.
    """

    kind: str
    words: tuple[str, ...] = ()
    optional: int = 0
    filters: bool = False
    scale: bool = True
    repeated: tuple[tuple[str, int], ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that must be given."""
        return self.words[: len(self.words) - self.optional]

    @property
    def has_point(self) -> bool:
        """Tell whether a place's name may be given instead of the point."""
        return self.words[:2] == _POINT

    @property
    def known(self) -> tuple[str, ...]:
        """All parameters."""
        place = (_PLACE,) if self.has_point else ()
        repeated = (name for name, _ in self.repeated)
        return (*self.words, *place, *repeated, *_CHOICES * self.filters, *(_SCALE,) * self.scale)


RECORD = Endpoint("record")
SENSOR = Endpoint("sensor")
NEAR = Endpoint("near", (*_POINT, "n"), optional=1, filters=True)
BOX = Endpoint("box", ("south", "west", "north", "east"), filters=True)
COUNTRY = Endpoint("country", filters=True)
AREA = Endpoint("area", (*_POINT, "km"), filters=True)
HISTORY = Endpoint("history", ("since", "until"), optional=2)
DAYS = Endpoint("days", ("since", "until"), optional=2)
PLACES = Endpoint("place", ("q",), scale=False)
LATEST = Endpoint("latest")
SNAPSHOT = Endpoint("snapshot", scale=False)
REJECTS = Endpoint("rejects", scale=False)
METRICS = Endpoint("metrics", repeated=(("sensor", MOST_METRIC_SENSORS), ("area", MOST_METRIC_AREAS)))
SCALES = Endpoint("scales", scale=False)


def values_of(known: Sequence[str], given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return parameters by name.

    Raises BadRequest for a parameter that is unknown, given twice, empty or too long.
    """
    values: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            names = f"but {', '.join(known)}" if known else "nor any other"
            raise BadRequest(f"there is no parameter {printable(name[:MOST_CHARACTERS])} here, {names}")
        if name in values:
            raise BadRequest(f"{name} is said twice")
        _check(name, value)
        values[name] = value
    return values


def lists_of(endpoint: Endpoint, given: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return each repeatable parameter with its values, which may be none.

    Raises BadRequest for a value that is empty or too long, and for too many values.
    """
    lists: dict[str, list[str]] = {name: [] for name, _ in endpoint.repeated}
    for name, value in given:
        if name in lists:
            _check(name, value)
            lists[name].append(value)
    for name, most in endpoint.repeated:
        if len(lists[name]) > most:
            raise BadRequest(f"{name} is said {len(lists[name])} times, at most {most} a request: ask twice")
    return lists


def _check(name: str, value: str) -> None:
    if not value:
        raise BadRequest(f"{name} is empty")
    check_length(value)


def check_length(text: str) -> None:
    """Raise BadRequest for a text that is longer than any valid one."""
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(f"at most {MOST_CHARACTERS} characters a parameter")


def place_of(endpoint: Endpoint, values: Mapping[str, str], now: float) -> PlaceRequest | None:
    """Return the place that is named instead of a point; raise BadRequest if both are given."""
    if _PLACE not in values or not endpoint.has_point:
        return None
    if any(name in values for name in _POINT):
        raise BadRequest("either place, or lat and lon")
    request = request_of("place", [values[_PLACE]], Choice(), now)
    return request if isinstance(request, PlaceRequest) else None


def at_point(values: Mapping[str, str], latitude: str, longitude: str) -> dict[str, str]:
    """Return the parameters with the point instead of the place."""
    return {name: value for name, value in values.items() if name != _PLACE} | {
        "lat": latitude,
        "lon": longitude,
    }


def request_at(
    endpoint: Endpoint,
    path_words: Sequence[str],
    values: Mapping[str, str],
    now: float,
    lists: Lists = MappingProxyType({}),
) -> HttpRequest:
    """Make a request from a path's words and parameters; raise BadRequest, which says what is wrong.

    `lists` has the repeatable parameters.
    """
    missing = [name for name in endpoint.required if name not in values]
    if missing:
        instead = ", or place instead of lat and lon" if endpoint.has_point else ""
        raise BadRequest(f"{' and '.join(missing)} missing{instead}")
    indoor, clean = (_switch(name, values.get(name, "false")) for name in _CHOICES)
    choice = Choice(indoor, clean, scale_named(values[_SCALE]) if _SCALE in values else None)
    if endpoint.kind in _OWN:
        return _OWN[endpoint.kind](path_words, lists, choice)
    said = [name in values for name in endpoint.words]
    count = len(said) - said[::-1].index(True) if True in said else 0  # up to the last one that is said
    words = [values.get(name, "") for name in endpoint.words[:count]]
    return request_of(endpoint.kind, [*path_words, *words], choice, now)


def _switch(name: str, text: str) -> bool:
    if text not in _SWITCH:
        raise BadRequest(f"{name} is true or false, not {printable(text)}")
    return _SWITCH[text]


def _record(path_words: Sequence[str], _lists: Lists, choice: Choice) -> HttpRequest:
    (text,) = path_words
    if len(text) > MOST_ID_DIGITS or not (text.isascii() and text.isdigit()):
        raise BadRequest("a record id is 1 to 20 decimal digits")
    return RecordRequest(int(text), choice)


def _metrics(_words: Sequence[str], lists: Lists, choice: Choice) -> HttpRequest:
    sensors = [sensor_request([text], choice) for text in lists["sensor"]]
    areas = [_named_area(text, choice) for text in lists["area"]]
    if not sensors and not areas:
        raise BadRequest("sensor or area missing: sensor=ID, area=NAME,LAT,LON,KM, each as often as need be")
    _check_distinct("sensor", [str(sensor.sensor_id) for sensor in sensors])
    _check_distinct("area", [name for name, _ in areas])
    return MetricsRequest(tuple(sensors), tuple(areas), choice)


def _named_area(text: str, choice: Choice) -> tuple[str, AreaRequest]:
    """Read an area that stands behind its name; the name may contain commas."""
    name, *words = text.rsplit(",", 3)
    if len(words) < len(_AREA_WORDS) or not name.strip() or not name.isprintable():
        raise BadRequest(
            f"an area is NAME,{','.join(_AREA_WORDS)}, as Stuttgart,48.782,9.177,3, not {printable(text)}"
        )
    return name.strip(), area_request(words, choice)


_AREA_WORDS = ("LAT", "LON", "KM")


def _check_distinct(what: str, names: Sequence[str]) -> None:
    """Raise BadRequest if two are the same: they would give the same series twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadRequest(f"{what} {printable(twice[0])} is said twice")


_OWN: Mapping[str, Callable[[Sequence[str], Lists, Choice], HttpRequest]] = MappingProxyType(
    {
        "record": _record,
        "latest": lambda _words, _lists, choice: LatestRequest(choice),
        "snapshot": lambda _words, _lists, _choice: LoadsRequest(),
        "rejects": lambda _words, _lists, _choice: RejectsRequest(),
        "metrics": _metrics,
        "scales": lambda _words, _lists, _choice: ScalesRequest(),
    }
)
"""How requests are made that the wire does not have."""
