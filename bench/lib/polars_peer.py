"""A data frame that a feed's file is read into and scored in: polars, as `bench.lib.sql_peers` do it.

One rule: as there.
"""

import os
import time
from typing import Any

from aqi_service.core.scales import DAQI
from bench.lib.parsing import TAKEN, Parsed
from bench.lib.processes import memory


def polars(document: str) -> Parsed:
    """Do it with polars."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # it reads this when it is imported
    import polars as pl  # noqa: PLC0415  # of the extra `peers`

    begun = time.process_time()
    feed = pl.read_json(document, schema=_types(pl)).lazy()
    items = _items(pl, _scored(pl, _particles(pl, feed))).collect()
    seconds, peak = time.process_time() - begun, memory("VmHWM")
    return Parsed(seconds, peak, len(items), int(items["aqi"].sum()))


def _types(pl: Any) -> dict[str, Any]:
    """Give the types of the feed's fields that are read."""
    location = {"latitude": pl.Decimal(9, 6), "longitude": pl.Decimal(9, 6), "altitude": pl.Decimal(9, 2)}
    return {
        "id": pl.Int64,
        "timestamp": pl.Datetime("us"),
        "location": pl.Struct({**location, "country": pl.String, "indoor": pl.Int8}),
        "sensor": pl.Struct({"id": pl.Int64, "sensor_type": pl.Struct({"name": pl.String})}),
        "sensordatavalues": pl.List(pl.Struct({"value_type": pl.String, "value": pl.String})),
    }


def _particles(pl: Any, feed: Any) -> Any:
    """Choose the particulate records."""
    values = feed.select("id", "sensordatavalues").explode("sensordatavalues").unnest("sensordatavalues")
    value = pl.col("value").cast(pl.Decimal(9, 3))
    pm25, pm10 = (
        values.filter(pl.col("value_type") == told).select("id", value.alias(to))
        for told, to in (("P2", "pm25"), ("P1", "pm10"))
    )
    return feed.drop("sensordatavalues").join(pm25.join(pm10, on="id", how="full", coalesce=True), on="id")


def _scored(pl: Any, particles: Any) -> Any:
    """Score them: an index is one more than there are steps below the value."""
    indices = {}
    for table, column in enumerate(("pm25", "pm10")):
        rounded = pl.col(column).cast(pl.Float64).round(0, mode="half_away_from_zero")
        edges = [float(step.high) for step in DAQI.tables[table].steps[:-1]]
        above = pl.sum_horizontal(*((rounded > edge).cast(pl.Int8) for edge in edges))
        indices[column] = pl.when(pl.col(column).is_null()).then(0).otherwise(1 + above)
    scored = particles.with_columns(fine=indices["pm25"], coarse=indices["pm10"])
    return scored.with_columns(aqi=pl.max_horizontal("fine", "coarse"))


def _items(pl: Any, scored: Any) -> Any:
    """Choose the columns of an item."""
    place, sensor = pl.col("location").struct.field, pl.col("sensor").struct.field
    bands = ("Low",) * 3 + ("Medium",) * 3 + ("High",) * 3 + ("Very High",)
    coarse = pl.col("coarse") > pl.col("fine")
    return scored.select(
        "id",
        *(place(name) for name in ("latitude", "longitude", "altitude", "country")),
        "timestamp",
        pl.col("timestamp").dt.date().alias("date"),
        "pm25",
        "pm10",
        "aqi",
        pl.col("aqi").replace_strict(dict(enumerate(bands, 1))).alias("aqi_range"),
        sensor("id").alias("sensor_id"),
        sensor("sensor_type").struct.field("name").alias("sensor_type"),
        place("indoor"),
        pl.col("timestamp").dt.epoch("s").alias("measured_at"),
        pl.lit(TAKEN).alias("snapshot_at"),
        pl.lit(DAQI.name).alias("scale"),
        pl.when(coarse).then(pl.lit("P10")).otherwise(pl.lit("P2.5")).alias("aqi_pollutant"),
        pl.lit(None, pl.Int64).alias("expires_at"),
    )
