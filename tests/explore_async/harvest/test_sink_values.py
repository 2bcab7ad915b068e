"""Sinks keep every value: what is read back by another program is what the portal sent."""

from __future__ import annotations

import asyncio
import csv
import json
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import shapely
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from explore_async import ExploreClient
from explore_async.errors import DecodeError
from explore_async.harvest.sinks import make_sink
from explore_async.harvest.sinks.source import Source
from explore_async.models import DatasetField
from odsql import Query
from tests.explore_async.doubles import FakePortal

if TYPE_CHECKING:
    from explore_async.harvest.sinks import Written

KINDS = {
    "i": "int", "d": "double", "b": "boolean", "t": "text", "day": "date",
    "at": "datetime", "many": "text", "p": "geo_point_2d", "s": "geo_shape",
}  # fmt: skip
FIELDS = [
    DatasetField(
        name=name,
        label=name,
        type=kind,
        description=None,
        annotations={"multivalued": ","} if name == "many" else {},
    )
    for name, kind in KINDS.items()
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TEXTS = st.text(max_size=5) | st.sampled_from(
    ["", "\n", "\r", "\r\n", '"', ",", "NaN", "null", "🌳", "\0"]
)
LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-90, 90)
POSITIONS = st.tuples(LONGITUDES, LATITUDES).map(list)
SIMPLE = st.one_of(
    st.builds(lambda one: {"type": "Point", "coordinates": one}, POSITIONS),
    st.builds(
        lambda some: {"type": "LineString", "coordinates": some},
        st.lists(POSITIONS, min_size=2, max_size=3),
    ),
    st.builds(
        lambda a, b, c: {"type": "MultiPolygon", "coordinates": [[[a, b, c, a]]]},
        POSITIONS, POSITIONS, POSITIONS,
    ),
)  # fmt: skip
SHAPES = SIMPLE | st.builds(
    lambda some: {"type": "GeometryCollection", "geometries": some}, st.lists(SIMPLE, min_size=1)
)
VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "d": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    "b": st.booleans(),
    "t": TEXTS,
    "day": st.dates() | st.sampled_from([date.min, date.max]),
    "at": st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
    "many": st.lists(TEXTS, max_size=3),
    "p": st.fixed_dictionaries({"lon": LONGITUDES, "lat": LATITUDES}),
    "s": SHAPES.map(lambda one: {"type": "Feature", "geometry": one, "properties": {}}),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | one for name, one in VALUES.items()}),
    min_size=1,
    max_size=8,
)
EVERY_WAY = pytest.mark.parametrize("paged", [False, True], ids=["export", "pages"])


