"""Shapefiles, in a ZIP archive.

No shapefile is recorded. This is the plainest form: text is UTF-8; names of columns have at most
ten bytes, and texts 254, because dBase allows no more; datetimes and months are texts; geographic
fields are not repeated as columns, as in a recorded FlatGeobuf export. A shapefile has geometries
of one kind. If there are several kinds, the archive has a shapefile for each, and rows without a
geometry are in the first.
"""

from __future__ import annotations

import importlib
import zipfile
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal.answers import plain_cell
from explore_async.portal.errors import not_supported
from explore_async.portal.exports.geometry import (
    attributes_of,
    bare,
    geometry_of,
    projection,
    well_formed,
)
from explore_async.portal.exports.layers import Layer
from explore_async.portal.exports.rows import as_file, pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator
    from pathlib import Path

    from explore_async.portal.context import Context, Value
    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export
    from explore_async.portal.exports.layers import Place

__all__ = ["write_shp"]

_KINDS = {
    "Point": "Point",
    "MultiPoint": "MultiPoint",
    "LineString": "LineString",
    "MultiLineString": "LineString",
    "Polygon": "Polygon",
    "MultiPolygon": "Polygon",
}
"""The kind of shapefile for a type of GeoJSON."""

_LONGEST_NAME = 10  # bytes
_LONGEST_TEXT = 254  # bytes
_MOST = 1e22  # a cell has 24 digits


def write_shp(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write temporary files, which GDAL does batch by batch, and send their archive.

    The query runs once to find the kinds of geometries, and once for each kind.
    """
    outputs, context = one.plan.outputs, one.plan.context
    place, attributes = geometry_of(outputs), attributes_of(outputs)
    names = _short_names(one.column(output) for output in attributes)
    types = {name: _type(output.value) for name, output in zip(names, attributes, strict=True)}
    layer = Layer(types, projection(one.parameters), partial(_cut, most=_LONGEST_TEXT))
    separator = context.bind(",")
    geometry = "NULL" if place is None else place.value.sql
    cells = [_cell(output.value, context, separator) for output in attributes]

    async def make(folder: Path) -> Path:
        kinds = await pull(one, [geometry], _kinds, engine)
        files: list[_File] = []
        for kind, type_ in kinds.items():
            files.append(_File(folder / f"layer{len(files)}", kind, type_, first=not files))
            await pull(one, [geometry, *cells], partial(files[-1].fill, layer), engine)
        archive = folder / "export.zip"
        await engine.run(partial(_pack, archive, context.dataset.dataset_id, files))
        return archive

    return as_file(make, engine)


def _kinds(batches: Iterator[list[Row]]) -> dict[str, str | None]:
    """Return the type of geometries for each kind of shapefile; altitudes need a type with Z.

    Without geometries there is one kind, without a type.
    """
    found: dict[str, bool] = {}
    for batch in batches:
        for row in batch:
            geometry = bare(row[0])
            if geometry is not None:
                kind, has_z = well_formed(_kind, geometry)
                found[kind] = found.get(kind, False) or has_z
    types = {kind: f"{kind} Z" if has_z else kind for kind, has_z in found.items()}
    return {**types} or {"": None}


def _kind(geometry: dict[str, Any]) -> tuple[str, bool]:
    first = geometry["coordinates"]
    while first and isinstance(first[0], list):
        first = first[0]
    return _KINDS[geometry["type"]], len(first) > 2


@frozen
class _File:
    """One shapefile in a folder of its own.

    Attributes:
        folder: the folder.
        kind: the kind of its geometries.
        type: their type; None if there are none, and so only attributes.
        first: True if rows without a geometry belong to it.
    """

    folder: Path
    kind: str
    type: str | None
    first: bool

    def fill(self, layer: Layer, batches: Iterator[list[Row]]) -> None:
        """Write the rows that belong to this file."""
        self.folder.mkdir()
        rows = (self._chosen(batch) for batch in batches)
        path = self.folder / "layer.shp"
        layer.write(path, rows, driver="ESRI Shapefile", geometry_type=self.type, encoding="UTF-8")

    def _chosen(self, batch: list[Row]) -> list[tuple[Place, Row]]:
        if any(isinstance(cell, float) and abs(cell) > _MOST for row in batch for cell in row):
            raise not_supported(f"A shapefile with numbers beyond {_MOST}")
        rows = [(bare(row[0]), row[1:]) for row in batch]
        return [(geometry, cells) for geometry, cells in rows if self._has(geometry)]

    def _has(self, geometry: Place) -> bool:
        return self.first if geometry is None else _KINDS[geometry["type"]] == self.kind


def _pack(archive: Path, name: str, files: list[_File]) -> None:
    """Write all files into one archive, with names that begin with that of the dataset."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            stem = f"{name}-{file.kind.lower()}" if len(files) > 1 else name
            for path in sorted(file.folder.iterdir()):
                packed.write(path, f"{stem}{path.suffix}")


def _short_names(names: Iterable[str]) -> list[str]:
    """Return names of at most ten bytes; equal ones get numbers."""
    short: dict[str, None] = {}
    for name in names:
        numbered = (_cut(name, most=_LONGEST_NAME - len(end)) + end for end in _ends())
        taken = {each.casefold() for each in short}
        short[next(each for each in numbered if each.casefold() not in taken)] = None
    return list(short)


def _ends() -> Iterator[str]:
    return chain([""], map("_{}".format, count(1)))


def _cut(text: str, *, most: int) -> str:
    """Return the beginning of a text: whole characters, of at most `most` bytes of UTF-8."""
    return text.encode()[:most].decode(errors="ignore")


def _type(value: Value) -> Any:
    arrow = importlib.import_module("pyarrow")
    if value.type == "date" and value.precision == "day":
        return arrow.date32()
    made = {"int": arrow.int64(), "double": arrow.float64(), "boolean": arrow.bool_()}
    return made.get(value.type, arrow.string())


def _cell(value: Value, context: Context, separator: str) -> str:
    """Return SQL for an attribute; days have a type of their own."""
    if value.type == "date" and value.precision == "day":
        return value.sql
    return plain_cell(value, context, separator)
