"""Rows of all types, and their exports without a server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from multidict import MultiDict

from explore_async.portal import Store
from explore_async.portal.compiling import compile_query
from explore_async.portal.engine import Engine
from explore_async.portal.exports.export import Export
from explore_async.portal.exports.formats import FORMATS
from explore_async.portal.requests import export_limit, read_query, read_settings
from tests.explore_async.portal.asking import NOW, THINGS_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGIN = "http://portal.test"
FIELDS = [*THINGS_FIELDS, {"name": "month", "type": "date", "precision": "month"}]


def exported(
    rows: Sequence[dict[str, Any]],
    name: str,
    *,
    fields: Any = (),
    **parameters: str,
) -> bytes:
    """Return the export of a dataset `things`, which has the fields `FIELDS` by default."""
    query: MultiDict[str] = MultiDict(parameters)

    async def read(one: Export, store: Store) -> bytes:
        engine = Engine(store, workers=1)
        try:
            write = FORMATS[name].write
            assert write is not None
            async with aclosing(write(one, engine)) as chunks:
                return b"".join([chunk async for chunk in chunks])
        finally:
            await engine.close()

    with Store(threads=1) as store:
        dataset = store.add("things", fields or FIELDS, rows)
        plan = compile_query(read_query(query), dataset, read_settings(query, NOW))
        return asyncio.run(read(Export(plan, export_limit(query), query, ORIGIN), store))


def texts_of(row: dict[str, Any]) -> dict[str, str]:
    """Return the values of a record as texts, without null and geographic fields."""
    texts = {
        **row,
        "tags": row["tags"] and ",".join(row["tags"]),
        "open": {True: "true", False: "false"}.get(row["open"]),
        "place": None,
        "shape": None,
    }
    return {name: str(value) for name, value in texts.items() if value is not None}


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
"""Texts that all formats can hold."""

LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-85, 85)
POSITIONS = st.tuples(LONGITUDES, LATITUDES).map(list)
LINES = st.lists(POSITIONS, min_size=2, max_size=4)


def box(west: float, south: float, width: float, height: float) -> list[list[float]]:
    """Return a counterclockwise ring."""
    east, north = west + width, south + height
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygons(west: float) -> st.SearchStrategy[list[list[list[float]]]]:
    """Return boxes of up to 50 degrees, some with a hole, which runs the other way."""
    sizes = st.floats(1, 50)

    def made(south: float, width: float, height: float, with_hole: bool) -> list[list[list[float]]]:
        hole = box(west + width / 4, south + height / 4, width / 2, height / 2)
        return [box(west, south, width, height), *([hole[::-1]] if with_hole else [])]

    return st.builds(made, st.floats(-80, 30), sizes, sizes, st.booleans())


SHAPES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    [
        st.fixed_dictionaries({"type": st.just(kind), "coordinates": coordinates})
        for kind, coordinates in {
            "Point": POSITIONS,
            "LineString": LINES,
            "Polygon": polygons(0.0),
            "MultiPoint": st.lists(POSITIONS, min_size=1, max_size=3),
            "MultiLineString": st.lists(LINES, min_size=1, max_size=2),
            "MultiPolygon": st.tuples(polygons(0.0), polygons(60.0)).map(list),
        }.items()
    ]
)
DAYS = st.dates(date(1900, 3, 1), date(2200, 1, 1))
MOMENTS = st.datetimes(datetime(1900, 3, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


VALUES = {
    "id": st.integers(-(2**53), 2**53),
    "name": WORDS,
    "tags": st.lists(WORDS, min_size=1, max_size=3),
    "size": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "day": DAYS.map(date.isoformat),
    "moment": MOMENTS.map(datetime.isoformat),
    "open": st.booleans(),
    "place": st.fixed_dictionaries({"lon": LONGITUDES, "lat": LATITUDES}),
    "shape": SHAPES.map(lambda shape: {"type": "Feature", "geometry": shape, "properties": {}}),
    "path": WORDS,
    "code": WORDS,
    "year": DAYS.map(lambda day: str(day.year)),
    "month": DAYS.map(lambda day: f"{day:%Y-%m}"),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: optional(values) for name, values in VALUES.items()}), max_size=4
)
"""Rows in the form of records, which every format can hold without loss."""
