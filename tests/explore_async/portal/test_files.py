"""Files that the portal serves, as the client reads them."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest

from explore_async import ExploreClient, ExploreError
from explore_async.geometries import geo_metadata, wkb
from explore_async.portal import Store, load_files, serve

if TYPE_CHECKING:
    from pathlib import Path

LINE = {"type": "LineString", "coordinates": [[2.5, 48.0], [2.75, 48.5]]}
POINT = {"type": "Point", "coordinates": [2.5, 48.0]}


def feature(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry as records have it."""
    return {"type": "Feature", "geometry": geometry, "properties": {}}


async def rows(path: Path, dataset_id: str = "data") -> list[dict[str, Any]]:
    """Serve a file or a folder, and read the records of a dataset with the client."""
    with Store() as store:
        load_files(store, path)
        async with serve(store) as url, ExploreClient(url) as client:
            return [dict(row) async for row in client.dataset(dataset_id).records()]


def described(path: Path, dataset_id: str = "data") -> dict[str, Any]:
    """Return the dataset object of a file."""
    with Store() as store:
        load_files(store, path)
        dataset = store.dataset(dataset_id)
        assert dataset is not None
        return dataset.described()


def types(path: Path, dataset_id: str = "data") -> dict[str, str]:
    """Return the types of the fields of a file."""
    return {one["name"]: one["type"] for one in described(path, dataset_id)["fields"]}


def written(path: Path, text: str) -> Path:
    """Write a file."""
    path.write_text(text, encoding="utf-8")
    return path


def refusal(*paths: Path, needed: str | None = None) -> str:
    """Return the message with which paths are refused."""
    with Store() as store, pytest.raises(ExploreError) as caught:
        load_files(store, *paths)
        if needed is not None:
            store.dataset(needed)
    return str(caught.value)


# ---------------------------------------------------------------- CSV


async def test_csv_has_the_dialect_and_the_types_that_are_sniffed(tmp_path: Path) -> None:
    """A code with leading zeros is a text; an empty cell is null."""
    path = written(
        tmp_path / "data.csv",
        "code;name;size;share;opened;seen;open\n"
        "01001;Ä;3;1.5;2024-01-02;2024-01-02T03:04:05+02:00;true\n"
        '02;"a;b";;;;;\n',
    )
    assert types(path) == {
        "code": "text", "name": "text", "size": "int", "share": "double", "opened": "date",
        "seen": "datetime", "open": "boolean",
    }  # fmt: skip
    assert await rows(path) == [
        {"code": "01001", "name": "Ä", "size": 3, "share": 1.5, "opened": "2024-01-02",
         "seen": "2024-01-02T01:04:05+00:00", "open": True},
        {"code": "02", "name": "a;b", "size": None, "share": None, "opened": None, "seen": None,
         "open": None},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a;b\nx;1,5\ny;2\n", "name\nDoe, John\nalpha\n", "Doe, John\nRoe, Jane\n", "a|b\n1|2\n",
        "a,b\r\n1,2\r\n3,\r\n", "a\tb\n1,2\t3\n4,5\t6\n", "# made\na,b\n1,2\n", "a,b\n'x, y',2\n",
        'a,b\n"x\ny",1\n"z ""q""",2\n', "a,b\n\n1,2\n\n", "a\n1,5\n2,5\n",
        "t\n10:00:00\n11:30:00\n", "my title\n\nid,name\n1,x\n2,y\n", "a,b\n",
    ],
    ids=range(14),
)  # fmt: skip
def test_a_small_csv_file_is_read_as_a_large_one(tmp_path: Path, text: str) -> None:
    """Looking through it before it is sniffed changes nothing."""
    path = written(tmp_path / "data.csv", text)
    with Store() as store, store.cursor() as cursor:
        load_files(store, path)
        dataset = store.dataset("data")
        assert dataset is not None
        found = cursor.execute(f"FROM {dataset.table}").fetchall()
        plain = cursor.execute("FROM read_csv(?, sample_size=-1)", [str(path)]).fetchall()
    assert [[str(one) for one in row] for row in found] == [
        [str(one) for one in row] for row in plain
    ]


