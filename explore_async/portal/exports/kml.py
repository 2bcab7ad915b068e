"""KML: a placemark for each row, also without a geometry.

No KML export is recorded. This is the plainest form of KML 2.2: values are untyped data of a
placemark, and geographic fields are not among them, as in a recorded FlatGeobuf export.
Coordinates are WGS 84, which KML demands, whatever `epsg` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import plain_cell
from explore_async.portal.exports.geometry import attributes_of, bare, geometry_of, well_formed
from explore_async.portal.exports.markup import DECLARATION, element, quoted, value_text
from explore_async.portal.exports.rows import enclosed, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["write_kml"]

_PARTS = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}


def write_kml(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one document."""
    outputs, context = one.plan.outputs, one.plan.context
    place, attributes = geometry_of(outputs), attributes_of(outputs)
    names = [quoted(one.column(output)) for output in attributes]
    separator = context.bind(",")
    shown = [
        "NULL" if place is None else place.value.sql,
        *(plain_cell(output.value, context, separator) for output in attributes),
    ]

    def write(rows: list[Row]) -> bytes:
        return "".join([_placemark(names, row) for row in rows]).encode()

    before = (
        f'{DECLARATION}<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"{element('name', context.dataset.title)}\n"
    )
    return enclosed(before, stream(one, shown, write, engine), "</Document></kml>\n")


def _placemark(names: list[str], row: Row) -> str:
    data = [
        f"<Data name={name}>{element('value', value_text(value))}</Data>"
        for name, value in zip(names, row[1:], strict=True)
        if value is not None
    ]
    extended = f"<ExtendedData>{''.join(data)}</ExtendedData>" if data else ""
    geometry = bare(row[0])
    shape = "" if geometry is None else well_formed(_shape, geometry)
    return f"<Placemark>{extended}{shape}</Placemark>\n"


def _shape(geometry: dict[str, Any]) -> str:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return f"<MultiGeometry>{''.join(map(_shape, geometry['geometries']))}</MultiGeometry>"
    coordinates = geometry["coordinates"]
    if kind in _PARTS:
        parts = [_shape({"type": _PARTS[kind], "coordinates": part}) for part in coordinates]
        return f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"
    if kind == "Polygon":
        return f"<Polygon>{''.join(map(_ring, enumerate(coordinates)))}</Polygon>"
    positions = {"Point": [coordinates], "LineString": coordinates}[kind]
    return f"<{kind}>{_coordinates(positions)}</{kind}>"


def _ring(numbered: tuple[int, list[list[float]]]) -> str:
    at, ring = numbered
    side = "innerBoundaryIs" if at else "outerBoundaryIs"
    return f"<{side}><LinearRing>{_coordinates(ring)}</LinearRing></{side}>"


def _coordinates(positions: list[list[float]]) -> str:
    text = " ".join(",".join(map(repr, position[:3])) for position in positions)
    return f"<coordinates>{text}</coordinates>"
