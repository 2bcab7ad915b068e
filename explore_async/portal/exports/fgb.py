"""FlatGeobuf.

Recorded of a live export: the layer is called `Layer1`, there is no spatial index, geographic
fields are not repeated as columns, whole numbers have 64 bits, days are DateTimes, and WGS 84 is
described as WKT. GDAL writes a day as `2012-11-13T00:00:00`, the live server as `2012-11-13`, which
readers take for the same. Datetimes, booleans and other projections are not recorded.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import plain_cell
from explore_async.portal.exports.geometry import attributes_of, bare, geometry_of, projection
from explore_async.portal.exports.layers import Layer
from explore_async.portal.exports.parquet import refuse_equal_columns
from explore_async.portal.exports.rows import as_file, pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from explore_async.portal.context import Context, Value
    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["write_fgb"]


def write_fgb(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write a temporary file, which GDAL does batch by batch, and send it."""
    refuse_equal_columns(one)
    outputs, context = one.plan.outputs, one.plan.context
    place, attributes = geometry_of(outputs), attributes_of(outputs)
    layer = Layer(
        {one.column(output): _type(output.value) for output in attributes},
        projection(one.parameters),
    )
    separator = context.bind(",")
    shown = ["NULL" if place is None else place.value.sql]
    shown += [_cell(output.value, context, separator) for output in attributes]

    def fill(path: Path, batches: Iterator[list[Row]]) -> None:
        rows = ([(bare(row[0]), row[1:]) for row in batch] for batch in batches)
        # Without an index, rows without a geometry are kept.
        options = {"layer": "Layer1", "SPATIAL_INDEX": "NO"}
        layer.write(path, rows, driver="FlatGeobuf", geometry_type="Unknown", **options)

    async def make(folder: Path) -> Path:
        path = folder / "export.fgb"
        await pull(one, shown, partial(fill, path), engine)
        return path

    return as_file(make, engine)


def _type(value: Value) -> Any:
    arrow = importlib.import_module("pyarrow")
    if value.type == "date" and value.precision != "day":
        return arrow.string()
    made = {
        "int": arrow.int64(),
        "double": arrow.float64(),
        "boolean": arrow.bool_(),
        "date": arrow.date32(),
        "datetime": arrow.timestamp("ms", tz="UTC"),
    }
    return made.get(value.type, arrow.string())


def _cell(value: Value, context: Context, separator: str) -> str:
    """Return SQL for an attribute; days and datetimes have types of their own."""
    if value.type == "datetime" or (value.type == "date" and value.precision == "day"):
        return value.sql
    return plain_cell(value, context, separator)