async def test_csv_can_be_told_its_dialect(tmp_path: Path) -> None:
    """Every option of portal.toml."""
    text = "made by hand\n'n'|'x'|'d'\n'é'|1,5|31/12/2024\n'-'|-|01/02/2023\n"
    (tmp_path / "data.csv").write_bytes(text.encode("latin-1"))
    written(
        tmp_path / "portal.toml",
        '[[dataset]]\nfile = "data.csv"\n'
        'csv = { delimiter = "|", quote = "\'", header = true, decimal = ",", skip = 1, '
        'encoding = "latin-1", null = "-", date_format = "%d/%m/%Y" }\n',
    )
    assert await rows(tmp_path) == [
        {"n": "é", "x": 1.5, "d": "2024-12-31"},
        {"n": None, "x": None, "d": "2023-02-01"},
    ]


async def test_a_type_that_is_given_replaces_the_sniffed_one(tmp_path: Path) -> None:
    """Values keep the characters of the file; points are latitude, longitude, as in exports."""
    shape = json.dumps(LINE).replace('"', '""')
    written(
        tmp_path / "data.csv",
        "code,number,when,place,shape,tags\n"
        f'1.50,7,2024-01-02 03:04:05,"48.5, 2.5","{shape}",a | b|\n'
        ",,,,,\n",
    )
    given = {
        "code": 'type = "text"', "number": 'type = "double"', "when": 'type = "datetime"',
        "place": 'type = "geo_point_2d"', "shape": 'type = "geo_shape"',
        "tags": 'multivalued = "|"',
    }  # fmt: skip
    tables = "".join(f"[dataset.fields.{name}]\n{line}\n" for name, line in given.items())
    written(tmp_path / "portal.toml", f'[[dataset]]\nfile = "data.csv"\n{tables}')
    assert await rows(tmp_path) == [
        {"code": "1.50", "number": 7.0, "when": "2024-01-02T03:04:05+00:00",
         "place": {"lon": 2.5, "lat": 48.5}, "shape": feature(LINE), "tags": ["a", "b"]},
        dict.fromkeys(given),
    ]  # fmt: skip


# ---------------------------------------------------------------- JSON Lines


async def test_json_lines_have_the_forms_of_records(tmp_path: Path) -> None:
    """A bare geometry is a shape, any other object a text, and an empty list is null."""
    records = [
        {"id": 1, "tags": ["x", "y"], "place": {"lon": 2.5, "lat": 48}, "shape": feature(LINE),
         "line": LINE, "other": {"a": [1, None]}, "mixed": "z", "day": "2024-01-02"},
        {"id": 2, "tags": [], "place": None, "shape": feature(POINT), "line": None,
         "other": None, "mixed": 1, "day": None},
    ]  # fmt: skip
    path = written(tmp_path / "data.jsonl", "".join(f"{json.dumps(one)}\n" for one in records))
    assert types(path) == {
        "id": "int", "tags": "text", "place": "geo_point_2d", "shape": "geo_shape",
        "line": "geo_shape", "other": "text", "mixed": "text", "day": "date",
    }  # fmt: skip
    assert await rows(path) == [
        {**records[0], "line": feature(LINE), "other": '{"a":[1,null]}'},
        {**records[1], "tags": None, "mixed": "1"},
    ]


# ---------------------------------------------------------------- GeoJSON


def collection(*features: dict[str, Any], **members: Any) -> str:
    """Return a FeatureCollection."""
    return json.dumps({"type": "FeatureCollection", "features": features, **members})


async def test_points_of_geojson_are_a_geo_point(tmp_path: Path) -> None:
    """The properties are fields, and the geometry is one more."""
    text = collection(
        {"type": "Feature", "id": "a", "geometry": POINT, "properties": {"n": 1}},
        {"type": "Feature", "id": "b", "geometry": None, "properties": {"n": 2}},
    )
    assert await rows(written(tmp_path / "data.geojson", text)) == [
        {"id": "a", "n": 1, "geo_point_2d": {"lon": 2.5, "lat": 48.0}},
        {"id": "b", "n": 2, "geo_point_2d": None},
    ]


async def test_other_geometries_of_geojson_are_a_geo_shape(tmp_path: Path) -> None:
    """Even if some are points; a property keeps its name."""
    text = collection(
        {"type": "Feature", "geometry": LINE, "properties": {"geo_shape": "mine"}},
        {"type": "Feature", "geometry": POINT, "properties": None},
    )
    assert await rows(written(tmp_path / "data.geojson", text)) == [
        {"geo_shape": "mine", "geo_shape_": feature(LINE)},
        {"geo_shape": None, "geo_shape_": feature(POINT)},
    ]


