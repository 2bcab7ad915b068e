"""Reads WKB, the geometries of GeoParquet, as GeoJSON geometries.

Both orders of bytes, and a third and fourth dimension as ISO and as EWKB define them. A measure has
no place in GeoJSON, so it is dropped.
"""

from __future__ import annotations

from struct import error as StructError  # noqa: N812
from struct import unpack_from
from typing import Any

__all__ = ["read_wkb"]

_NAMES = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}
_EWKB_Z, _EWKB_M, _EWKB_SRID = 0x80000000, 0x40000000, 0x20000000


def read_wkb(data: bytes) -> dict[str, Any]:
    """Return a geometry as GeoJSON.

    Raises:
        ValueError: the data is not WKB of one of the seven types of GeoJSON.
    """
    try:
        return _Reader(data).geometry()
    except (StructError, KeyError, IndexError) as error:
        raise ValueError("This is not WKB.") from error


class _Reader:
    """A position in the bytes of a geometry."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._order = "<"

    def geometry(self) -> dict[str, Any]:
        self._order = "<" if self._data[self._at] else ">"
        self._at += 1
        code = self._integer()
        if code & _EWKB_SRID:
            self._integer()
        deep = bool(code & _EWKB_Z), bool(code & _EWKB_M)
        code &= 0xFFFF
        iso = code // 1000
        has_z, has_m = deep[0] or iso in (1, 3), deep[1] or iso in (2, 3)
        name = _NAMES[code % 1000]
        if name == "GeometryCollection":
            inner = [self.geometry() for _ in range(self._integer())]
            return {"type": name, "geometries": inner}
        return {"type": name, "coordinates": self._coordinates(name, has_z, has_m)}

    def _coordinates(self, name: str, has_z: bool, has_m: bool) -> list[Any]:
        if name == "Point":
            position = self._positions(1, has_z, has_m)[0]
            return [] if position[0] != position[0] else position  # an empty point is NaN
        if name == "LineString":
            return self._positions(self._integer(), has_z, has_m)
        if name == "Polygon":
            rings = range(self._integer())
            return [self._positions(self._integer(), has_z, has_m) for _ in rings]
        return [self.geometry()["coordinates"] for _ in range(self._integer())]

    def _positions(self, count: int, has_z: bool, has_m: bool) -> list[list[float]]:
        size, kept = 2 + has_z + has_m, 2 + has_z
        numbers = unpack_from(f"{self._order}{count * size}d", self._data, self._at)
        self._at += 8 * count * size
        return [list(numbers[at : at + kept]) for at in range(0, count * size, size)]

    def _integer(self) -> int:
        (number,) = unpack_from(f"{self._order}I", self._data, self._at)
        self._at += 4
        return int(number)
