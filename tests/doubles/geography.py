"""Any point on the sphere, any box of degrees."""

from hypothesis import strategies as st

from aqi_service.core.geo import Box, Point

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