# ---------------------------------------------------------------- Parquet


async def test_parquet_has_the_types_of_its_columns(tmp_path: Path) -> None:
    """Lists are multivalued; a datetime without a time zone is UTC."""
    table = pa.table(
        {
            "id": pa.array([1, None], pa.uint64()),
            "share": pa.array([Decimal("1.25"), None]),
            "day": [date(2024, 1, 2), None],
            "at": pa.array([datetime(2024, 1, 2, 3), None], pa.timestamp("ms")),
            "zoned": pa.array([datetime(2024, 1, 2, 3), None], pa.timestamp("us", "Europe/Paris")),
            "tags": pa.array([["a", "b"], []], pa.list_(pa.string())),
            "place": [{"lon": 2.5, "lat": 48.5}, None],
        }
    )
    pq.write_table(table, tmp_path / "data.parquet")
    assert await rows(tmp_path / "data.parquet") == [
        {"id": 1, "share": 1.25, "day": "2024-01-02", "at": "2024-01-02T03:00:00+00:00",
         "zoned": "2024-01-02T03:00:00+00:00", "tags": ["a", "b"],
         "place": {"lon": 2.5, "lat": 48.5}},
        dict.fromkeys(table.column_names),
    ]  # fmt: skip


async def test_geoparquet_has_points_and_shapes(tmp_path: Path) -> None:
    """A column of points only is a geo_point_2d."""
    table = pa.table(
        {
            "place": pa.array([wkb(POINT), None], pa.binary()),
            "area": pa.array([wkb(LINE), None], pa.binary()),
            "n": [1, 2],
        }
    )
    geo = json.dumps(geo_metadata({"place": "geo_point_2d", "area": "geo_shape"}))
    pq.write_table(table.replace_schema_metadata({"geo": geo}), tmp_path / "data.geoparquet")
    assert await rows(tmp_path / "data.geoparquet") == [
        {"place": {"lon": 2.5, "lat": 48.0}, "area": feature(LINE), "n": 1},
        {"place": None, "area": None, "n": 2},
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "geojson", "parquet", "fgb"])
async def test_what_the_portal_exports_it_reads(tmp_path: Path, suffix: str) -> None:
    """An export that is served again has the same rows."""
    served: list[dict[str, Any]] = [
        {"name": "a", "size": 1, "place": {"lon": 2.5, "lat": 48.5}},
        {"name": "b", "size": None, "place": {"lon": -3.0, "lat": 0.25}},
    ]
    fields = [
        {"name": "name", "type": "text"},
        {"name": "size", "type": "int"},
        {"name": "place", "type": "geo_point_2d"},
    ]
    with Store() as store:
        store.add("data", fields, served)
        async with serve(store) as url, ExploreClient(url) as client:
            async with client.dataset("data").export(suffix) as stream:
                await stream.save(tmp_path / f"data.{suffix}")
    if suffix == "csv":
        said = '[[dataset]]\nfile = "data.csv"\nfields.place.type = "geo_point_2d"\n'
        written(tmp_path / "portal.toml", said)
    names = {"geo_point_2d": "place"}
    again = await rows(tmp_path)
    assert [{names.get(key, key): one for key, one in row.items()} for row in again] == served


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"encoding": "point"}, "in the encoding point. Write them as WKB"),
        ({"encoding": "WKB", "crs": {"id": {"authority": "EPSG", "code": 2154}}}, "not WGS 84"),
        ({}, "broken GeoParquet metadata"),
        ({"encoding": "WKB"}, "lacks its geometry column 'place'"),
    ],
    ids=["encoding", "projection", "metadata", "column"],
)
def test_geoparquet_that_cannot_be_read_is_one_message(
    tmp_path: Path, column: dict[str, Any], message: str
) -> None:
    """It names the file and what to do."""
    geo = json.dumps({"columns": {"place": column}})
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1]}).replace_schema_metadata({"geo": geo}), path)
    found = refusal(path)
    assert message in found
    assert str(path) in found


