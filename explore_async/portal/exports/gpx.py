"""GPX: waypoints for points, and tracks for lines and for the rings of polygons.

No GPX export is recorded. This is the plainest form of GPX 1.1: rows without a geometry are left
out, because it has no other element; waypoints precede tracks, as its schema demands; coordinates
are WGS 84, whatever `epsg` says. Attributes are extensions as GDAL writes them (documented), or
lines of the description with `use_extension=false`. Geographic fields are not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal.answers import plain_cell
from explore_async.portal.errors import invalid_parameter
from explore_async.portal.exports.geometry import attributes_of, bare, geometry_of, well_formed
from explore_async.portal.exports.markup import DECLARATION, element, name_of, value_text
from explore_async.portal.exports.rows import enclosed, joined, stream
from explore_async.portal.requests import flag

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from explore_async.portal.compiling import Output
    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["write_gpx"]

_BEGIN = (
    f'{DECLARATION}<gpx version="1.1" creator="explore-async" '
    'xmlns="http://www.topografix.com/GPX/1/1" xmlns:ogr="http://osgeo.org/gdal">\n'
)


def write_gpx(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write waypoints, then tracks, for which the query of a shape runs twice."""
    outputs, context = one.plan.outputs, one.plan.context
    place, attributes = geometry_of(outputs), attributes_of(outputs)
    described = _read_attributes(one, attributes)
    if place is None:
        return enclosed(_BEGIN, joined(), "</gpx>\n")
    separator = context.bind(",")
    cells = [plain_cell(output.value, context, separator) for output in attributes]
    passes = [_waypoints, _track] if place.value.type == "geo_shape" else [_waypoints]

    def written(parts: Callable[[dict[str, Any], str], str]) -> AsyncGenerator[bytes]:
        def write(rows: list[Row]) -> bytes:
            return "".join([_row(row, described, parts) for row in rows]).encode()

        return stream(one, [place.value.sql, *cells], write, engine)

    return enclosed(_BEGIN, joined(*map(written, passes)), "</gpx>\n")


@frozen
class _Attributes:
    """Where the values of a row go: into the name, the description and the extensions."""

    labels: Sequence[str]
    name: str
    description: Sequence[str]
    extensions: bool

    def written(self, values: Sequence[Any]) -> str:
        """Return the elements for the values of a row, without those that are null."""
        texts = {
            label: value_text(value)
            for label, value in zip(self.labels, values, strict=True)
            if value is not None
        }
        lines = [f"{label}: {texts[label]}" for label in self.description if label in texts]
        parts = [element("name", texts[self.name])] if self.name in texts else []
        if lines:
            parts.append(element("desc", "\n".join(lines)))
        if self.extensions and texts:
            inner = [element(f"ogr:{name_of(label)}", text) for label, text in texts.items()]
            parts.append(f"<extensions>{''.join(inner)}</extensions>")
        return "".join(parts)


def _read_attributes(one: Export, attributes: Sequence[Output]) -> _Attributes:
    """Read `name_field`, `description_field_list` and `use_extension`.

    The text for an unknown field is not recorded.
    """
    labels = [output.label for output in attributes]
    name = one.parameters.get("name_field", "").strip()
    listed = one.parameters.get("description_field_list", "").split(",")
    description = [field.strip() for field in listed if field.strip()]
    for parameter, fields in (("name_field", [name]), ("description_field_list", description)):
        unknown = [field for field in fields if field and field not in labels]
        if unknown:
            raise invalid_parameter(f"Invalid value for {parameter} API parameter: {unknown[0]}.")
    extensions = flag(one.parameters, "use_extension", default=True)
    return _Attributes(labels, name, description or ([] if extensions else labels), extensions)


def _row(row: Row, described: _Attributes, parts: Callable[[dict[str, Any], str], str]) -> str:
    geometry = bare(row[0])
    if geometry is None:
        return ""
    inner = described.written(row[1:])
    return well_formed(lambda value: parts(value, inner), geometry)


def _waypoints(geometry: dict[str, Any], inner: str) -> str:
    return "".join([_position("wpt", one, inner) for one in _points(geometry)])


def _track(geometry: dict[str, Any], inner: str) -> str:
    segments = [
        f"<trkseg>{''.join([_position('trkpt', one, '') for one in line])}</trkseg>"
        for line in _lines(geometry)
    ]
    return f"<trk>{inner}{''.join(segments)}</trk>\n" if segments else ""


def _position(name: str, position: list[float], inner: str) -> str:
    longitude, latitude, *altitude = position
    elevation = element("ele", repr(altitude[0])) if altitude else ""
    return f'<{name} lat="{latitude!r}" lon="{longitude!r}">{elevation}{inner}</{name}>\n'


def _points(geometry: dict[str, Any]) -> list[list[float]]:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return [point for member in geometry["geometries"] for point in _points(member)]
    coordinates: list[Any] = geometry["coordinates"]
    return {"Point": [coordinates], "MultiPoint": coordinates}.get(kind, [])


def _lines(geometry: dict[str, Any]) -> list[list[list[float]]]:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return [line for member in geometry["geometries"] for line in _lines(member)]
    coordinates: list[Any] = geometry["coordinates"]
    if kind == "MultiPolygon":
        return [ring for polygon in coordinates for ring in polygon]
    return {
        "LineString": [coordinates],
        "MultiLineString": coordinates,
        "Polygon": coordinates,
    }.get(kind, [])
