"""Geographic conditions that SQL cannot express: on shapes, and with any geometry.

`geometries` finds the rows that match; the statement gets their identifiers.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import malformed, require
from explore_async.portal.words import ROWS_IN
from odsql import nodes

if TYPE_CHECKING:
    from explore_async.portal.context import Context
    from explore_async.portal.geometries import Relation
    from explore_async.portal.schema import Column

__all__ = ["in_box", "near", "related"]

_WKB = re.compile(r"(?:[0-9a-fA-F]{2}){5,}")
_DEEPEST = 20
_LAST_PLAIN_TYPE = 7
"""The last of the types of geometry without curves."""


def related(relation: Relation, column: Column, literal: nodes.Node, context: Context) -> str:
    """Return SQL for records whose geometries intersect a geometry or lie within it."""
    geometry = _read(literal, context)
    return _any_of(context.dataset.shapes(column).related(relation, geometry), context)


def near(column: Column, longitude: float, latitude: float, reach: float, context: Context) -> str:
    """Return SQL for records whose geometries are at most `reach` metres from a point."""
    if not math.isfinite(reach):
        return f"({column.sql} IS NOT NULL)"
    return _any_of(context.dataset.shapes(column).near(longitude, latitude, reach), context)


def in_box(
    column: Column, south: float, west: float, north: float, east: float, context: Context
) -> str:
    """Return SQL for records whose geometries have a part in a box (unknown on live portals)."""
    if south > north or west > east:
        return "(false)"
    box = require("shapely").box(west, south, east, north)
    return _any_of(context.dataset.shapes(column).related("intersects", box), context)


def _any_of(rows: list[int], context: Context) -> str:
    return f"({ROWS_IN}unnest(CAST({context.bind(rows)} AS BIGINT[]))))"


def _read(node: nodes.Node, context: Context) -> Any:
    """Read a geometry of any type in WKT, WKB or GeoJSON."""
    if not isinstance(node, nodes.Geometry):
        raise malformed("A geometry literal geom'...' is expected", context.clause)
    shapely = require("shapely")
    try:
        with require("numpy").errstate(all="ignore"):  # a coordinate may be infinite
            geometry = shapely.force_2d(_parsed(node.text.strip(), shapely))
            if not shapely.is_valid(geometry):
                geometry = shapely.make_valid(geometry)
    except (shapely.errors.ShapelyError, NotImplementedError, TypeError, ValueError) as error:
        raise _unreadable(context) from error
    flat = 0 <= shapely.get_type_id(geometry) <= _LAST_PLAIN_TYPE and not geometry.is_empty
    if not flat or not all(math.isfinite(bound) for bound in geometry.bounds):
        raise _unreadable(context)
    return geometry


def _parsed(text: str, shapely: Any) -> Any:
    if _depth(text) > _DEEPEST:
        raise ValueError
    if text.startswith("{"):
        return shapely.from_geojson(json.dumps(json.loads(text)))
    return shapely.from_wkb(bytes.fromhex(text)) if _WKB.fullmatch(text) else shapely.from_wkt(text)


def _depth(text: str) -> int:
    """Return the depth of the brackets of a text; the reader would not survive a great one."""
    depth = most = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        most = max(most, depth)
    return most


def _unreadable(context: Context) -> Exception:
    return malformed("The geometry is not valid WKT, WKB or GeoJSON", context.clause)