def test_parquet_is_read_in_place_unless_a_value_can_fail(tmp_path: Path) -> None:
    """A file with whole numbers that may be beyond 64 bits is loaded."""
    pq.write_table(pa.table({"n": [1], "t": ["a"]}), tmp_path / "view.parquet")
    pq.write_table(pa.table({"n": pa.array([1], pa.uint64())}), tmp_path / "table.parquet")
    with Store() as store:
        load_files(store, tmp_path)
        assert len(store.datasets) == 2
        views = (
            store.cursor()
            .execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
            .fetchall()
        )
        assert views == [(store.dataset("view").table,)]  # type: ignore[union-attr]


async def test_parquet_in_place_has_an_order_and_identifiers(tmp_path: Path) -> None:
    """Rows keep their order, can be sorted, and have identifiers."""
    pq.write_table(pa.table({"n": [3, 1, 2]}), tmp_path / "data.parquet")
    with Store() as store:
        load_files(store, tmp_path)
        async with serve(store) as url, ExploreClient(url) as client:
            records = client.dataset("data").records
            assert [row["n"] async for row in records()] == [3, 1, 2]
            assert [row["n"] async for row in records(order_by="n desc")] == [3, 2, 1]
            assert len({row["recordid"] async for row in records(select="recordid")}) == 3


def test_a_column_with_the_name_of_the_place_of_rows_is_kept(tmp_path: Path) -> None:
    """The file is loaded then."""
    pq.write_table(pa.table({"file_row_number": [7, 7]}), tmp_path / "data.parquet")
    with Store() as store:
        load_files(store, tmp_path / "data.parquet")
        rows = store.cursor().execute("SELECT rowid, c0 FROM t1").fetchall()
    assert rows == [(0, 7), (1, 7)]


# ---------------------------------------------------------------- objects and decimals

PHOTO = {"filename": "a.jpg", "format": "JPEG", "mimetype": "image/jpeg", "id": "47", "width": 9}


async def test_the_description_of_a_file_is_a_file(tmp_path: Path) -> None:
    """As in recorded answers; other objects of JSON Lines are text, unless a type is given."""
    lines: list[dict[str, Any]] = [
        {"photo": PHOTO, "more": {"a": [1, None]}, "plain": {"a": "é"}},
        {"photo": None},
    ]
    written(tmp_path / "data.jsonl", "".join(f"{json.dumps(one)}\n" for one in lines))
    said = '[[dataset]]\nfile = "data.jsonl"\nfields.more.type = "json_blob"\n'
    written(tmp_path / "portal.toml", said)
    assert types(tmp_path) == {"photo": "file", "more": "json_blob", "plain": "text"}
    assert await rows(tmp_path) == [
        {**lines[0], "plain": '{"a":"é"}'},
        {"photo": None, "more": None, "plain": None},
    ]


async def test_json_in_csv_is_read_if_its_type_is_given(tmp_path: Path) -> None:
    """Any JSON value, in the layout of other values."""
    written(tmp_path / "data.csv", 'photo,more\n"{""filename"":""x""}","[1,2]"\n,3\n')
    said = 'fields.photo.type = "file"\nfields.more.type = "json_blob"\n'
    written(tmp_path / "portal.toml", f'[[dataset]]\nfile = "data.csv"\n{said}')
    with Store() as store:
        load_files(store, tmp_path)
        async with serve(store) as url, ExploreClient(url) as client:
            async with client.dataset("data").export("jsonl") as stream:
                await stream.save(tmp_path / "saved")
    assert (
        tmp_path / "saved"
    ).read_bytes() == b'{"photo": {"filename": "x"}, "more": [1, 2]}\n{"photo": null, "more": 3}\n'


