"""Blocks of JSON Lines as record batches of a schema, without a Python object for each value.

Arrow reads a block several times as fast as the converter does, but it is less exact about what it
accepts. So a block is read by Arrow only where the result is certain to be the same: all columns
have types that it reads without loss, each line begins like a row, there are as many rows as lines,
and nothing is refused. Any other block is read row by row, which then tells what is wrong.

A line that is not an object is never given to Arrow, which crashes on a bare `null` (seen with
pyarrow 26).
"""

from __future__ import annotations

import importlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

from explore_async.results import arrow, geo

if TYPE_CHECKING:
    import pyarrow as pa

    from explore_async.results.conversion import Converter

__all__ = ["BlockReader"]

_EXACT = frozenset({"int", "double", "boolean", "text", "date", "datetime", "geo_point_2d"})
_MISSES = 3
"""Blocks that Arrow may refuse before it is not tried any more."""
_CHUNK = 512 * 1024
"""The bytes that one processor reads at a time; Arrow refuses a line of more than two chunks."""
_SMALL = 1e15
"""The smallest number of 16 digits; doubles hold all integers below it."""


class BlockReader:
    """Reads the blocks of one file.

    Args:
        schema: the columns.
        converter: knows the types of the fields.
    """

    def __init__(self, schema: pa.Schema, converter: Converter) -> None:
        self._schema = schema
        self._misses = 0 if _is_exact(schema, converter) else _MISSES
        self._pyarrow = arrow.require("pyarrow")
        self._json: Any = importlib.import_module("pyarrow.json")
        self._compute: Any = importlib.import_module("pyarrow.compute")
        self._rounded = _rounded(self._pyarrow, schema)
        self._options = self._json.ParseOptions(
            explicit_schema=self._pyarrow.schema([self._as_read(one) for one in schema]),
            unexpected_field_behavior="error",
        )

    def read(self, block: bytes) -> list[pa.RecordBatch] | None:
        """Return the rows of whole lines; None if they have to be read one by one."""
        if self._misses >= _MISSES:
            return None
        made = self._read(block)
        self._misses += made is None
        return made

    def _read(self, block: bytes) -> list[pa.RecordBatch] | None:
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if not block.startswith(b"{") or block.count(b"\n{") != lines - 1:
            return None
        options = self._json.ReadOptions(use_threads=True, block_size=_CHUNK)
        try:
            table = self._json.read_json(
                io.BytesIO(block),
                read_options=options,
                parse_options=self._options,
                memory_pool=self._pyarrow.system_memory_pool(),
            )
            table.validate(full=True)  # Arrow accepts what is not UTF-8
            if table.num_rows != lines or not self._has_the_numbers_of(table, block):
                return None
            batches: list[pa.RecordBatch] = table.cast(self._schema).to_batches()
        except (ValueError, NotImplementedError):  # ArrowInvalid is a ValueError
            return None
        return batches

    def _has_the_numbers_of(self, table: pa.Table, block: bytes) -> bool:
        """Return whether no decimal is rounded or was not JSON; searching all text takes longer."""
        columns = [
            one for one in table.flatten().columns if self._pyarrow.types.is_floating(one.type)
        ]
        if all(self._is_small(one) for one in columns):
            return True
        if b"NaN" in block or b"Inf" in block:  # not JSON, but Arrow accepts it
            return False
        return self._rounded is None or self._rounded.search(block) is None

    def _is_small(self, column: pa.ChunkedArray) -> bool:
        """Return whether all values are numbers of less than 16 digits before the point."""
        if self._compute.all(self._compute.is_finite(column)).as_py() is False:
            return False
        ends = self._compute.min_max(column).as_py()  # None if all values are null
        return ends["min"] is None or (ends["min"] > -_SMALL and ends["max"] < _SMALL)

    def _as_read(self, one: pa.Field) -> pa.Field:
        """Return the column that Arrow reads: it has no days, but casts texts to them exactly."""
        if self._pyarrow.types.is_date32(one.type) or self._pyarrow.types.is_timestamp(one.type):
            return self._pyarrow.field(one.name, self._pyarrow.string())
        return one.remove_metadata()


def _rounded(pyarrow: Any, schema: pa.Schema) -> re.Pattern[bytes] | None:
    """Return a pattern of integers in columns of doubles that Arrow may round."""
    names = [
        re.escape(json.dumps(one.name, ensure_ascii=False).encode())
        for one in schema
        if pyarrow.types.is_floating(one.type)
    ]
    return re.compile(b"(?:%s) ?: ?-?\\d{16,}[,}\\s]" % b"|".join(names)) if names else None


def _is_exact(schema: pa.Schema, converter: Converter) -> bool:
    """Return whether all columns have types that Arrow reads without loss."""
    types = {converter.key(one): one.type for one in converter.fields}
    return all(types.get(one.name) in _EXACT and not geo.is_geometry(one) for one in schema)
