"""Exports: the bytes, streaming and headers of each format."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from explore_async.portal.exports.formats import FORMATS
from tests.explore_async.portal.asking import GEONAMES, THINGS

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async.portal import Store
    from tests.explore_async.portal.asking import Asker

EXPORTS = "datasets/things/exports"


async def test_csv_begins_with_a_byte_order_mark(ask: Asker) -> None:
    """The mark is the default, as documented since v2.1."""
    answer = await ask.get(f"{EXPORTS}/csv", select="id")
    assert answer.body == b"\xef\xbb\xbfid\r\n1\r\n2\r\n3\r\n4\r\n"


async def test_csv_options(ask: Asker) -> None:
    """`delimiter`, `list_separator` and `use_labels` apply; text with quotation marks is quoted."""
    answer = await ask.get(
        f"{EXPORTS}/csv",
        select="id, name, tags",
        where="id in (1, 3)",
        delimiter="|",
        list_separator=" + ",
        use_labels="true",
        with_bom="false",
    )
    assert answer.body.decode() == (
        "Identifier|Its name|tags\r\n"
        "1|Café des Arts|a + b\r\n"
        '3|"mill street; the ""narrow"" one"|c\r\n'
    )


async def test_csv_writes_booleans_as_recorded(ask: Asker) -> None:
    """CSV has `True` and `False` where JSON has `true` and `false`; null is empty."""
    answer = await ask.get(f"{EXPORTS}/csv", select="id, open", with_bom="false")
    assert answer.body == b"id;open\r\n1;True\r\n2;False\r\n3;\r\n4;\r\n"


async def test_csv_quotes_all_texts_on_demand(ask: Asker) -> None:
    """`quote_all` quotes text but not numbers."""
    answer = await ask.get(
        f"{EXPORTS}/csv", select="id, name, size", where="id=2", quote_all="true", with_bom="false"
    )
    assert answer.body == b'"id";"name";"size"\r\n2;"Old Mill Museum";10.0\r\n'


async def test_json_is_one_array_without_line_ends(ask: Asker) -> None:
    """Rows are joined by a bare comma; an empty export is an empty array."""
    answer = await ask.get(f"{EXPORTS}/json", select="id, name", where="id > 0", limit=2)
    assert answer.body == (
        b'[{"id": 1, "name": "Caf\\u00e9 des Arts"},{"id": 2, "name": "Old Mill Museum"}]'
    )
    assert (await ask.get(f"{EXPORTS}/json", where="id = 9")).body == b"[]"


async def test_json_lines_end_every_row(ask: Asker) -> None:
    """Each line is one object with the values of a record."""
    answer = await ask.get(f"{EXPORTS}/jsonl", select="exclude(year)")
    lines = answer.body.decode().splitlines()
    expected = [{name: row.get(name) for name in THINGS[0] if name != "year"} for row in THINGS]
    assert [json.loads(line) for line in lines] == expected
    assert answer.body.endswith(b"}\n")


async def test_an_ungrouped_aggregate_comes_once_per_record(ask: Asker) -> None:
    """Measured: the export has as many rows as records."""
    answer = await ask.get(f"{EXPORTS}/json", select="count(*) as n")
    assert answer.json == [{"n": 4}] * 4


async def test_the_rows_of_an_ungrouped_aggregate_are_limited(ask: Asker) -> None:
    """And there are none without records."""
    path = f"{EXPORTS}/json"
    assert (await ask.get(path, select="count(*) as n", limit=2)).json == [{"n": 4}] * 2
    assert (await ask.get(path, select="count(*) as n", where="id = 9")).json == []


async def test_groups_can_be_exported(ask: Asker) -> None:
    """An export with a limit may be sorted by an aggregate."""
    answer = await ask.get(
        f"{EXPORTS}/json",
        group_by="code",
        select="count(*) as n",
        order_by="n desc",
        limit=1,
    )
    assert answer.json == [{"code": "44035", "n": 2}]


async def test_an_export_has_no_window(ask_cities: Asker, cities: Store) -> None:
    """By default all rows are exported in data order, far beyond the 10,000 of `records`."""
    answer = await ask_cities.get(
        f"{GEONAMES}/exports/csv", select="geoname_id, name", with_bom="false"
    )
    read = list(csv.reader(io.StringIO(answer.body.decode(), newline=""), delimiter=";"))
    assert read[0] == ["geoname_id", "name"]
    assert len(read) == len({row[0] for row in read})
    (dataset,) = cities.datasets
    assert len(read) == 1 + dataset.records_count > 10_001


async def test_an_export_is_streamed(ask_cities: Asker) -> None:
    """There is no Content-Length, and the first bytes can be read before the rest."""
    url = f"{ask_cities.url}/api/explore/v2.1/catalog/{GEONAMES}/exports/jsonl"
    async with ask_cities.session.get(url) as response:
        assert "content-length" not in response.headers
        assert (await response.content.readany()).startswith(b'{"geoname_id"')


async def test_a_reader_that_leaves_stops_the_export(
    ask_cities: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    """After abandoned exports the portal still responds, and it logs no error."""
    url = f"{ask_cities.url}/api/explore/v2.1/catalog/{GEONAMES}/exports/json"
    for _ in range(5):
        async with ask_cities.session.get(url) as response:
            await response.content.readany()
            response.close()
    assert (await ask_cities.get(f"{GEONAMES}/records", limit=0)).status == 200
    assert "Error" not in caplog.text


@pytest.mark.parametrize("name", ["fgb", "shp", "xlsx"])
async def test_a_file_that_is_given_up_leaves_nothing_behind(
    ask_cities: Asker, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement ends, and then the temporary file is removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    task = asyncio.create_task(ask_cities.get(f"{GEONAMES}/exports/{name}"))
    async with asyncio.timeout(30):
        while not any(tmp_path.iterdir()):  # noqa: ASYNC110 - nothing announces the folder
            await asyncio.sleep(0.01)
        task.cancel()
        while any(tmp_path.iterdir()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await ask_cities.get(f"{GEONAMES}/records", limit=0)).status == 200


async def test_exports_are_compressed_when_accepted(ask: Asker) -> None:
    """Gzip is used only if the client accepts it."""
    for coding in ("gzip", "identity"):
        answer = await ask.get(f"{EXPORTS}/csv", accepting=coding)
        assert answer.headers.get("content-encoding", "identity") == coding


async def test_a_compressed_export_is_a_gzip_file(ask: Asker) -> None:
    """The name of the file is documented; the response has no content coding besides."""
    plain = await ask.get(f"{EXPORTS}/csv")
    answer = await ask.get(f"{EXPORTS}/csv", compressed="true")
    assert gzip.decompress(answer.body) == plain.body
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv.gzip"'
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.packages])
async def test_a_format_without_its_package_is_unknown(
    ask: Asker, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is that of an unknown path; the log says what to install."""
    package = FORMATS[name].packages[0]
    monkeypatch.setitem(sys.modules, package, None)
    answer = await ask.get(f"{EXPORTS}/{name}")
    assert (answer.status, answer.json["error_code"]) == (404, "NotFoundURI")
    assert f"{name} needs the package {package}" in caplog.text
    assert "pip install 'explore-async[portal]'" in caplog.text
    assert name not in [link["rel"] for link in (await ask.get(EXPORTS)).json["links"]]


