"""Reading WKB."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest

from explore_async.geometries import wkb
from explore_async.portal.wkb import read_wkb

RING = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [2.5, 48.0]},
        {"type": "Point", "coordinates": []},
        {"type": "LineString", "coordinates": [[2.5, 48.0, 7.0], [3.0, 49.0, 8.0]]},
        {"type": "Polygon", "coordinates": [RING, RING]},
        {"type": "MultiPoint", "coordinates": [[2.5, 48.0], [3.0, 49.0]]},
        {"type": "MultiLineString", "coordinates": [RING, RING[:2]]},
        {"type": "MultiPolygon", "coordinates": [[RING], [RING, RING]]},
        {"type": "GeometryCollection",
         "geometries": [{"type": "Point", "coordinates": [1.0, 2.0]}]},
    ],
    ids=range(8),
)  # fmt: skip
def test_what_the_package_writes_it_reads(geometry: dict[str, Any]) -> None:
    """All types of GeoJSON, in two and three dimensions."""
    data = wkb(geometry)
    assert data is not None
    assert read_wkb(data) == geometry


@pytest.mark.parametrize(
    ("data", "coordinates"),
    [
        (b"\0" + pack(">I2d", 1, 2.5, 48.0), [2.5, 48.0]),
        (b"\1" + pack("<I3d", 2001, 2.5, 48.0, 9.0), [2.5, 48.0]),
        (b"\1" + pack("<I4d", 3001, 2.5, 48.0, 7.0, 9.0), [2.5, 48.0, 7.0]),
        (b"\1" + pack("<II3d", 0xA0000001, 4326, 2.5, 48.0, 7.0), [2.5, 48.0, 7.0]),
    ],
    ids=["big-endian", "measure", "altitude and measure", "ewkb"],
)
def test_other_writers_have_other_forms(data: bytes, coordinates: list[float]) -> None:
    """A measure is dropped."""
    assert read_wkb(data) == {"type": "Point", "coordinates": coordinates}


@pytest.mark.parametrize("data", [b"", b"\1", b"\1" + pack("<I", 1), b"\1" + pack("<I", 99)])
def test_anything_else_is_an_error(data: bytes) -> None:
    """Not a failure of the reader."""
    with pytest.raises(ValueError, match="not WKB"):
        read_wkb(data)