def test_text_that_is_no_json_is_one_message(tmp_path: Path) -> None:
    """It names the file, the value and the type."""
    path = written(tmp_path / "a.csv", "x\n1\noops\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "a.csv"\nfields.x.type = "json_blob"\n')
    message = refusal(path)
    assert 'Could not convert "oops" to json_blob: it is not JSON' in message
    assert "\n" not in message


async def test_decimals_are_doubles(tmp_path: Path) -> None:
    """The platform has no other type for them; portal.toml may call it decimal."""
    written(tmp_path / "data.csv", "x,y\n1.50,2\n,\n")
    said = '[[dataset]]\nfile = "data.csv"\nfields.x.type = "decimal"\nfields.y.type = "decimal"\n'
    written(tmp_path / "portal.toml", said)
    assert types(tmp_path) == {"x": "double", "y": "double"}
    assert await rows(tmp_path) == [{"x": 1.5, "y": 2.0}, {"x": None, "y": None}]


# ---------------------------------------------------------------- names


async def test_names_that_queries_cannot_have_are_labels(tmp_path: Path) -> None:
    """The field has a plain name, and the name in the file as its label."""
    path = written(tmp_path / "data.csv", "Nom de l'été,B_1\nx,1\n")
    assert await rows(path) == [{"nom_de_l_ete": "x", "B_1": 1}]
    assert described(path)["fields"][0]["label"] == "Nom de l'été"


async def test_a_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    """Characters that mean something to DuckDB or to SQL."""
    path = written(tmp_path / "it's [1]?.csv", "a,b\n1,2\n")
    assert await rows(path, "it's [1]?") == [{"a": 1, "b": 2}]


# ---------------------------------------------------------------- portal.toml


def test_portal_toml_describes_datasets_and_fields(tmp_path: Path) -> None:
    """Identifier, metadata, labels, annotations and precision."""
    written(tmp_path / "data.csv", "at,year,secret\na/b,2024-01-01,1\n")
    written(
        tmp_path / "portal.toml",
        '[[dataset]]\nfile = "data.csv"\nid = "stations"\ntitle = "Stations"\n'
        'description = "All."\nkeyword = ["rail"]\nlicense = "CC0"\n'
        '[dataset.fields.at]\nlabel = "At"\ndescription = "Where"\nfacet = true\n'
        'hierarchical = "/"\nsortable = true\n'
        '[dataset.fields.year]\nprecision = "year"\n'
        "[dataset.fields.secret]\nvisible = false\n",
    )
    found = described(tmp_path, "stations")
    assert found["fields"] == [
        {"name": "at", "description": "Where", "label": "At", "type": "text",
         "annotations": {"facet": True, "hierarchical": "/", "sortable": True}},
        {"name": "year", "description": None, "label": "year", "type": "date", "annotations": {}},
    ]  # fmt: skip
    default = found["metas"]["default"]
    assert default.pop("data_processed")
    assert default == {
        "title": "Stations", "description": "All.", "keyword": ["rail"], "license": "CC0",
        "records_count": 1,
    }  # fmt: skip


def test_rows_changed_when_the_file_did(tmp_path: Path) -> None:
    """So a harvest notices that it has other rows."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    found = described(tmp_path, "a")["metas"]["default"]
    assert found["data_processed"] == "2023-11-14T22:13:20+00:00"


def test_a_dataset_that_is_not_visible_is_not_served(tmp_path: Path) -> None:
    """The others of the folder are."""
    written(tmp_path / "a.csv", "x\n1\n")
    written(tmp_path / "b.csv", "x\n1\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "a.csv"\nvisible = false\n')
    with Store() as store:
        load_files(store, tmp_path)
        assert [one.dataset_id for one in store.datasets] == ["b"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[[dataset]", "is not TOML: "),
        ("[dataset]", r"write \[\[dataset\]\] with two brackets"),
        ("[[datasets]]", "has the unknown key 'datasets'. Did you mean dataset?"),
        ('[[dataset]]\nid = "x"', "dataset 1 has no file"),
        ('[[dataset]]\nfile = "b.csv"', "describes b.csv, which is not in "),
        ('[[dataset]]\nfile = "a.csv"\n' * 2, "describes a.csv twice"),
        ('[[dataset]]\nfile = "a.csv"\ntitel = "A"', "unknown key 'titel'. Did you mean title?"),
        ('[[dataset]]\nfile = "a.csv"\ntitle = 3', r"Expected `str.*` - at `\$.title`"),
        ('[[dataset]]\nfile = "a.csv"\ncsv = { sep = ";" }', "csv has the unknown key 'sep'"),
        ('[[dataset]]\nfile = "a.csv"\nfields.x.type = "integer"', "field x: Invalid enum value"),
        ('[[dataset]]\nfile = "a.csv"\nfields.y.label = "Y"', "a.csv lacks: y. It has x"),
    ],
    ids=range(11),
)
def test_a_wrong_portal_toml_is_one_message(tmp_path: Path, said: str, message: str) -> None:
    """It names the file, the place and what to do."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    written(tmp_path / "portal.toml", said)
    found = refusal(path)
    assert str(tmp_path / "portal.toml") in found
    assert re.search(message, found)


# ---------------------------------------------------------------- wrong files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ""),
        ("a.jsonl", '{"a": 1}\n{"a": oops}\n'),
        ("a.jsonl", "[1]\n"),
        ("a.parquet", "a,b\n"),
        ("a.geojson", "{"),
        ("a.geojson", '{"type": "Point", "coordinates": [1, 2]}'),
        ("a.geojson", collection(crs={"properties": {"name": "EPSG:3857"}})),
        ("a.geojson", collection()),
        ("a.geojson", collection({"type": "Feature", "geometry": {"type": "Point"}})),
        ("a.txt", "x\n1\n"),
    ],
    ids=range(10),
)
def test_a_wrong_file_is_one_message(tmp_path: Path, name: str, text: str) -> None:
    """It names the file, in one line."""
    path = written(tmp_path / name, text)
    message = refusal(path)
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["few", "1.5"])
def test_a_value_that_does_not_fit_its_type_is_one_message(tmp_path: Path, value: str) -> None:
    """It names the file, the value and portal.toml; nothing is rounded."""
    path = written(tmp_path / "a.csv", f"x\n1\n{value}\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "a.csv"\nfields.x.type = "int"\n')
    message = refusal(path)
    assert re.search(f"[\"']{re.escape(value)}[\"']", message)
    assert f"Cannot read {path}" in message
    assert str(tmp_path / "portal.toml") in message


async def test_whole_numbers_can_be_written_in_other_forms(tmp_path: Path) -> None:
    """Such as 3.0."""
    written(tmp_path / "data.csv", "x\n1\n3.0\n9007199254740993\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "data.csv"\nfields.x.type = "int"\n')
    assert [row["x"] for row in await rows(tmp_path)] == [1, 3, 9007199254740993]


def test_paths_that_are_nothing_are_refused(tmp_path: Path) -> None:
    """A path that does not exist, and a folder without files to read."""
    assert "does not exist. Pass a file or a folder" in refusal(tmp_path / "none.csv")
    assert "has no files that the portal reads" in refusal(tmp_path)


def test_two_files_cannot_be_one_dataset(tmp_path: Path) -> None:
    """The message names both."""
    first, second = written(tmp_path / "a.csv", "x\n1\n"), written(tmp_path / "a.tsv", "x\n1\n")
    message = refusal(tmp_path)
    assert str(first) in message
    assert str(second) in message


# ---------------------------------------------------------------- when files are read


def test_files_of_a_folder_are_read_when_they_are_needed(tmp_path: Path) -> None:
    """A file that is named is read at once."""
    written(tmp_path / "a.csv", "x\n1\n")
    written(tmp_path / "b.csv", "x\n1\n")
    with Store() as store:
        load_files(store, tmp_path)
        assert store.waiting == ("a", "b")
        store.dataset("b")
        assert "b" not in store.waiting
        assert [one.dataset_id for one in store.datasets] == ["a", "b"]


async def test_a_broken_file_of_a_folder_leaves_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its requests are refused until it is correct; the catalog lacks it, and the log says so."""
    broken = written(tmp_path / "a.jsonl", "oops\n")
    written(tmp_path / "b.csv", "x\n1\n")
    with Store() as store:
        load_files(store, tmp_path)
        async with serve(store) as url, ExploreClient(url) as client:
            assert [one["dataset_id"] async for one in client.datasets()] == ["b"]
            assert str(broken) in caplog.text
            with pytest.raises(ExploreError, match=r"UnreadableFile.*a\.jsonl"):
                await client.dataset("a").info()
            written(broken, '{"x": 2}\n')
            assert [dict(row) async for row in client.dataset("a").records()] == [{"x": 2}]


def test_files_are_never_written(tmp_path: Path) -> None:
    """The folder has the same bytes after all datasets are read."""
    written(tmp_path / "a.csv", "x\n1\n")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with Store() as store:
        load_files(store, tmp_path)
        assert len(store.datasets) == 2
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


async def test_the_options_of_csv_are_those_of_typed_fields(tmp_path: Path) -> None:
    """A field with a type and an option that says how it is written has both."""
    path = written(tmp_path / "data.csv", "opened;height\n31/01/2026;1,5\n01/02/2025;2,25\n")
    written(
        tmp_path / "portal.toml",
        """
        [[dataset]]
        file = "data.csv"
        csv = { delimiter = ";", decimal = ",", date_format = "%d/%m/%Y" }
        [dataset.fields.opened]
        type = "date"
        [dataset.fields.height]
        type = "double"
        """,
    )
    assert await rows(path) == [
        {"opened": "2026-01-31", "height": 1.5},
        {"opened": "2025-02-01", "height": 2.25},
    ]


def test_a_date_that_is_written_otherwise_is_one_message(tmp_path: Path) -> None:
    """It names the value."""
    path = written(tmp_path / "data.csv", "opened;n\n2026-01-31;1\n")
    written(
        tmp_path / "portal.toml",
        """
        [[dataset]]
        file = "data.csv"
        csv = { delimiter = ";", date_format = "%d/%m/%Y" }
        [dataset.fields.opened]
        type = "date"
        """,
    )
    assert "2026-01-31" in refusal(path)


# ---------------------------------------------------------------- in place


@pytest.mark.parametrize("name", ["height", "file_row_number"])
async def test_parquet_is_served_in_the_order_of_its_rows(tmp_path: Path, name: str) -> None:
    """Also if a column has the name that DuckDB gives to the numbers of rows."""
    columns = {
        name: [3, 1, 2],
        "place": [{"lon": 2.5, "lat": 48.0}, None, {"lon": 3.5, "lat": 49.0}],
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    assert await rows(tmp_path / "data.parquet") == [
        {name: 3, "place": {"lon": 2.5, "lat": 48.0}},
        {name: 1, "place": None},
        {name: 2, "place": {"lon": 3.5, "lat": 49.0}},
    ]


@pytest.mark.parametrize(("longitude", "kind"), [(2.5, "VIEW"), (2, "VIEW"), ("2.5", "BASE TABLE")])
def test_points_of_parquet_stay_in_the_file(tmp_path: Path, longitude: object, kind: str) -> None:
    """If they are numbers, which need no conversion that can fail."""
    pq.write_table(
        pa.table({"place": [{"lon": longitude, "lat": longitude}]}), tmp_path / "a.parquet"
    )
    with Store() as store:
        load_files(store, tmp_path / "a.parquet")
        with store.cursor() as cursor:
            found = cursor.execute("SELECT table_type FROM information_schema.tables").fetchall()
    assert found == [(kind,)]


async def test_every_query_reads_parquet_in_place(tmp_path: Path) -> None:
    """Sorting, grouping, unnesting, searching and single records need the numbers of its rows."""
    columns = {"name": ["oak", "elm", "oak"], "tags": [["a", "b"], ["b"], None]}
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    with Store() as store:
        load_files(store, tmp_path / "data.parquet")
        async with serve(store) as url, ExploreClient(url) as client:
            data = client.dataset("data")
            assert [row["name"] async for row in data.records(order_by="name desc")] == [
                "oak", "oak", "elm",
            ]  # fmt: skip
            groups = data.records(select="count(*) as n", group_by="tags")
            assert [tuple(row.values()) async for row in groups] == [(None, 1), ("a", 1), ("b", 2)]
            assert [row["name"] async for row in data.records(where="search('elms')")] == ["elm"]
            elms = data.records(select="recordid", where="name = 'elm'")
            (found,) = [str(row["recordid"]) async for row in elms]
            assert (await data.record(found))["name"] == "elm"


# ---------------------------------------------------------------- folders in folders


async def test_folders_in_a_folder_are_read(tmp_path: Path) -> None:
    """The identifier is the name of the file; a portal.toml is about the files of its folder."""
    (tmp_path / "2024" / "may").mkdir(parents=True)
    written(tmp_path / "a.csv", "x\n1\n")
    written(tmp_path / "2024" / "b.csv", "x\n2\n")
    written(tmp_path / "2024" / "may" / "c.csv", "x\n3\n")
    written(tmp_path / "2024" / "may" / "portal.toml", '[[dataset]]\nfile = "c.csv"\nid = "may"\n')
    with Store() as store:
        load_files(store, tmp_path)
        assert store.waiting == ("a", "b", "may")
    assert await rows(tmp_path, "may") == [{"x": 3}]


def test_hidden_files_and_folders_are_not_read(tmp_path: Path) -> None:
    """Nor links to folders, which can lead in a circle."""
    (tmp_path / ".git").mkdir()
    written(tmp_path / ".git" / "a.csv", "x\n1\n")
    written(tmp_path / ".b.csv", "x\n1\n")
    written(tmp_path / "c.csv", "x\n1\n")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    with Store() as store:
        load_files(store, tmp_path)
        assert store.waiting == ("c",)


def test_files_with_one_name_in_two_folders_are_one_message(tmp_path: Path) -> None:
    """It names both; another id in portal.toml makes them two datasets."""
    (tmp_path / "old").mkdir()
    first = written(tmp_path / "a.csv", "x\n1\n")
    second = written(tmp_path / "old" / "a.csv", "x\n1\n")
    message = refusal(tmp_path)
    assert message.startswith(f"{second} and {first} are both the dataset 'a'.")
    written(tmp_path / "old" / "portal.toml", '[[dataset]]\nfile = "a.csv"\nid = "old-a"\n')
    with Store() as store:
        load_files(store, tmp_path)
        assert store.waiting == ("a", "old-a")


def test_portal_toml_is_about_its_own_folder(tmp_path: Path) -> None:
    """A path to another one is refused."""
    (tmp_path / "old").mkdir()
    written(tmp_path / "old" / "a.csv", "x\n1\n")
    written(tmp_path / "portal.toml", '[[dataset]]\nfile = "old/a.csv"\n')
    assert "describes old/a.csv, which is not in" in refusal(tmp_path)


# ---------------------------------------------------------------- FlatGeobuf


def flatgeobuf(path: Path, geometries: list[Any], kind: str = "Point", **options: Any) -> Path:
    """Write a FlatGeobuf file with a property `n`."""
    table = pa.table(
        {
            "n": pa.array(range(len(geometries)), pa.int64()),
            "geometry": pa.array([one and wkb(one) for one in geometries], pa.binary()),
        }
    )
    given = {"crs": "EPSG:4326", "layer": "a", "SPATIAL_INDEX": "NO", **options}
    pyogrio.write_arrow(
        table, path, driver="FlatGeobuf", geometry_name="geometry", geometry_type=kind, **given
    )
    return path


async def test_points_of_flatgeobuf_are_a_geo_point(tmp_path: Path) -> None:
    """A feature without a geometry has null."""
    path = flatgeobuf(tmp_path / "data.fgb", [POINT, None])
    assert await rows(path) == [
        {"n": 0, "geo_point_2d": {"lon": 2.5, "lat": 48.0}},
        {"n": 1, "geo_point_2d": None},
    ]


async def test_other_geometries_of_flatgeobuf_are_a_geo_shape(tmp_path: Path) -> None:
    """Even if some are points."""
    path = flatgeobuf(tmp_path / "data.fgb", [LINE, POINT], "Unknown")
    assert await rows(path) == [
        {"n": 0, "geo_shape": feature(LINE)},
        {"n": 1, "geo_shape": feature(POINT)},
    ]


def test_flatgeobuf_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    """Another projection, and a file of another kind."""
    path = flatgeobuf(tmp_path / "a.fgb", [POINT], crs="EPSG:2154")
    assert f"{path} has coordinates that are not WGS 84" in refusal(path)
    message = refusal(written(path, "oops"))
    assert f"{path} is not FlatGeobuf" in message
    assert "\n" not in message


def test_flatgeobuf_that_is_cut_is_one_message(tmp_path: Path) -> None:
    """Its head may be whole."""
    path = flatgeobuf(tmp_path / "a.fgb", [POINT] * 1000)
    path.write_bytes(path.read_bytes()[:-900])
    message = refusal(path)
    assert re.search(r"a\.fgb has \d+ of its 1000 features", message)


def test_flatgeobuf_needs_pyogrio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    path = flatgeobuf(tmp_path / "a.fgb", [POINT])
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    assert "explore-async[portal]" in refusal(path)
