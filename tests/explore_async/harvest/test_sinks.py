"""Sinks: every format can be read back by another program, with the types of the schema."""

from __future__ import annotations

import asyncio
import csv
import errno
import gzip
import io
import json
import threading
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import geopandas
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from explore_async.errors import ConfigurationError, DecodeError, StorageError
from explore_async.harvest import Finished, Manifest, Planned, harvest
from explore_async.harvest.sinks import FORMATS, database, make_sink, source, tables
from explore_async.portal import PortalField
from tests.explore_async.harvest.trees import FIELDS, multiset, rows_of, trees

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async import ExploreClient
    from explore_async.testing import Portal

WAYS: list[dict[str, Any]] = [
    {"strategy": "exports", "partition_rows": 300},
    {"strategy": "pages", "partition_rows": 300},
]
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=[str(way["strategy"]) for way in WAYS])


def paths(folder: Path, manifest: Manifest) -> list[Path]:
    """Return the files of a harvest."""
    return [folder / manifest.dataset_id / file.path for file in manifest.files]


def joined(tables_: list[pa.Table]) -> list[dict[str, Any]]:
    """Return the rows of tables, which must have one schema, in order."""
    rows: list[dict[str, Any]] = pa.concat_tables(tables_).to_pylist()
    return sorted(rows, key=lambda row: float(row["place"]["lon"]))


@EVERY_WAY
@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
async def test_json_lines_hold_the_rows(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any], compression: Any
) -> None:
    """Also compressed; other programs know the endings."""
    manifest = await harvest(client, "trees", tmp_path, compression=compression, **way)
    if compression == "zstd":
        for path in paths(tmp_path, manifest):
            assert path.name.endswith(".jsonl.zst")
            path.write_bytes(pa.input_stream(path, compression="zstd").read())
    assert multiset(rows_of(tmp_path, manifest)) == multiset(trees(1_000))


@EVERY_WAY
async def test_csv_holds_the_values(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """Each file has a header; lists and points are JSON."""
    manifest = await harvest(
        client, "trees", tmp_path, file_format="csv", compression="gzip", **way
    )
    rows: list[dict[str, str]] = []
    for path in paths(tmp_path, manifest):
        rows += csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline=""))
    rows.sort(key=lambda row: float(row["place"].split(":")[1].split(",")[0]))
    assert len(rows) == 1_000
    assert list(rows[0]) == [one.name for one in FIELDS]
    assert rows[4] == {
        "number": "1", "kind": "", "height": "16.444444444444443", "planted": "2014-05-14",
        "seen": "2026-05-01T00:04:00+00:00", "names": '["a","b4"]',
        "place": '{"lon":0.04,"lat":50.5}',
    }  # fmt: skip
    assert rows[5]["kind"] == 'it\'s "so"'


@EVERY_WAY
@pytest.mark.parametrize(("file_format", "read"), [
    ("parquet", parquet.read_table), ("arrow", feather.read_table),
], ids=["parquet", "arrow"])  # fmt: skip
async def test_tables_have_the_types_of_the_schema(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any], file_format: str, read: Any
) -> None:
    """Not those of the first rows, which may be null."""
    manifest = await harvest(client, "trees", tmp_path, file_format=file_format, **way)
    found = [read(path) for path in paths(tmp_path, manifest)]
    kinds = {one.name: str(one.type) for one in found[0].schema}
    assert kinds == {
        "number": "int64", "kind": "string", "height": "double", "planted": "date32[day]",
        "seen": "timestamp[us, tz=UTC]", "names": found[0].schema.field("names").type.__str__(),
        "place": "struct<lon: double, lat: double>",
    }  # fmt: skip
    assert pa.types.is_list(found[0].schema.field("names").type)
    rows = joined(found)
    for row, tree in zip(rows, trees(1_000), strict=True):
        assert row["names"] == tree["names"]
        assert (row["number"], row["kind"], row["height"]) == (
            tree["number"], tree["kind"], tree["height"])  # fmt: skip
        assert row["planted"] == date.fromisoformat(tree["planted"])
        assert row["seen"] == (tree["seen"] and datetime.fromisoformat(tree["seen"]))


async def test_parquet_is_compressed_and_has_dictionaries(
    client: ExploreClient, tmp_path: Path
) -> None:
    """As readers expect of large files."""
    manifest = await harvest(client, "trees", tmp_path, file_format="parquet")
    [path] = paths(tmp_path, manifest)
    column = parquet.read_metadata(path).row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert "RLE_DICTIONARY" in column.encodings


@pytest.mark.parametrize("strategy", ["export", "pages"])
async def test_a_row_group_is_written_while_rows_arrive(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: Any
) -> None:
    """So memory does not grow with the dataset."""
    monkeypatch.setattr(source, "_BLOCK", 10_000)
    monkeypatch.setattr(tables, "_BATCH", 100)
    monkeypatch.setattr(tables, "_ROW_GROUP", 300)
    manifest = await harvest(client, "trees", tmp_path, file_format="parquet", strategy=strategy)
    [path] = paths(tmp_path, manifest)
    assert parquet.read_metadata(path).num_row_groups >= 3
    assert parquet.read_table(path).num_rows == 1_000


