"""Layers: the rows of a result as GDAL takes them, with attributes and one geometry."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal.exports.geometry import Projection, as_wkb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from explore_async.portal.engine import Row

__all__ = ["Layer"]

Place = dict[str, Any] | None


@frozen
class Layer:
    """The columns of a layer.

    Attributes:
        types: the Arrow type of each attribute, by the name of its column.
        project: the projection of the geometries.
        convert: converts a text of an attribute.
    """

    types: Mapping[str, Any]
    project: Projection
    convert: Callable[[str], str] = str

    def write(
        self,
        path: Path,
        rows: Iterable[Sequence[tuple[Place, Row]]],
        *,
        driver: str,
        geometry_type: str | None,
        **options: str,
    ) -> None:
        """Write batches of geometries and attributes to a file.

        Args:
            path: the file.
            rows: the batches.
            driver: the name of the driver of GDAL.
            geometry_type: the type of the geometries; None to write attributes only.
            options: options of the driver.

        Raises:
            PortalError: a geometry is not well formed, or the portal stops.
        """
        arrow, gdal = map(importlib.import_module, ("pyarrow", "pyogrio"))
        place = self._free_name()
        columns = dict(self.types)
        if geometry_type is not None:
            columns[place] = arrow.binary()
        schema = arrow.schema(list(columns.items()))
        failures: list[Exception] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for batch in rows:
                    yield arrow.record_batch(self._arrays(batch, schema, place), schema=schema)
            except Exception as error:
                failures.append(error)  # GDAL would raise an error of its own
                raise

        try:
            gdal.write_arrow(
                arrow.RecordBatchReader.from_batches(schema, batches()),
                path,
                driver=driver,
                geometry_name=None if geometry_type is None else place,
                geometry_type=geometry_type,
                crs=None if geometry_type is None else f"EPSG:{self.project.epsg}",
                **options,
            )
        except Exception:
            if failures:
                raise failures[0] from None
            raise

    def _arrays(
        self, batch: Sequence[tuple[Place, Row]], schema: pa.Schema, place: str
    ) -> list[pa.Array]:
        arrow = importlib.import_module("pyarrow")
        arrays = []
        for at, field in enumerate(schema):
            if field.name == place:
                cells: list[Any] = [as_wkb(self.project(geometry)) for geometry, _ in batch]
            elif field.type == arrow.string():
                cells = [None if row[at] is None else self.convert(row[at]) for _, row in batch]
            else:
                cells = [row[at] for _, row in batch]
            arrays.append(arrow.array(cells, field.type))
        return arrays

    def _free_name(self) -> str:
        """Return a name for the column of the geometry that no attribute has."""
        name = "geometry"
        while name in self.types:
            name += "_"
        return name
