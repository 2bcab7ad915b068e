"""Exports: the bytes, streaming and headers of each format."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.explore_async.portal.asking import GEONAMES, RECORDED, THINGS

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async.portal import Store
    from tests.explore_async.portal.asking import Asker

EXPORTS = "datasets/things/exports"


async def test_csv_is_the_recorded_one_byte_for_byte(ask: Asker) -> None:
    """Delimiter, line ends, quoting, shapes, points and dates match a recorded export."""
    answer = await ask.get("datasets/public-trees/exports/csv", with_bom="false")
    assert answer.body == (RECORDED / "vancouver/data-public-trees-csv.csv").read_bytes()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="public-trees.csv"'


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


async def test_parquet_keeps_types(ask: Asker) -> None:
    """Lists and points keep their structure, datetimes are timestamps in UTC."""
    answer = await ask.get(f"{EXPORTS}/parquet", parquet_compression="zstd")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(answer.body))
    assert table.num_rows == 4
    assert str(table.schema.field("moment").type) == "timestamp[us, tz=UTC]"
    assert table["tags"].to_pylist() == [["a", "b"], ["b"], ["c"], None]
    assert table["place"].to_pylist()[0] == {"lon": 2.3522, "lat": 48.8566}


async def test_parquet_leaves_no_file_behind(
    ask: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary file of DuckDB is removed after it is sent."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert (await ask.get(f"{EXPORTS}/parquet", select='id as `an "id"`')).status == 200
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a test may block


async def test_an_ungrouped_aggregate_comes_once_per_record(ask: Asker) -> None:
    """Measured: the export has as many rows as records."""
    answer = await ask.get(f"{EXPORTS}/json", select="count(*) as n")
    assert answer.json == [{"n": 4}] * 4


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


async def test_exports_are_compressed_when_accepted(ask: Asker) -> None:
    """Gzip is used only if the client accepts it."""
    for coding in ("gzip", "identity"):
        answer = await ask.get(f"{EXPORTS}/csv", accepting=coding)
        assert answer.headers.get("content-encoding", "identity") == coding


async def test_the_list_of_formats_is_what_works(ask: Asker) -> None:
    """There is a link to the list itself, then one to each supported format."""
    links = (await ask.get(EXPORTS)).json["links"]
    assert [link["rel"] for link in links] == ["self", "csv", "json", "jsonl", "parquet"]
    for link in links[1:]:
        async with ask.session.get(link["href"]) as response:
            assert response.status == 200
            assert await response.read()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("shp", 400, "NotSupportedByLocalPortal"),
        ("nonsense", 404, "NotFoundURI"),
        ("csv?compressed=true", 400, "NotSupportedByLocalPortal"),
        ("csv?delimiter=x", 400, "InvalidRESTParameterError"),
        ("parquet?parquet_compression=lz4", 400, "InvalidRESTParameterError"),
        ("parquet?select=id, name as ID", 400, "NotSupportedByLocalPortal"),
        ("csv?where=nope(", 400, "ODSQLSyntaxError"),
        ("csv?select=id * 9223372036854775807 * 2", 400, "NotSupportedByLocalPortal"),
    ],
)
async def test_refused_exports(ask: Asker, path: str, status: int, code: str) -> None:
    """An error that occurs before the first byte gets an error response."""
    answer = await ask.get(f"{EXPORTS}/{path}")
    assert (answer.status, answer.json["error_code"]) == (status, code)
