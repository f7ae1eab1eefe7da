"""Items for the tests of stores: one with every field, and any that the feed could give.

One rule: every item here is one that any store takes and gives back the same.
"""

from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.items import Item


def decimals(limit: int) -> st.SearchStrategy[str]:
    """Give canonical numbers of at most `limit` either way."""
    numbers = st.decimals(-limit, limit, places=4).map(lambda number: canonical(f"{number:f}"))
    return numbers.filter(lambda text: text is not None).map(str)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
TIMES = st.none() | st.integers(0, 2**40)
ITEMS = st.builds(
    Item,
    id=st.integers(0, 2**63 - 1).map(str),
    latitude=st.none() | decimals(90),
    longitude=st.none() | decimals(180),
    altitude=st.none() | decimals(9000),
    country=st.none() | st.sampled_from(["DE", "GB"]),
    timestamp=st.none() | TEXTS,
    date=st.none() | TEXTS,
    pm25=st.none() | decimals(999) | st.just("3." + "8" * 37),
    pm10=st.none() | decimals(1999),
    aqi=st.none() | decimals(500),
    aqi_range=st.none() | TEXTS,
    sensor_id=st.none() | st.integers(0, 10**18).map(str),
    sensor_type=st.none() | TEXTS,
    indoor=st.none() | st.sampled_from(["0", "1"]),
    measured_at=TIMES,
    snapshot_at=TIMES,
    scale=st.none() | TEXTS,
    aqi_pollutant=st.none() | st.sampled_from(["P2.5", "P10"]),
    expires_at=TIMES,
    hours_p25=st.none() | st.integers(0, 24).map(str),
    hours_p10=st.none() | st.integers(0, 24).map(str),
)

FULL = Item(
    id="18456691289", latitude="48.8", longitude="9.2", altitude="-3.5", country="DE",
    timestamp="2023-12-20 17:00:00", date="2023-12-20", pm25="0.9", pm10="12", aqi="1", aqi_range="Low",
    sensor_id="141", sensor_type="SDS011", indoor="0", measured_at=1703091600, snapshot_at=1703098500,
    scale="daqi", aqi_pollutant="P2.5", expires_at=1705683600,
)  # fmt: skip