@pytest.mark.parametrize("strategy", ["export", "pages"])
async def test_a_row_group_has_a_maximum_size(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: Any
) -> None:
    """Rows with long texts or shapes would take too much memory otherwise."""
    monkeypatch.setattr(source, "_BLOCK", 10_000)
    monkeypatch.setattr(tables, "_BATCH", 100)
    monkeypatch.setattr(tables, "_GROUP_BYTES", 20_000)
    manifest = await harvest(client, "trees", tmp_path, file_format="parquet", strategy=strategy)
    [path] = paths(tmp_path, manifest)
    found = parquet.read_metadata(path)
    assert found.num_row_groups >= 3
    assert all(found.row_group(at).total_byte_size < 40_000 for at in range(found.num_row_groups))
    assert parquet.read_table(path).num_rows == 1_000


@pytest.mark.parametrize("file_format", ["parquet", "geoparquet"])
async def test_an_export_that_a_portal_breaks_off_is_fetched_again(
    portal: Portal, client: ExploreClient, tmp_path: Path, file_format: str
) -> None:
    """Nothing of the broken one remains."""
    async for event in harvest(client, "trees", tmp_path, file_format=file_format):
        if isinstance(event, Planned):
            portal.cut(after_rows=600, next=1, path="*/exports/*")
    assert isinstance(event, Finished)
    assert sum(file.rows for file in event.manifest.files) == 1_000


async def test_geoparquet_is_read_by_geopandas(client: ExploreClient, tmp_path: Path) -> None:
    """With its coordinate system, and the longitude as x."""
    manifest = await harvest(client, "trees", tmp_path, file_format="geoparquet", **WAYS[0])
    found = [geopandas.read_parquet(path) for path in paths(tmp_path, manifest)]
    assert sum(map(len, found)) == 1_000
    assert all(one.crs.to_string() == "OGC:CRS84" for one in found)
    assert {point.y for one in found for point in one.geometry} == {50.5}
    assert max(point.x for one in found for point in one.geometry) == 9.99


