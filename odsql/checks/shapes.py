"""Checks of geometry literals: WKT, WKB in hexadecimal or GeoJSON, with longitude first.

A small validator instead of a geometry library: it knows the simple feature types and that rings
are closed, but not whether they cross themselves. (Source: reference, "Lexical rules".)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from attrs import frozen

__all__ = ["Shape", "read_shape"]

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})(?![\w.])|([A-Za-z]+)|([(),])|\Z)")
_POINT = re.compile(rf"\s*POINT\s*\(\s*({_NUMBER})\s+({_NUMBER})\s*\)\s*", re.IGNORECASE)
_POLYGON = re.compile(
    rf"\s*POLYGON\s*\(\s*\((\s*{_NUMBER}\s+{_NUMBER}\s*(?:,\s*{_NUMBER}\s+{_NUMBER}\s*)*)\)\s*\)\s*",
    re.IGNORECASE,
)
_HEX = re.compile(r"\s*(?:00|01)[0-9A-Fa-f]{8,}\s*")
_DEPTHS = {
    "POINT": 0,
    "MULTIPOINT": 1,
    "LINESTRING": 1,
    "MULTILINESTRING": 2,
    "POLYGON": 2,
    "MULTIPOLYGON": 3,
}
"""The number of lists nested around a position, by type."""

Position = tuple[float, ...]


@frozen
class Shape:
    """The verdict on a geometry literal: its problem, if any, and whether it looks swapped."""

    problem: str | None = None
    swapped: bool = False


class _BrokenError(Exception):
    """The reason why a text is not a geometry."""


@lru_cache(maxsize=512)
def read_shape(text: str) -> Shape:
    """Validate the text of a geometry literal."""
    point = _POINT.fullmatch(text)
    if point is not None:
        return Shape(swapped=_looks_swapped([(float(point[1]), float(point[2]))]))
    polygon = _POLYGON.fullmatch(text)
    if polygon is not None:  # nearly all polygons have one ring
        return _read_ring([tuple(map(float, one.split())) for one in polygon[1].split(",")])
    if _HEX.fullmatch(text) and len(text.strip()) % 2 == 0:
        return Shape()
    positions: list[Position] = []
    try:
        if text.lstrip().startswith("{"):
            _read_json(text, positions)
        else:
            _Reader(text, positions).read()
    except _BrokenError as error:
        return Shape(str(error))
    return Shape(swapped=_looks_swapped(positions))


def _read_ring(ring: list[Position]) -> Shape:
    try:
        _check_ring(ring)
    except _BrokenError as error:
        return Shape(str(error))
    return Shape(swapped=_looks_swapped(ring))


def _looks_swapped(positions: list[Position]) -> bool:
    """Return whether a latitude exceeds 90 degrees, but would not if it came first."""
    return any(abs(one[1]) > 90 for one in positions) and all(
        abs(one[0]) <= 90 and abs(one[1]) <= 180 for one in positions
    )


def _check_lengths(name: str, value: Any) -> None:
    """Check that lines have two positions, and that rings have four and are closed."""
    if name.startswith("MULTI"):
        for one in value:
            _check_lengths(name.removeprefix("MULTI"), one)
    elif name == "LINESTRING":
        _check_line(value)
    elif name == "POLYGON":
        for ring in value:
            _check_ring(ring)


def _check_line(line: list[Position]) -> None:
    if len(line) < 2:
        msg = "a line needs at least two positions"
        raise _BrokenError(msg)


def _check_ring(ring: list[Position]) -> None:
    if len(ring) < 4 or ring[0] != ring[-1]:
        msg = "a ring needs at least four positions and must end where it begins"
        raise _BrokenError(msg)


# ---------------------------------------------------------------- WKT


class _Reader:
    """A reader of well-known text, token by token."""

    def __init__(self, text: str, positions: list[Position]) -> None:
        """Start at the first token; `positions` receives all positions."""
        self._text = text
        self._place = 0
        self._positions = positions
        srid = re.match(r"\s*SRID\s*=\s*\d+\s*;", text, re.IGNORECASE)
        if srid is not None:
            self._place = srid.end()

    def read(self) -> None:
        """Read one geometry, to the end of the text."""
        self._geometry(0)
        if self._token():
            msg = "unexpected text after the geometry"
            raise _BrokenError(msg)

    def _token(self) -> str:
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            msg = f"unexpected {self._text[self._place :].strip()[:1]}"
            raise _BrokenError(msg)
        self._place = match.end()
        return match[1] or match[2] or match[3] or ""

    def _peek(self) -> str:
        place = self._place
        token = self._token()
        self._place = place
        return token

    def _expect(self, *tokens: str) -> str:
        token = self._token()
        if token not in tokens:
            msg = f"expected {' or '.join(tokens)}, not {token or 'the end'}"
            raise _BrokenError(msg)
        return token

    def _geometry(self, nesting: int) -> None:
        written = self._token()
        name = written.upper().rstrip("ZM")
        if self._peek().upper() in ("Z", "M", "ZM"):
            self._token()
        if name not in _DEPTHS and name != "GEOMETRYCOLLECTION":
            msg = f"expected a geometry type such as POINT, not {written.lower() or 'the end'}"
            raise _BrokenError(msg)
        if self._peek().upper() == "EMPTY":
            self._token()
        elif name == "GEOMETRYCOLLECTION":
            self._collection(nesting)
        else:
            _check_lengths(name, self._nested(_DEPTHS[name], name == "MULTIPOINT"))

    def _collection(self, nesting: int) -> None:
        if nesting > 20:
            msg = "collections are nested too deeply"
            raise _BrokenError(msg)
        self._expect("(")
        self._geometry(nesting + 1)
        while self._expect(",", ")") == ",":
            self._geometry(nesting + 1)

    def _nested(self, depth: int, bare_allowed: bool) -> Any:
        """Read parentheses around `depth` levels of lists of positions."""
        self._expect("(")
        if depth == 0:
            position = self._position()
            self._expect(")")
            return position
        read = []
        while True:
            if depth > 1 or (bare_allowed and self._peek() == "("):
                read.append(self._nested(depth - 1, False))
            else:
                read.append(self._position())
            if self._expect(",", ")") == ")":
                return read

    def _position(self) -> Position:
        numbers = []
        while self._peek()[:1] not in (",", ")", "(", ""):
            token = self._token()
            try:
                numbers.append(float(token))
            except ValueError:
                msg = f"{token} is not a coordinate"
                raise _BrokenError(msg) from None
        if not 2 <= len(numbers) <= 4:
            msg = "a position is longitude and latitude, separated by a space"
            raise _BrokenError(msg)
        self._positions.append(tuple(numbers))
        return tuple(numbers)


# ---------------------------------------------------------------- GeoJSON


def _read_json(text: str, positions: list[Position]) -> None:
    import json  # few geometries are GeoJSON

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        msg = "not JSON"
        raise _BrokenError(msg) from None
    _read_object(value, positions, 0)


def _read_object(value: Any, positions: list[Position], nesting: int) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("Feature", "FeatureCollection"):
        msg = f"a {kind} is not accepted; write only its geometry"
        raise _BrokenError(msg)
    if kind == "GeometryCollection" and nesting < 20:
        for one in _listed(value.get("geometries")):
            _read_object(one, positions, nesting + 1)
        return
    if not isinstance(kind, str) or kind.upper() not in _DEPTHS:
        msg = "the geometry type of the GeoJSON is missing or unknown"
        raise _BrokenError(msg)
    coordinates = value.get("coordinates")
    _read_coordinates(coordinates, _DEPTHS[kind.upper()], positions)
    _check_lengths(kind.upper(), coordinates)


def _read_coordinates(value: Any, depth: int, positions: list[Position]) -> None:
    listed = _listed(value)
    if depth:
        for one in listed:
            _read_coordinates(one, depth - 1, positions)
    elif len(listed) < 2 or not all(type(one) in (int, float) for one in listed):
        msg = "a position is [longitude, latitude]"
        raise _BrokenError(msg)
    else:
        positions.append(tuple(listed))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        msg = "coordinates and geometries must be lists"
        raise _BrokenError(msg)
    return value
