"""Databases that read a feed's file into a table in memory and score it: DuckDB, and ClickHouse (chdb).

One rule: each has one thread, and makes the columns of an item, scored by the tables of the DAQI.

They leave out what they have no notion of: halves of measurements that are merged, rejections with their
reasons and places, the exact form of numbers, pieces of a file that has not all come yet.
"""

import time

from aqi_service.core.scales import DAQI
from bench.lib.parsing import TAKEN, Parsed
from bench.lib.processes import memory

_FOUND = "SELECT count(*), sum(aqi) FROM items"


def duckdb(document: str) -> Parsed:
    """Do it with DuckDB."""
    import duckdb as database  # noqa: PLC0415  # of the extra `bench`, which the tests do without

    connection = database.connect(config={"threads": 1})
    begun = time.process_time()
    connection.execute(_DUCKDB.replace("DOCUMENT", document.replace("'", "''")))
    seconds, peak = time.process_time() - begun, memory("VmHWM")
    [(count, total)] = connection.execute(_FOUND).fetchall()
    return Parsed(seconds, peak, int(count), int(total))


def chdb(document: str) -> Parsed:
    """Do it with ClickHouse, in this process."""
    import chdb as clickhouse  # noqa: PLC0415  # of the extra `peers`

    connection = clickhouse.connect(":memory:")
    connection.query("SELECT 1")  # it has started then
    begun = time.process_time()
    connection.query(_CLICKHOUSE.replace("DOCUMENT", document.replace("'", "\\'")))
    seconds, peak = time.process_time() - begun, memory("VmHWM")
    count, total = str(connection.query(_FOUND)).split(",")
    return Parsed(seconds, peak, int(count), int(total))


def _index(value: str, table: int) -> str:
    """Write the DAQI of a column by one of the scale's tables; 0 of a pollutant that is missing."""
    edges = [float(step.high) for step in DAQI.tables[table].steps[:-1]]
    cases = " ".join(f"WHEN round({value}) <= {edge:g} THEN {index}" for index, edge in enumerate(edges, 1))
    return f"CASE WHEN {value} IS NULL THEN 0 {cases} ELSE {len(edges) + 1} END"


def _scored(epoch: str, nothing: str) -> str:
    """Write what both have in common, with the two words that they have not."""
    return f"""
), scored AS (
    SELECT *, {_index("pm25", 0)} AS fine, {_index("pm10", 1)} AS coarse FROM particles
)
SELECT id, location.latitude AS latitude, location.longitude AS longitude, location.altitude AS altitude,
    location.country AS country, timestamp, CAST(timestamp AS DATE) AS date, pm25, pm10,
    greatest(fine, coarse) AS aqi,
    CASE WHEN aqi <= 3 THEN 'Low' WHEN aqi <= 6 THEN 'Medium' WHEN aqi <= 9 THEN 'High' ELSE 'Very High' END
        AS aqi_range,
    sensor.id AS sensor_id, sensor.sensor_type.name AS sensor_type, location.indoor AS indoor,
    {epoch} AS measured_at, {TAKEN} AS snapshot_at, '{DAQI.name}' AS scale,
    CASE WHEN coarse > fine THEN 'P10' ELSE 'P2.5' END AS aqi_pollutant, {nothing} AS expires_at
FROM scored"""  # noqa: S608  # the texts are this file's


_DUCKDB = f"""
CREATE TEMP TABLE items AS
WITH feed AS (
    SELECT *, list_filter(sensordatavalues, lambda v: v.value_type = 'P1')[1].value AS p1,
        list_filter(sensordatavalues, lambda v: v.value_type = 'P2')[1].value AS p2
    FROM read_json('DOCUMENT', format = 'array', columns = {{
        id: 'BIGINT', timestamp: 'TIMESTAMP',
        location: 'STRUCT(latitude DECIMAL(9,6), longitude DECIMAL(9,6), altitude DECIMAL(9,2),
            country VARCHAR, indoor TINYINT)',
        sensor: 'STRUCT(id BIGINT, sensor_type STRUCT(name VARCHAR))',
        sensordatavalues: 'STRUCT(value_type VARCHAR, value VARCHAR)[]'
    }})
), particles AS (
    SELECT *, p1::DECIMAL(9,3) AS pm10, p2::DECIMAL(9,3) AS pm25 FROM feed
    WHERE p1 IS NOT NULL OR p2 IS NOT NULL
{_scored("epoch(timestamp)::BIGINT", "NULL::BIGINT")}"""  # noqa: S608  # as above

_CLICKHOUSE = f"""
CREATE TABLE items ENGINE = Memory AS
WITH feed AS (
    SELECT *, sensordatavalues.value[indexOf(sensordatavalues.value_type, 'P1')] AS p1,
        sensordatavalues.value[indexOf(sensordatavalues.value_type, 'P2')] AS p2
    FROM file('DOCUMENT', JSONEachRow, 'id Int64, timestamp DateTime(\\'UTC\\'),
        location Tuple(latitude Decimal(9, 6), longitude Decimal(9, 6), altitude Nullable(Decimal(9, 2)),
            country String, indoor Int8),
        sensor Tuple(id Int64, sensor_type Tuple(name String)),
        sensordatavalues Array(Tuple(value_type String, value String))')
), particles AS (
    SELECT *, toDecimal32OrNull(p1, 3) AS pm10, toDecimal32OrNull(p2, 3) AS pm25 FROM feed
    WHERE p1 != '' OR p2 != ''
{_scored("toUnixTimestamp(timestamp)", "toInt64OrNull('')")}
SETTINGS max_threads = 1, max_insert_threads = 1, input_format_parallel_parsing = 0"""  # noqa: S608  # as above
