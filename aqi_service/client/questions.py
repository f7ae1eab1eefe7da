"""Reads the command line's options, other than ids, into one question.

Rule: an error that can be found without the server is one sentence before anything is sent.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aqi_service.client.choice import Choice
from aqi_service.client.csv_text import number
from aqi_service.client.options import Question
from aqi_service.client.requests import seconds_of
from aqi_service.core.redaction import printable
from aqi_service.errors import BadQuestion

Given = Mapping[str, Any]
"""Options by their names; None, or False for a switch, means not given."""

_PLACES = ("near", "box", "country")
_OVER_TIME = ("history", "days")

_GOES_WITH = {
    "number": ("near",),
    "km": ("area",),
    "since": _OVER_TIME,
    "until": _OVER_TIME,
    "indoor": (*_PLACES, "area"),
    "clean": (*_PLACES, "area"),
    "scale": ("sensor", *_PLACES, "area", *_OVER_TIME),
}
"""Options that belong to a question, and to which ones."""

_SHOWN = {"number": "-n"}

_SENSOR_DIGITS = 20


def question_of(given: Given) -> Question | None:
    """Return the question; None if there are only ids. Raises BadQuestion."""
    kinds = [name for name in _READERS if given[name] is not None]
    if given["days"] == "" and len(kinds) > 1:
        kinds.remove("days")
    each_day = "days" not in kinds and given["days"] is not None
    _check_together(given, kinds, each_day=each_day)
    if not kinds:
        return None
    kind = kinds[0]
    words, place = _READERS[kind](given)
    return Question(
        kind,
        words,
        place,
        each_day,
        _times(given),
        Choice(given["indoor"], given["clean"], given["scale"]),
    )


def _check_together(given: Given, kinds: list[str], *, each_day: bool) -> None:
    """Refuse options that make no sense together."""
    if len(kinds) > 1:
        raise BadQuestion(f"{' and '.join(f'--{kind}' for kind in kinds)} are two questions; ask one")
    if each_day and kinds[0] not in _PLACES:
        raise BadQuestion(f"--days of all sensors goes with {_listed(_PLACES)}, not with --{kinds[0]}")
    there = {*kinds, *(["days"] if each_day else [])}
    for name, partners in _GOES_WITH.items():
        if given[name] not in (None, False) and there.isdisjoint(partners):
            raise BadQuestion(f"{_SHOWN.get(name, f'--{name}')} goes with {_listed(partners)}")


def _listed(names: tuple[str, ...]) -> str:
    *most, last = (f"--{name}" for name in names)
    return f"{', '.join(most)} or {last}" if most else last


def _times(given: Given) -> tuple[int | None, int | None]:
    since, until = seconds_of(given["since"]), seconds_of(given["until"])
    if since is not None and until is not None and since >= until:
        raise BadQuestion("--since is not before --until")
    return since, until


Words = tuple[tuple[str, ...], str | None]
"""The words of a question, and the name of a place that comes before them."""


def _sensor_of(name: str) -> Callable[[Given], Words]:
    def read(given: Given) -> Words:
        text = given[name]
        if not text:
            raise BadQuestion(f"--{name} needs a sensor's ID, or {_listed(_PLACES)} beside it")
        if not (text.isascii() and text.isdigit() and len(text) <= _SENSOR_DIGITS):
            raise BadQuestion(f"{_said(text)} is no sensor id: an id is 1 to 19 decimal digits")
        return (text,), None

    return read


def _near(given: Given) -> Words:
    count = given["number"]
    if count is not None and not (count.isascii() and count.isdigit()):
        raise BadQuestion(f"-n is a whole number from 1 to 100, not {_said(count)}")
    return _placed(given["near"], () if count is None else (count,))


def _area(given: Given) -> Words:
    kilometres = given["km"]
    if kilometres is None:
        raise BadQuestion("--area needs --km")
    if number(kilometres) is None:
        raise BadQuestion(f"--km is a number from 0.1 to 100, not {_said(kilometres)}")
    return _placed(given["area"], (kilometres,))


def _placed(text: str, words: tuple[str, ...]) -> Words:
    """Read LAT,LON, or anything else as a name."""
    parts = tuple(part.strip() for part in text.split(","))
    if len(parts) == len(("LAT", "LON")) and all(number(part) is not None for part in parts):
        return (*parts, *words), None
    if not parts[0] or any(number(part) is not None for part in parts):
        raise BadQuestion(f"a place is LAT,LON, or a name that may end in ,CC, not {_said(text)}")
    return words, text.strip()


def _box(given: Given) -> Words:
    edges = tuple(part.strip() for part in given["box"].split(","))
    if len(edges) != len(("S", "W", "N", "E")) or any(number(edge) is None for edge in edges):
        raise BadQuestion(
            f"a box is S,W,N,E in degrees, such as 48.7,9.1,48.9,9.3, not {_said(given['box'])}"
        )
    return edges, None


def _country(given: Given) -> Words:
    code = given["country"].upper()
    if len(code) != len("CC") or not (code.isascii() and code.isalpha()):
        raise BadQuestion(f"a country is two letters, such as DE, not {_said(given['country'])}")
    return (code,), None


def _said(text: str) -> str:
    return repr(printable(text[:40]))


_READERS: Mapping[str, Callable[[Given], Words]] = {
    "sensor": _sensor_of("sensor"),
    "near": _near,
    "box": _box,
    "country": _country,
    "area": _area,
    "history": _sensor_of("history"),
    "days": _sensor_of("days"),
}
