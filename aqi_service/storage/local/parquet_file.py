"""One snapshot's records as a Parquet file.

One rule: no number is changed: a decimal that its type cannot hold is null, and is text in a column of its
own. (Only this file needs pyarrow, which is imported with it.)
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from aqi_service.core.export_rows import (
    COLUMNS,
    DECIMALS,
    PRECISION,
    SCALE,
    TEXT_SUFFIX,
    ColumnType,
    split_decimals,
)
from aqi_service.core.items import Item

GROUP_ROWS = 65_536
"""Rows of a row group, which wait in memory in Arrow's form: some 200 bytes each."""

_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.DECIMAL: pa.decimal128(PRECISION, SCALE),
    ColumnType.INDEX: pa.int32(),
    ColumnType.SMALL: pa.int8(),
    ColumnType.NUMBER: pa.int64(),
    ColumnType.TIME: pa.timestamp("ms", "UTC"),  # which every engine reads; the feed has no finer ones
}
_TEXT, _SECONDS = pa.string(), pa.timestamp("s", "UTC")

# A column that comes to be goes to the end: Athena reads them by their order.
_FIELDS = (
    *((column.name, _TYPES[column.type]) for column in COLUMNS),
    *((column.name + TEXT_SUFFIX, _TEXT) for column in DECIMALS),
)


class ParquetFile:
    """A Parquet file that is being written, with these facts in its metadata; errors are those of the file.

    `group_rows` is how many rows wait in memory (tests use fewer).
    """

    def __init__(self, file: BinaryIO, facts: Mapping[str, str], group_rows: int = GROUP_ROWS) -> None:
        self._group_rows = group_rows
        self._schema = pa.schema(_FIELDS, metadata=dict(facts))
        self._writer: Any = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._batches: list[Any] = []
        self._waiting = 0
        self.as_text = 0

    def add(self, items: Sequence[Item]) -> None:
        """Take the next rows."""
        self._batches.append(self._batch(items))
        self._waiting += len(items)
        if self._waiting >= self._group_rows:
            self._write()

    def close(self, facts: Mapping[str, str]) -> None:
        """Write the rest, and the metadata of the whole file."""
        self._write()
        self._writer.add_key_value_metadata(dict(facts))
        self._writer.close()

    def discard(self) -> None:
        """End an unclosed writer while its file exists; otherwise it would try that when it is collected."""
        with suppress(OSError):
            self._writer.close()
        self._writer.is_open = False

    def _write(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches), row_group_size=self._group_rows)
            self._batches, self._waiting = [], 0

    def _batch(self, items: Sequence[Item]) -> Any:
        arrays, texts = [], []
        for column, values in zip(COLUMNS, zip(*items, strict=True), strict=True):
            wanted = _TYPES[column.type]
            if column.type is ColumnType.TIME:
                arrays.append(pa.array(values, _SECONDS).cast(wanted))
            elif column.type is ColumnType.DECIMAL:
                held, others = split_decimals(values)
                arrays.append(pa.array(held, _TEXT).cast(wanted))
                texts.append(pa.array(others, _TEXT))
                self.as_text += len(others) - others.count(None)
            else:
                arrays.append(pa.array(values, _TEXT).cast(wanted))
        return pa.record_batch([*arrays, *texts], schema=self._schema)
