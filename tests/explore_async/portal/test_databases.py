"""DuckDB databases that the portal serves, as the client reads them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pyproj
import pytest

from explore_async import ExploreClient, ExploreError
from explore_async.portal import Store, load_files, serve
from tests.explore_async.portal.test_files import (
    LINE,
    PHOTO,
    POINT,
    feature,
    refusal,
    rows,
    types,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path


def made(path: Path, *statements: str) -> Path:
    """Write a database."""
    with duckdb.connect(str(path)) as connection:
        for one in statements:
            connection.execute(one)
    return path


def views(path: Path) -> list[str]:
    """Return the datasets of a path that are read in place."""
    with Store() as store:
        load_files(store, path)
        datasets = {one.table: one.dataset_id for one in store.datasets}
        found = store.cursor().execute(
            "SELECT view_name FROM duckdb_views() WHERE database_name = 'memory' AND NOT internal"
        )
        return [datasets[name] for (name,) in found.fetchall()]


async def test_each_table_and_view_is_a_dataset(tmp_path: Path) -> None:
    """Those of other schemas are not."""
    path = made(
        tmp_path / "city.duckdb",
        "CREATE TABLE trees (id INTEGER, name VARCHAR)",
        "INSERT INTO trees VALUES (1, 'oak'), (2, NULL)",
        "CREATE VIEW tall AS SELECT id FROM trees WHERE id > 1",
        "CREATE SCHEMA other",
        "CREATE TABLE other.hidden (id INTEGER)",
    )
    with Store() as store:
        load_files(store, path)
        assert [one.dataset_id for one in store.datasets] == ["tall", "trees"]
    assert await rows(path, "trees") == [{"id": 1, "name": "oak"}, {"id": 2, "name": None}]
    assert await rows(path, "tall") == [{"id": 2}]


TYPES = {
    "small": ("TINYINT", "7", "int", 7),
    "large": ("BIGINT", "9223372036854775807", "int", 9223372036854775807),
    "unsigned": ("UBIGINT", "7", "int", 7),
    "huge": ("HUGEINT", "170141183460469231731687303715884105727", "text", str(2**127 - 1)),
    "exact": ("DECIMAL(9, 2)", "1.50", "double", 1.5),
    "real": ("FLOAT", "0.5", "double", 0.5),
    "open": ("BOOLEAN", "true", "boolean", True),
    "day": ("DATE", "'2024-01-02'", "date", "2024-01-02"),
    "moment": ("TIMESTAMP", "'2024-01-02 03:04:05'", "datetime", "2024-01-02T03:04:05+00:00"),
    "zoned": ("TIMESTAMPTZ", "'2024-01-02 03:04:05+01'", "datetime", "2024-01-02T02:04:05+00:00"),
    "fine": ("TIMESTAMP_NS", "'2024-01-02 03:04:05'", "datetime", "2024-01-02T03:04:05+00:00"),
    "clock": ("TIME", "'03:04:05'", "text", "03:04:05"),
    "mood": ("ENUM ('sad', 'glad')", "'glad'", "text", "glad"),
    "tags": ("VARCHAR[]", "['a', 'b']", "text", ["a", "b"]),
    "place": (
        "STRUCT(lon DOUBLE, lat DOUBLE)", "{'lon': 2.5, 'lat': 48}", "geo_point_2d",
        {"lon": 2.5, "lat": 48.0},
    ),
    "object": ("STRUCT(a INTEGER)", "{'a': 1}", "text", '{"a":1}'),
    "json": ("JSON", "'{\"a\":[1, null]}'", "json_blob", {"a": [1, None]}),
    "photo": ("JSON", f"'{json.dumps(PHOTO)}'", "file", PHOTO),
    "shape": (
        "VARCHAR", "'{\"type\": \"Point\", \"coordinates\": [2.5, 48]}'", "geo_shape",
        feature({"type": "Point", "coordinates": [2.5, 48]}),
    ),
}  # fmt: skip


async def test_types_are_those_of_the_platform(tmp_path: Path) -> None:
    """Null stays null in each."""
    columns = ", ".join(f'"{name}" {one[0]}' for name, one in TYPES.items())
    values = ", ".join(one[1] for one in TYPES.values())
    path = made(
        tmp_path / "a.db",
        f"CREATE TABLE data ({columns})",
        f"INSERT INTO data VALUES ({values}), ({', '.join(['NULL'] * len(TYPES))})",
    )
    assert types(path) == {name: one[2] for name, one in TYPES.items()}
    assert await rows(path) == [
        {name: one[3] for name, one in TYPES.items()},
        dict.fromkeys(TYPES),
    ]


@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB has geometries since 2.0")
async def test_geometries_are_points_or_shapes(tmp_path: Path) -> None:
    """As those of GeoJSON; an empty point is null."""
    path = made(
        tmp_path / "a.duckdb",
        "CREATE TABLE data (p GEOMETRY, s GEOMETRY)",
        "INSERT INTO data VALUES ('POINT (2.5 48)', 'LINESTRING (2.5 48, 2.75 48.5)'), "
        "('POINT EMPTY', 'POINT (2.5 48)'), (NULL, NULL)",
    )
    assert types(path) == {"p": "geo_point_2d", "s": "geo_shape"}
    assert await rows(path) == [
        {"p": {"lon": 2.5, "lat": 48.0}, "s": feature(LINE)},
        {"p": None, "s": feature(POINT)},
        {"p": None, "s": None},
    ]


@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB has geometries since 2.0")
def test_geometries_that_are_not_wgs_84_are_one_message(tmp_path: Path) -> None:
    """It names the table and the column."""
    system = json.dumps(pyproj.CRS("EPSG:2154").to_json_dict()).replace("'", "''")
    path = made(tmp_path / "a.duckdb", f"CREATE TABLE x (g GEOMETRY('{system}'))")
    message = refusal(path)
    assert message.startswith(f"{path}, table x: the column 'g' has coordinates that are not WGS")


async def test_odd_names_are_no_sql(tmp_path: Path) -> None:
    """Of files, tables and columns."""
    path = made(tmp_path / 'it\'s "x".db', """CREATE TABLE "t'""; --" AS SELECT 1 AS "é'""n" """)
    assert await rows(path, "t'\"; --") == [{"e_n": 1}]


def test_tables_are_read_in_place_unless_a_value_can_fail(tmp_path: Path) -> None:
    """Views are loaded, because reading one may fail; so is a table with a column rowid."""
    path = made(
        tmp_path / "a.duckdb",
        "CREATE TABLE plain AS SELECT 1 AS a, 'x' AS b, 1.5 AS c",
        "CREATE TABLE objects AS SELECT '{}'::JSON AS a",
        "CREATE TABLE own AS SELECT 7 AS rowid",
        "CREATE VIEW view AS SELECT * FROM plain",
    )
    assert views(path) == ["plain"]


async def test_a_table_in_place_has_an_order_and_identifiers(tmp_path: Path) -> None:
    """Rows keep their order, can be sorted and grouped, and have identifiers."""
    path = made(tmp_path / "a.duckdb", "CREATE TABLE data AS SELECT unnest([3, 1, 2]) AS n")
    assert views(path) == ["data"]
    with Store() as store:
        load_files(store, path)
        async with serve(store) as url, ExploreClient(url) as client:
            records = client.dataset("data").records
            assert [row["n"] async for row in records()] == [3, 1, 2]
            assert [row["n"] async for row in records(order_by="n desc")] == [3, 2, 1]
            identifiers = [str(row["recordid"]) async for row in records(select="recordid")]
            assert len(set(identifiers)) == 3
            found = await client.dataset("data").record(identifiers[1])
            assert dict(found) == {"n": 1}


def test_a_database_is_never_written(tmp_path: Path) -> None:
    """The folder has the same files and bytes after all datasets are read."""
    made(tmp_path / "a.duckdb", "CREATE TABLE data AS SELECT 1 AS n")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with Store() as store:
        load_files(store, tmp_path)
        assert len(store.datasets) == 1
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


async def test_portal_toml_describes_tables(tmp_path: Path) -> None:
    """Each has a table of its own."""
    made(tmp_path / "a.duckdb", "CREATE TABLE x AS SELECT '1' AS n", "CREATE TABLE y (n INTEGER)")
    written(
        tmp_path / "portal.toml",
        '[[dataset]]\nfile = "a.duckdb"\ntable = "x"\nid = "first"\nfields.n.type = "int"\n'
        '[[dataset]]\nfile = "a.duckdb"\ntable = "y"\nvisible = false\n',
    )
    with Store() as store:
        load_files(store, tmp_path)
        assert [one.dataset_id for one in store.datasets] == ["first"]
    assert await rows(tmp_path, "first") == [{"n": 1}]


def test_a_whole_database_can_be_left_out(tmp_path: Path) -> None:
    """With visible = false and no table."""
    made(tmp_path / "a.duckdb", "CREATE TABLE x (n INTEGER)")
    written(tmp_path / "b.csv", "x\n1\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "a.duckdb"\nvisible = false\n')
    with Store() as store:
        load_files(store, tmp_path)
        assert [one.dataset_id for one in store.datasets] == ["b"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('file = "a.duckdb"\ntitle = "A"', 'a.duckdb without a table. Add table = "..."'),
        ('file = "a.duckdb"\ntable = "z"', "describes tables that a.duckdb lacks: z. It has x, y"),
        ('file = "b.csv"\ntable = "x"', "names a table of b.csv, which has none"),
        ('file = "a.duckdb"\ntable = "x"\nfields.m.label = "M"', "that x lacks: m. It has n"),
        ('file = "a.duckdb"\ntable = "x"\n[[dataset]]\nfile = "a.duckdb"\ntable = "x"',
         "describes the table x of a.duckdb twice"),
    ],
    ids=["no table", "unknown", "no database", "field", "twice"],
)  # fmt: skip
def test_a_wrong_description_of_a_table_is_one_message(
    tmp_path: Path, said: str, message: str
) -> None:
    """It names the file, and what is there."""
    made(tmp_path / "a.duckdb", "CREATE TABLE x (n INTEGER)", "CREATE TABLE y (n INTEGER)")
    written(tmp_path / "b.csv", "x\n1\n")
    written(tmp_path / "portal.toml", f"[[dataset]]\n{said}\n")
    found = refusal(tmp_path, needed="x")
    assert message in found
    assert "\n" not in found


def sqlite(path: Path) -> None:
    """Write a database of SQLite."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()


