"""What openapi.json says in words alone, since JSON Schema cannot compare one parameter with another.

One rule: of a request only what breaks such a rule is another one afterwards; and the sensor, now and then.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

LAST = date(9999, 12, 1)
SENSORS = ("1118", "649", "164")
"""Sensors that the capture has."""


def kept(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of which SOUTH is not north of NORTH, and UNTIL is five days after SINCE."""
    return _in_order(_near(dict(query)))


def known(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of a path, with every odd id that of a sensor that there is."""
    text = str(words.get("id", ""))
    number = int(text) if text.isdecimal() else 0
    return dict(words) | ({"id": SENSORS[number % len(SENSORS)]} if number % 2 else {})


def series(query: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return parameters of /metrics: at least one sensor or area, and no two areas of one name."""
    asked = dict(query or {})
    if not asked.get("sensor") and not asked.get("area"):
        return asked | {"sensor": [SENSORS[0]]}
    return asked | ({"area": asked["area"][:1]} if isinstance(asked.get("area"), list) else {})


def _in_order(query: dict[str, Any]) -> dict[str, Any]:
    try:
        south, north = float(query["south"]), float(query["north"])
    except (KeyError, TypeError, ValueError):
        return query
    return query if south <= north else query | {"south": query["north"], "north": query["south"]}


def _near(query: dict[str, Any]) -> dict[str, Any]:
    try:
        text = query.get("since") or query["until"]
        day = min(date.fromisoformat(text[:10]), LAST)
    except (KeyError, TypeError, ValueError):
        return query
    return query | {"since": f"{day}", "until": f"{day + timedelta(days=5)}"}
