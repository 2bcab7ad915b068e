"""Clusters of points, as `geo_cluster` of the reference makes them.

Points in one cell of a geohash grid are a group. Then, in the order of the cells, each group takes
in those whose centre is near its own. `Store` registers the function, and the compiler calls it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Point", "clusters"]

Point = dict[str, float]

_TILE = 256
"""The width of the world in pixels at zoom 0."""
_EQUATOR = 40_075_016.7
"""The circumference of the earth in metres."""
_RADIUS = 6_371_008.7714
"""The mean radius of the earth in metres."""
_DEEPEST = 12
"""The greatest number of characters of a geohash."""
_WIDE = 10.0
"""From this radius in degrees on, there are so few cells that all can be compared."""


@define
class _Group:
    """The points of some cells: their centre, their number, and the cells they are in."""

    latitude: float
    longitude: float
    count: int
    cells: list[int]
    taken: bool = False

    def add(self, other: _Group) -> None:
        """Take in another group; the centre is the mean of all points."""
        count = self.count + other.count
        self.latitude = (self.latitude * self.count + other.latitude * other.count) / count
        self.longitude = (self.longitude * self.count + other.longitude * other.count) / count
        self.count = count
        self.cells += other.cells
        other.taken = True

    def near(self, other: _Group, metres: float) -> bool:
        """Tell whether two centres are no more than a radius apart, which is one at the equator."""
        here, there = math.radians(self.latitude), math.radians(other.latitude)
        turn = math.radians(other.longitude - self.longitude)
        chord = (
            math.sin((there - here) / 2) ** 2
            + math.cos(here) * math.cos(there) * math.sin(turn / 2) ** 2
        )
        distance = 2 * _RADIUS * math.asin(min(1.0, math.sqrt(chord)))
        return distance <= metres * math.cos((here + there) / 2)


def clusters(points: list[Point], zoom: int, radius: float) -> list[int]:
    """Return the number of the cluster of each point; `radius` is in pixels of a map of this zoom.

    The greatest geohash has the first cluster, which is the order of the recorded answer.
    """
    metres = radius * _EQUATOR / (_TILE * 2.0**zoom)
    level = _level(metres)
    cells = [_cell(point, level) for point in points]
    groups: dict[int, _Group] = {}
    for point, cell in zip(points, cells, strict=True):
        own = _Group(point["lat"], point["lon"], 1, [cell])
        found = groups.get(cell)
        if found is None:
            groups[cell] = own
        else:
            found.add(own)
            found.cells.pop()
    ordered = [groups[cell] for cell in sorted(groups, reverse=True)]
    numbers: dict[int, int] = {}
    for number, group in enumerate(_merged(ordered, metres)):
        numbers.update(dict.fromkeys(group.cells, number))
    return [numbers[cell] for cell in cells]


def _level(metres: float) -> int:
    """Return the first level of geohashes whose cells have no longer diagonal than the radius.

    All cells are taken to be twice as wide as high, which those of every other level are.
    """
    columns = math.ceil(_EQUATOR / metres * math.hypot(1, 0.5))
    return next((one for one in range(1, _DEEPEST) if 1 << _bits(one)[0] > columns), _DEEPEST)


def _bits(level: int) -> tuple[int, int]:
    """Return how many of the five bits per level are of the longitude and of the latitude."""
    return -(-5 * level // 2), 5 * level // 2


def _cell(point: Point, level: int) -> int:
    """Return the geohash of a point as a number, whose first bit is one of the longitude."""
    columns, rows = (1 << bits for bits in _bits(level))
    column = min(int((point["lon"] + 180) / 360 * columns), columns - 1)
    row = min(int((point["lat"] + 90) / 180 * rows), rows - 1)
    last = level % 2  # the last bit is one of the longitude, too, if there is an odd number
    return _spread(column) << (1 - last) | _spread(row) << last


def _spread(number: int) -> int:
    """Put a zero before each bit."""
    return int(f"{number:b}", 4)


def _merged(groups: Sequence[_Group], metres: float) -> Iterator[_Group]:
    """Merge groups in their order, and yield those that remain."""
    near = _Neighbours(groups, metres)
    for at, group in enumerate(groups):
        if group.taken:
            continue
        place, found = near.place(group), iter(near.after(group, at))
        while (one := next(found, None)) is not None:
            other = groups[one]
            if other.taken or not group.near(other, metres):
                continue
            group.add(other)
            if near.place(group) != place:  # its centre has moved to another square
                place, found = near.place(group), iter(near.after(group, one))
        yield group


class _Neighbours:
    """Finds the groups around another one without a look at all of them.

    The squares are a little wider than the radius. Where a degree of longitude is shorter than at
    the equator, the radius is shorter, too, so one square to each side has all groups that can be
    near; of large squares, whose ends differ in this, two are looked at.
    """

    def __init__(self, groups: Sequence[_Group], metres: float) -> None:
        width = 1.2 * math.degrees(metres / _RADIUS)
        self._width = width if width < _WIDE else math.inf
        # A narrower last column would have more than its neighbours within the radius.
        self._columns = max(1, math.floor(360 / self._width))
        self._column = 360 / self._columns
        self._steps = range(-1, 2) if width < 1 else range(-2, 3)
        self._squares: dict[tuple[int, int], list[int]] = {}
        for at, group in enumerate(groups):
            self._squares.setdefault(self.place(group), []).append(at)

    def place(self, group: _Group) -> tuple[int, int]:
        """Return the square with the centre of a group."""
        column = int((group.longitude + 180) / self._column) % self._columns
        return column, int((group.latitude + 90) / self._width)

    def after(self, group: _Group, position: int) -> list[int]:
        """Return the groups around another one that come after a position, in their order."""
        column, row = self.place(group)
        # A set, because few columns may all be around one of them.
        columns = {(column + step) % self._columns for step in self._steps}
        squares = [(x, row + step) for x in columns for step in self._steps]
        found = [at for square in squares for at in self._squares.get(square, ()) if at > position]
        return sorted(found)