async def test_without_packages_the_other_formats_work(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal itself needs none of the libraries of formats."""
    for package in {package for one in FORMATS.values() for package in one.packages}:
        monkeypatch.setitem(sys.modules, package, None)
    links = (await ask.get(EXPORTS)).json["links"]
    assert [link["rel"] for link in links] == [
        *("self", "csv", "geojson", "gpx", "json", "jsonl", "jsonld", "kml", "n3", "ov2"),
        *("rdfxml", "turtle"),
    ]
    for link in links:
        async with ask.session.get(link["href"]) as response:
            assert response.status == 200


async def test_a_projection_without_its_package_is_refused(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Coordinates in another one than requested would be wrong; WGS 84 needs no package."""
    monkeypatch.setitem(sys.modules, "pyproj", None)
    assert (await ask.get(f"{EXPORTS}/geojson", epsg="4326")).status == 200
    answer = await ask.get(f"{EXPORTS}/geojson", epsg="2154")
    assert (answer.status, answer.json["error_code"]) == (400, "NotSupportedByLocalPortal")
    assert "epsg needs the package pyproj" in caplog.text


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_holds_a_repeated_aggregate(ask: Asker, name: str) -> None:
    """An aggregate without groups is one row per record, also in files."""
    assert (await ask.get(f"{EXPORTS}/{name}", select="count(*) as n")).status == 200


@pytest.mark.parametrize("name", FORMATS)
async def test_no_format_leaves_a_file_behind(
    ask: Asker, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files are removed after they are sent."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert (await ask.get(f"{EXPORTS}/{name}")).status == 200
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a test may block


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_can_be_empty(ask: Asker, name: str) -> None:
    """No rows are no error."""
    assert (await ask.get(f"{EXPORTS}/{name}", where="id = 9")).status == 200


async def test_the_list_of_formats_is_what_works(ask: Asker) -> None:
    """There is a link to the list itself, then one to each supported format."""
    links = (await ask.get(EXPORTS)).json["links"]
    assert [link["rel"] for link in links] == ["self", *FORMATS]
    for link in links[1:]:
        async with ask.session.get(link["href"]) as response:
            assert response.status == 200
            assert await response.read()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nonsense", 404, "NotFoundURI"),
        ("geojson?epsg=0", 400, "InvalidRESTParameterError"),
        ("geojson?epsg=north", 400, "InvalidRESTParameterError"),
        ("csv?delimiter=x", 400, "InvalidRESTParameterError"),
        ("parquet?parquet_compression=lz4", 400, "InvalidRESTParameterError"),
        ("parquet?select=id, name as Identifier&use_labels=true", 400, "NotSupportedByLocalPortal"),
        ("csv?where=nope(", 400, "ODSQLSyntaxError"),
        ("csv?select=id * 9223372036854775807 * 2", 400, "NotSupportedByLocalPortal"),
    ],
)
async def test_refused_exports(ask: Asker, path: str, status: int, code: str) -> None:
    """An error that occurs before the first byte gets an error response."""
    answer = await ask.get(f"{EXPORTS}/{path}")
    assert (answer.status, answer.json["error_code"]) == (status, code)
