"""Colours of the indices, as data: the official ones, and a second set for colour-blind people.

One rule: a colour is `#rrggbb`, and is stored with the lowest index that has it.

The official sets fail: to deuteranopes (Machado et al. 2009, severity 1) the DAQI's 2, Low, and 5, Medium,
are 7.6 apart in Lab (CIE76), and the US AQI's Good and Unhealthy for Sensitive Groups 8.0. The second sets go
from blue over yellow and brown to nearly black; no two colours of different bands are nearer than 20, for any
kind of sight.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """The colours of indices from `index_from` on: the official one and that of the second set."""

    index_from: int
    official: str
    second: str


DAQI_COLOURS = (
    Colour(1, "#9cff9c", "#d4ebff"),
    Colour(2, "#31ff00", "#a9d1f7"),
    Colour(3, "#31cf00", "#80b6ec"),
    Colour(4, "#ffff00", "#ffe873"),
    Colour(5, "#ffcf00", "#f5c63c"),
    Colour(6, "#ff9a00", "#e6a31c"),
    Colour(7, "#ff6464", "#bf6420"),
    Colour(8, "#ff0000", "#a14a12"),
    Colour(9, "#990000", "#82330b"),
    Colour(10, "#ce30ff", "#2b0a3d"),
)
"""Official: Defra, Daily Air Quality Index, as its page on the index has them."""

US_EPA_COLOURS = (
    Colour(0, "#00e400", "#a9d1f7"),
    Colour(51, "#ffff00", "#ffe873"),
    Colour(101, "#ff7e00", "#e89b1c"),
    Colour(151, "#ff0000", "#b0551a"),
    Colour(201, "#8f3f97", "#743070"),
    Colour(301, "#7e0023", "#240824"),
)
"""Official: US EPA, EPA-454/B-24-002, table 2."""
