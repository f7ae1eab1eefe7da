"""Any point on the sphere, any box of degrees, and how far points are apart by core/geo.py."""

from hypothesis import strategies as st

from aqi_service.core.geo import Box, Point, metres

LATITUDES = st.floats(-90, 90) | st.integers(-90, 90).map(float)

LONGITUDES = st.floats(-180, 180) | st.integers(-180, 180).map(float)

POINTS = st.builds(Point, LATITUDES, LONGITUDES)

BOXES = st.builds(
    lambda a, b, west, east: Box(min(a, b), west, max(a, b), east),
    LATITUDES,
    LATITUDES,
    LONGITUDES,
    LONGITUDES,
)


def metres_between(one: Point, other: Point) -> int:
    """Return the great-circle distance of two points in whole metres."""
    return metres(sum((a - b) ** 2 for a, b in zip(one.vector, other.vector, strict=True)))