def truncated(path: Path) -> None:
    """Write the beginning of a database."""
    made(path, "CREATE TABLE x AS SELECT range AS n FROM range(100000)")
    path.write_bytes(path.read_bytes()[:9000])


BROKEN: dict[str, tuple[Any, str]] = {
    "SQLite": (sqlite, "is not a DuckDB database"),
    "text": (lambda path: written(path, "oops" * 5000), "is not a DuckDB database"),
    "empty": (lambda path: written(path, ""), "is not a DuckDB database"),
    "truncated": (truncated, "Cannot read"),
    "no tables": (made, "has no tables in the schema main"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_database_is_one_message(tmp_path: Path, kind: str) -> None:
    """In a folder it leaves the other files, and its requests are refused."""
    path = tmp_path / "clock.db"
    write, message = BROKEN[kind]
    write(path)
    found = refusal(path)
    assert message in found
    assert str(path) in found
    assert "\n" not in found
    written(tmp_path / "b.csv", "x\n1\n")
    with Store() as store:
        load_files(store, tmp_path)
        async with serve(store) as url, ExploreClient(url) as client:
            assert [one["dataset_id"] async for one in client.datasets()] == ["b"]
            with pytest.raises(ExploreError, match=r"UnreadableFile.*clock\.db"):
                await client.dataset("clock").info()


def test_a_database_that_another_program_writes_is_one_message(tmp_path: Path) -> None:
    """It says what to do."""
    path = made(tmp_path / "a.duckdb", "CREATE TABLE x (n INTEGER)")
    program = (
        f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        message = refusal(path)
        writer.communicate("\n")
    assert message.startswith(f"{path} is in use by another program")
    assert "\n" not in message


def test_names_of_the_database_are_not_those_of_the_store(tmp_path: Path) -> None:
    """A store calls its tables t1, t2 and so on."""
    names = ("t1", "t2", "t3", "t4")
    path = made(tmp_path / "a.duckdb", *(f"CREATE VIEW {name} AS SELECT 7 AS n" for name in names))
    with Store() as store:
        load_files(store, path)
        for one in store.datasets:
            found = store.cursor().execute(f"FROM {one.table}").fetchall()
            assert found == [(7,)]
            store.remove(one.dataset_id)
        assert store.datasets == ()


def test_tables_with_one_name_are_one_message(tmp_path: Path) -> None:
    """It names both files and the tables."""
    first = made(tmp_path / "a.duckdb", "CREATE TABLE x (n INTEGER)")
    second = made(tmp_path / "b.duckdb", "CREATE TABLE x (n INTEGER)")
    assert refusal(tmp_path).startswith(f"{second}, table x and {first}, table x are both")