def sent(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in the form of JSON."""
    loaded: list[dict[str, Any]] = json.loads(json.dumps(rows, default=lambda one: one.isoformat()))
    return loaded


async def written(
    rows: list[dict[str, Any]], folder: Path, formats: list[str], *, paged: bool, **options: Any
) -> dict[str, tuple[Path, Written]]:
    """Write rows that a portal sends to files of each format."""
    portal = FakePortal()

    def answer(request: web.Request) -> web.Response:
        if "/exports/" in request.path:
            body = "".join(json.dumps(row) + "\n" for row in sent(rows))
            return web.Response(text=body, content_type="application/jsonl")
        page = {"total_count": len(rows), "results": sent(rows)}
        return web.Response(text=json.dumps(page), content_type="application/json")

    portal.override = answer
    found = {}
    async with portal.running(), ExploreClient(portal.url) as client:
        source = Source(dataset=client.dataset("trees"), query=Query(), paged=paged)
        for name in formats:
            sink = make_sink(name, name="trees", fields=FIELDS, columns=list(rows[0]), **options)
            path = folder / f"part{sink.suffix}"
            found[name] = path, await sink.write(path, source)
    return found


@EVERY_WAY
@settings(max_examples=25)
@given(rows=ROWS)
def test_typed_files_hold_the_values(rows: list[dict[str, Any]], *, paged: bool) -> None:
    """DuckDB reads the Parquet file, and pyarrow the Arrow file."""
    with tempfile.TemporaryDirectory() as folder:
        files = asyncio.run(written(rows, Path(folder), ["parquet", "arrow"], paged=paged))
        read = duckdb.connect().execute(
            'SELECT * REPLACE (epoch_us("at") AS "at") FROM read_parquet(?)',
            [str(files["parquet"][0])],
        )
        names = [one[0] for one in read.description or ()]
        by_duckdb = [dict(zip(names, row, strict=True)) for row in read.fetchall()]
        by_arrow = feather.read_table(files["arrow"][0], memory_map=False).to_pylist()
    assert len(by_duckdb) == len(by_arrow) == files["parquet"][1].rows == len(rows)
    for row, first, second in zip(rows, by_duckdb, by_arrow, strict=True):
        moment = row["at"] and (row["at"] - EPOCH)
        micros = moment if moment is None else (moment.days * 86_400 + moment.seconds) * 10**6
        expected = micros if moment is None else micros + moment.microseconds
        assert first["at"] == expected
        assert second["at"] == row["at"]
        for name in ("i", "d", "b", "t", "day", "many", "p"):
            assert row[name] == first[name], name
            assert row[name] == second[name], name
        for found in (first, second):
            assert (found["s"] and json.loads(found["s"])) == (row["s"] and sent([row])[0]["s"])


@EVERY_WAY
@settings(max_examples=25)
@given(rows=ROWS)
def test_text_files_hold_the_values(rows: list[dict[str, Any]], *, paged: bool) -> None:
    """As JSON, and as cells."""
    with tempfile.TemporaryDirectory() as folder:
        files = asyncio.run(written(rows, Path(folder), ["jsonl", "csv"], paged=paged))
        lines = files["jsonl"][0].read_text(encoding="utf-8").split("\n")[:-1]
        with files["csv"][0].open(newline="", encoding="utf-8") as opened:
            cells = list(csv.DictReader(opened))
    loaded = [json.loads(line) for line in lines]
    assert len(loaded) == len(cells) == len(rows)
    for row, line, cell in zip(sent(rows), loaded, cells, strict=True):
        for name, value in row.items():
            assert value == line[name]
            if value is None or isinstance(value, str):
                assert cell[name] == (value or "")
            elif name != "d":
                assert json.loads(cell[name]) == value


@settings(max_examples=25)
@given(rows=ROWS)
def test_geoparquet_holds_geometries_of_all_types(rows: list[dict[str, Any]]) -> None:
    """Also of several types in one column."""
    with tempfile.TemporaryDirectory() as folder:
        files = asyncio.run(written(rows, Path(folder), ["geoparquet"], paged=False))
        database = duckdb.connect()
        # Without this, it would load its extension for geometries, which may not be installed.
        database.execute("SET enable_geoparquet_conversion = false")
        read = database.execute("SELECT p, s FROM read_parquet(?)", [str(files["geoparquet"][0])])
        found = read.fetchall()
    for row, (point, shape) in zip(rows, found, strict=True):
        place = row["p"] and shapely.Point(row["p"]["lon"], row["p"]["lat"])
        assert (point and shapely.from_wkb(point)) == place
        assert (shape and shapely.from_wkb(shape)) == (
            row["s"] and shapely.from_geojson(json.dumps(row["s"]["geometry"]))
        )


MISFITS: dict[str, Any] = {
    "i": 2.5,
    "d": "high",
    "day": "tomorrow",
    "at": "2024-13-01T00:00:00+00:00",
    "many": {"a": 1},
    "b": "yes",
}


@EVERY_WAY
@pytest.mark.parametrize("file_format", ["parquet", "geoparquet", "arrow"])
@pytest.mark.parametrize("name", MISFITS)
async def test_a_misfit_is_treated_alike_everywhere(
    tmp_path: Path, name: str, file_format: str, *, paged: bool
) -> None:
    """An error by default, else null, and its text if that is wanted."""
    good = {"i": 1, "d": 1.5, "b": True, "t": "a", "day": "2024-01-31",
            "at": "2024-01-31T00:00:00+00:00", "many": ["a"],
            "p": {"lon": 1.0, "lat": 2.0}, "s": None}  # fmt: skip
    rows = [good, {**good, name: MISFITS[name]}]
    with pytest.raises(DecodeError, match=f"{name}.*") as caught:
        await written(rows, tmp_path, [file_format], paged=paged)
    assert any("--misfits null" in note for note in caught.value.__notes__)
    for misfits in ("null", "text"):
        files = await written(rows, tmp_path, [file_format], paged=paged, misfits=misfits)
        path, told = files[file_format]
        assert told.misfits == {name: 1}
        if file_format == "arrow":
            found = feather.read_table(path, memory_map=False).to_pylist()
        else:
            from pyarrow import parquet

            found = parquet.ParquetFile(path).read().to_pylist()
        assert found[1][name] is None
        assert found[0][name] is not None
        if misfits == "text":
            assert json.loads(found[1]["_misfits"]) == {name: MISFITS[name]}
            assert found[0]["_misfits"] is None