async def test_geoparquet_tells_the_bounds_of_each_file(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """A reader can leave out files that are elsewhere."""
    line = {"type": "LineString", "coordinates": [[1, 2, 9], [-3, 4.5, 9]]}
    both = {
        "type": "GeometryCollection",
        "geometries": [line, {"type": "Point", "coordinates": [7, 0]}],
    }
    rows = [
        {"shape": {"type": "Feature", "geometry": one, "properties": {}}, "none": None}
        for one in (line, both, None)
    ]
    fields = [PortalField("shape", "geo_shape", "a"), PortalField("none", "geo_point_2d", "b")]
    portal.store.add("shapes", fields, rows)
    manifest = await harvest(client, "shapes", tmp_path, file_format="geoparquet")
    [path] = paths(tmp_path, manifest)
    described = json.loads(parquet.read_metadata(path).metadata[b"geo"])
    assert described["columns"]["shape"]["bbox"] == [-3, 0, 7, 4.5]
    assert "bbox" not in described["columns"]["none"]
    assert described["primary_column"] == "shape"
    assert geopandas.read_parquet(path).total_bounds.tolist() == [-3, 0, 7, 4.5]


@EVERY_WAY
async def test_duckdb_has_a_table_of_all_rows(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """With the name of the dataset, and nothing else in the folder."""
    manifest = await harvest(client, "trees", tmp_path, file_format="duckdb", **way)
    [file] = manifest.files
    assert (file.path, file.rows) == ("data.duckdb", 1_000)
    left = {path.name for path in (tmp_path / "trees").iterdir()}
    assert left == {"data.duckdb", "manifest.json", ".harvest.lock"}
    with duckdb.connect(str(tmp_path / "trees" / file.path), read_only=True) as opened:
        found = opened.execute(
            "SELECT sum(number), count(seen), min(planted) FROM trees"
        ).fetchone()
    rows = trees(1_000)
    assert found == (
        sum(row["number"] for row in rows),
        sum(row["seen"] is not None for row in rows),
        date.fromisoformat(min(row["planted"] for row in rows)),
    )


async def test_a_database_that_cannot_be_made_leaves_the_partitions(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not fetched again."""

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(database.DuckDBTable, "_filled", fail)
    with pytest.raises(StorageError, match="No space left"):
        await harvest(client, "trees", tmp_path, file_format="duckdb", **WAYS[0])
    monkeypatch.undo()
    events = [
        event
        async for event in harvest(
            client, "trees", tmp_path, file_format="duckdb", resume=True, **WAYS[0]
        )
    ]
    assert [type(event).__name__ for event in events] == ["Resumed", "Finished"]


async def test_a_harvest_can_be_cancelled_while_the_database_is_made(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends when the database is no longer in use."""
    begun, may_end = threading.Event(), threading.Event()
    fill = database.DuckDBTable._filled

    def wait(*arguments: Any) -> int:
        begun.set()
        may_end.wait()
        return fill(*arguments)

    monkeypatch.setattr(database.DuckDBTable, "_filled", wait)
    running = asyncio.ensure_future(harvest(client, "trees", tmp_path, file_format="duckdb"))
    await asyncio.to_thread(begun.wait)
    running.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    manifest = await harvest(client, "trees", tmp_path, file_format="duckdb", resume=True)
    assert manifest.rows == 1_000


async def test_chosen_columns_keep_their_types(client: ExploreClient, tmp_path: Path) -> None:
    """A computed one is text, because the schema does not tell its type."""
    manifest = await harvest(
        client, "trees", tmp_path, file_format="parquet", select="number * 2 as twice, height"
    )
    [path] = paths(tmp_path, manifest)
    found = parquet.read_table(path)
    assert [(one.name, str(one.type)) for one in found.schema] == [
        ("twice", "string"), ("height", "double")]  # fmt: skip
    assert found.to_pylist()[3] == {"twice": "2", "height": 111 / 9}


@pytest.mark.parametrize("name", ["NaN", "-Infinity"])
def test_a_number_that_json_lacks_is_that_number(name: str) -> None:
    """Some portals send it bare."""
    assert repr(tables._row(b'{"a": %s}' % name.encode())["a"]) == repr(float(name))


@pytest.mark.parametrize("line", [b"{", b"[1]", b"null", b'{"a": nan}', b"[" * 100_000])
def test_a_line_that_is_not_a_row_is_an_error(line: bytes) -> None:
    """With its beginning."""
    with pytest.raises(DecodeError, match="is not a row"):
        tables._row(line)


async def test_a_dataset_without_rows_is_a_file_with_columns(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Its types are known all the same."""
    portal.store.add("empty", [{"name": "a", "type": "date"}], [])
    manifest = await harvest(client, "empty", tmp_path, file_format="parquet")
    [path] = paths(tmp_path, manifest)
    assert str(parquet.read_schema(path).field("a").type) == "date32[day]"


# ---------------------------------------------------------------- values that do not fit


@pytest.fixture
def odd(portal: Portal) -> Portal:
    """The portal with a dataset whose select makes values of another type than the field's."""
    rows = [{"a": one, "b": f"text {one}"} for one in range(10)]
    portal.store.add("odd", [PortalField("a", "int", "a"), PortalField("b", "text", "b")], rows)
    return portal


SELECT = "a / 4 as a, b"


async def test_a_value_that_does_not_fit_is_an_error(
    odd: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """It is never rounded."""
    with pytest.raises(DecodeError, match="a does not fit its column"):
        await harvest(client, "odd", tmp_path, select=SELECT, file_format="parquet")


async def test_a_value_that_does_not_fit_can_be_null(
    odd: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """The manifest counts them."""
    manifest = await harvest(
        client, "odd", tmp_path, select=SELECT, file_format="parquet", misfits="null"
    )
    [path] = paths(tmp_path, manifest)
    found = parquet.read_table(path)
    assert found.column("a").to_pylist() == [0, None, None, None, 1, None, None, None, 2, None]
    assert found.column_names == ["a", "b"]
    assert manifest.misfits == {"a": 7}
    assert Manifest.read(tmp_path / "odd") == manifest


async def test_a_value_that_does_not_fit_can_be_kept_as_text(
    odd: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """In a column of its own, so that the others have their types."""
    manifest = await harvest(
        client, "odd", tmp_path, select=SELECT, file_format="parquet", misfits="text"
    )
    [path] = paths(tmp_path, manifest)
    rows = parquet.read_table(path).to_pylist()
    assert rows[3] == {"a": None, "b": "text 3", "_misfits": '{"a":0.75}'}
    assert rows[4] == {"a": 1, "b": "text 4", "_misfits": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file_format": "xlsx"}, "jsonl, csv, parquet"),
        ({"file_format": "jsonl", "compression": "br"}, "gzip or zstd"),
        ({"file_format": "parquet", "compression": "gzip"}, "of its own"),
        ({"file_format": "parquet", "misfits": "skip"}, "fail, null, text"),
    ],
    ids=["format", "compression", "own", "misfits"],
)
def test_options_that_do_not_suit_are_refused(options: dict[str, Any], message: str) -> None:
    """The message says what is possible."""
    with pytest.raises(ConfigurationError, match=message):
        make_sink(name="a", fields=(), columns=(), **options)


def test_every_format_has_a_sink() -> None:
    """The command line offers the same."""
    from explore_async.cli.options import FILE_FORMATS

    assert set(FILE_FORMATS) == set(FORMATS)
    assert all(make_sink(one, name="a", fields=(), columns=()).suffix for one in FORMATS)
