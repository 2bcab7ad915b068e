"""GeoJSON: a feature collection with a feature for each row, also without a geometry.

A shape that is the geometry leaves the properties, unless it is null; points stay there as
`lon` and `lat` (recorded of one portal, whose white space is unknown). With `epsg`, the collection
names its projection as the GeoJSON specification of 2008 does; that live portals do is not
recorded, and RFC 7946 knows only WGS 84.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from explore_async.portal.answers import escaped, json_row
from explore_async.portal.exports.geometry import WGS84, bare, geometry_of, projection
from explore_async.portal.exports.rows import enclosed, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export
    from explore_async.portal.exports.geometry import Projection

__all__ = ["write_geojson"]


def write_geojson(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write a feature collection."""
    project = projection(one.parameters)

    def write(rows: list[Row]) -> bytes:
        return escaped(
            ",".join([_feature(cell, properties, project) for cell, properties in rows])
        ).encode()

    before = f'{{"type": "FeatureCollection", {_system(project)}"features": ['
    return enclosed(before, stream(one, _shown(one), write, engine), "]}", between=",")


def _shown(one: Export) -> list[str]:
    """Return SQL for the geometry and for the properties of a row."""
    outputs, context = one.plan.outputs, one.plan.context
    everything = json_row(outputs, context)
    place = geometry_of(outputs)
    if place is None:
        return ["NULL", everything]
    if place.value.type == "geo_point_2d":
        return [place.value.sql, everything]
    shape = place.value.sql
    others = json_row([other for other in outputs if other is not place], context)
    return [shape, f"CASE WHEN {shape} IS NULL THEN {everything} ELSE {others} END"]


def _feature(cell: object, properties: str, project: Projection) -> str:
    geometry = json.dumps(project(bare(cell)))
    return f'{{"type": "Feature", "geometry": {geometry}, "properties": {properties}}}'


def _system(project: Projection) -> str:
    if project.epsg == WGS84:
        return ""
    name = f"urn:ogc:def:crs:EPSG::{project.epsg}"
    return f'"crs": {json.dumps({"type": "name", "properties": {"name": name}})}, '
