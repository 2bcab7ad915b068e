"""The geometry of a row: which field holds it, as GeoJSON, and in other projections.

The geometry is the first shape of the result, or else its first point. That a shape is preferred
is recorded of one portal; the rest is unknown. Points are `Point`s with the longitude first.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from explore_async.geometries import MISFITS, wkb
from explore_async.portal.errors import PortalError, invalid_parameter, not_supported
from explore_async.portal.exports.packages import have

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from multidict import MultiMapping

    from explore_async.portal.compiling import Output

__all__ = [
    "GEOGRAPHIC",
    "WGS84",
    "Projection",
    "as_wkb",
    "attributes_of",
    "bare",
    "geometry_of",
    "projection",
    "well_formed",
]

T = TypeVar("T")

WGS84 = 4326
"""The EPSG code of the coordinates in the store."""

GEOGRAPHIC = frozenset({"geo_point_2d", "geo_shape"})
"""The types of fields that hold geometries."""


def geometry_of(outputs: Iterable[Output]) -> Output | None:
    """Return the output that holds the geometry of a row; None if there is none."""
    found = [one for one in outputs if one.value.type in GEOGRAPHIC]
    shapes = [one for one in found if one.value.type == "geo_shape"]
    return next(iter([*shapes, *found]), None)


def attributes_of(outputs: Iterable[Output]) -> list[Output]:
    """Return the outputs that are attributes of a geometry: those that hold none (recorded)."""
    return [one for one in outputs if one.value.type not in GEOGRAPHIC]


def bare(cell: Any) -> dict[str, Any] | None:
    """Return the GeoJSON geometry of a cell: a point as a struct or a shape as JSON text.

    Raises:
        PortalError: the value is neither a feature nor a geometry.
    """
    if cell is None:
        return None
    if not isinstance(cell, str):
        return {"coordinates": [cell["lon"], cell["lat"]], "type": "Point"}
    shape = json.loads(cell)
    if not isinstance(shape, dict):
        raise _misfit(shape)
    geometry: dict[str, Any] | None = shape.get("geometry", shape)
    return geometry


@frozen
class Projection:
    """A coordinate reference system for the geometries of an export.

    Attributes:
        epsg: its code.
        described: its PROJJSON; None for WGS 84.
        transform: projects lists of x and y; None for WGS 84.
    """

    epsg: int = WGS84
    described: dict[str, Any] | None = None
    transform: Callable[[list[float], list[float]], tuple[list[float], list[float]]] | None = None

    def __call__(self, geometry: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return a projected GeoJSON geometry.

        Raises:
            PortalError: the value is not a GeoJSON geometry.
        """
        if self.transform is None or geometry is None:
            return geometry
        return well_formed(self._projected, geometry)

    def _projected(self, geometry: dict[str, Any]) -> dict[str, Any]:
        if geometry["type"] == "GeometryCollection":
            members = [self._projected(one) for one in geometry["geometries"]]
            return {**geometry, "geometries": members}
        positions: list[list[float]] = []
        coordinates = _copied(geometry["coordinates"], positions)
        assert self.transform is not None  # noqa: S101 - only then is this called
        xs, ys = self.transform([one[0] for one in positions], [one[1] for one in positions])
        for position, x, y in zip(positions, xs, ys, strict=True):
            position[:2] = x, y
        return {**geometry, "coordinates": coordinates}


def _copied(coordinates: Any, positions: list[list[float]]) -> Any:
    """Return a copy of nested coordinates and append all its positions, in order."""
    if coordinates and not isinstance(coordinates[0], list):
        positions.append(list(coordinates))
        return positions[-1]
    return [_copied(one, positions) for one in coordinates]


def projection(parameters: MultiMapping[str]) -> Projection:
    """Read `epsg`, the code of the projection; 4326 (WGS 84) by default.

    That it applies to points, too, is not recorded; nor is the text for an unknown code.

    Raises:
        PortalError: there is no such projection, or the package pyproj is not installed.
    """
    text = parameters.get("epsg", "").strip() or str(WGS84)
    if text == str(WGS84):
        return Projection()
    if not have("The parameter epsg", ["pyproj"]):
        raise not_supported("An epsg other than 4326 without the package pyproj")
    pyproj = importlib.import_module("pyproj")
    try:
        system = pyproj.CRS.from_epsg(int(text))
    except (ValueError, pyproj.exceptions.CRSError) as error:
        raise invalid_parameter(f"Invalid value for epsg API parameter: {text}.") from error
    transformer = pyproj.Transformer.from_crs(WGS84, system, always_xy=True)
    return Projection(int(text), system.to_json_dict(), transformer.transform)


def as_wkb(geometry: dict[str, Any] | None) -> bytes | None:
    """Return a GeoJSON geometry as WKB.

    Raises:
        PortalError: the value is not a GeoJSON geometry.
    """
    return well_formed(wkb, geometry)


def well_formed(write: Callable[[Any], T], geometry: Any) -> T:
    """Return `write(geometry)`.

    Raises:
        PortalError: the value is not a GeoJSON geometry.
    """
    try:
        return write(geometry)
    except MISFITS as error:
        raise _misfit(geometry) from error


def _misfit(value: Any) -> PortalError:
    return not_supported(f"A geo_shape that is not a GeoJSON geometry ({str(value)[:60]})")
