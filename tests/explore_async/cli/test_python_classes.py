"""`explore schema pull --python`: classes of rows and fields for the datasets of a portal."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from runpy import run_path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explore_async import DatasetInfo, ExploreClient, GeoPoint
from explore_async.cli.python_classes import PulledDataset, pull_datasets, python_source
from explore_async.cli.schemas import schema_of
from explore_async.portal import PortalField, Store
from odsql import BuildError, Query, Schema
from odsql.python_schemas import python_fields
from tests.explore_async.cli.shell import run
from tests.explore_async.doubles import json_body, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web

    from tests.explore_async.doubles import FakePortal

FIELDS = (
    PortalField("1_uai", "text", "Code UAI", annotations={"facet": []}),
    PortalField("prix nom", "double", "Prix"),
    PortalField("date", "date", "Date"),
    PortalField("self", "int", "Rank"),
    PortalField("tags", "text", "Tags", annotations={"multivalued": True}),
    PortalField("place", "geo_point_2d", "Place"),
    PortalField("note", "text", 'A "note"'),
)
ROWS: list[dict[str, Any]] = [
    {
        "1_uai": f"uai {number}",
        "prix nom": number + 0.5,
        "date": "2024-01-31",
        "self": number,
        "tags": ["a", "b"],
        "place": {"lon": 2.5, "lat": 48.0},
        "note": None if number else "x",
    }
    for number in range(3)
]
SOURCE = '''"""Rows and fields of datasets.

Written by `explore schema pull --python`. Classes of fields and attributes keep
the names that you give them here; everything else is written again.
"""

import datetime as dt
from typing import Annotated

import attrs
from explore_async import GeoPoint
from odsql import Field
from odsql.typed import DatasetFields, field


class PrixStations(DatasetFields, dataset_id="prix-stations"):
    """Fields of prix-stations: Prix des stations."""

    field_1_uai = field("1_uai", "text", {"facet": True})
    """Code UAI: text, never null, facet."""

    prix_nom = field("prix nom", "double")
    """Prix: double, never null."""

    date = field("date", "date")
    """Date: date, never null."""

    self_ = field("self", "int")
    """Rank: int, never null."""

    tags = field("tags", "text", {"multivalued": True})
    """Tags: several values of text, may be null."""

    place = field("place", "geo_point_2d")
    """Place: geo_point_2d, may be null."""

    note = field("note", "text")
    """A 'note': text, may be null."""


@attrs.frozen(kw_only=True)
class PrixStationsRow:
    """A row of prix-stations."""

    field_1_uai: Annotated[str, Field("1_uai")]
    prix_nom: Annotated[float, Field("prix nom")]
    date: dt.date
    self_: Annotated[int, Field("self")]
    tags: list[str] | None
    place: GeoPoint | None
    note: str | None
'''


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Store() as store:
        store.add("prix-stations", FIELDS, ROWS, metas={"default": {"title": "Prix des stations"}})
        store.add("trees", [{"name": "height", "type": "int"}], [{"height": 5}])
        store.add("empty", [{"name": "height", "type": "int"}], [])
        with served(store) as address:
            yield address


def pull(url: str, path: Path, *arguments: str) -> tuple[int, str]:
    result = run("schema", "pull", url, *arguments, "--python", str(path))
    return result.exit_code, result.output


@pytest.fixture
def stations(url: str, tmp_path: Path) -> Path:
    """A file that was pulled."""
    path = tmp_path / "new" / "stations.py"
    assert pull(url, path, "prix-stations") == (0, f"{path}: prix-stations\n")
    return path


def test_a_dataset_becomes_a_class_of_fields_and_one_of_rows(stations: Path) -> None:
    assert stations.read_text("utf-8") == SOURCE


def test_the_class_of_rows_reads_the_rows(url: str, stations: Path) -> None:
    module = run_path(str(stations))
    fields, row = module["PrixStations"], module["PrixStationsRow"]

    async def read() -> list[Any]:
        async with ExploreClient(url) as client:
            query = Query(where=fields.prix_nom > 1, order_by=fields.prix_nom.desc())
            return await client.dataset("prix-stations").records(query, into=row).to_list()

    assert asyncio.run(read()) == [
        row(
            field_1_uai=f"uai {number}",
            prix_nom=number + 0.5,
            date=dt.date(2024, 1, 31),
            self_=number,
            tags=["a", "b"],
            place=GeoPoint(lon=2.5, lat=48.0),
            note=None,
        )
        for number in (2, 1)
    ]
    with pytest.raises(BuildError, match="is of type double"):
        fields.prix_nom > "x"  # noqa: B015


def test_names_that_were_changed_in_the_file_are_kept(url: str, stations: Path) -> None:
    """In both classes, and when another dataset is added."""
    renamed = SOURCE.replace("field_1_uai", "uai").replace("PrixStations", "Prices")
    stations.write_text(renamed, "utf-8")
    assert pull(url, stations)[0] == 0
    assert stations.read_text("utf-8") == renamed
    assert pull(url, stations, "trees", "prix-stations")[0] == 0
    assert [one.class_name for one in python_fields(stations.read_text("utf-8"))] == [
        "Prices",
        "Trees",
    ]


def test_a_new_dataset_does_not_take_the_name_of_a_class_in_the_file(
    url: str, stations: Path
) -> None:
    """Though it would come first, or has the name that the other was given."""
    stations.write_text(SOURCE.replace("PrixStations", "Empty"), "utf-8")
    assert pull(url, stations, "empty", "prix-stations")[0] == 0
    assert {
        one.schema["dataset_id"]: one.class_name
        for one in python_fields(stations.read_text("utf-8"))
    } == {
        "prix-stations": "Empty",
        "empty": "Empty_2",
    }


def test_a_dataset_without_rows_may_have_nulls(url: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    pull(url, path, "empty")
    assert "    height: int | None\n" in path.read_text("utf-8")


async def test_nulls_are_counted_in_few_requests(portal: FakePortal, client: ExploreClient) -> None:
    """Where a portal refuses to count, a field may be null."""
    info = {"dataset_id": "trees", "fields": [{"name": f"f{n}", "type": "int"} for n in range(60)]}

    def answer(request: web.Request) -> web.Response:
        if not request.path.endswith("/records"):
            return json_body(info)
        if "f0" in request.query["select"]:
            refusal = {"error_code": "ODSQLError", "message": "no"}
            return json_body(refusal, status=400)
        counts = {f"n{number}": 5 - number % 2 for number in range(50)}
        return json_body({"total_count": 1, "results": [{"total": 5, **counts}]})

    portal.override = answer
    (found,) = await pull_datasets(client, ["trees"])
    assert found is not None
    assert found.filled == {f"f{number}" for number in range(50, 60, 2)}
    assert len(portal.requests) == 3


def test_the_order_of_the_datasets_makes_no_difference(url: str, tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    pull(url, one, "trees", "prix-stations")
    pull(url, other, "prix-stations", "trees", "trees")
    assert one.read_bytes() == other.read_bytes()


def test_check_compares_and_writes_nothing(url: str, stations: Path) -> None:
    assert pull(url, stations, "--check") == (0, f"{stations} is up to date\n")
    before = SOURCE.replace('"date", "date"', '"date", "datetime"')
    stations.write_text(before, "utf-8")
    status, printed = pull(url, stations, "--check")
    assert status == 1
    assert '\n-    date = field("date", "datetime")\n+    date = field("date", "date")\n' in printed
    assert "stations.py is out of date. Run" in printed
    assert stations.read_text("utf-8") == before


def test_the_file_is_a_schema_for_check_and_diff(url: str, stations: Path, tmp_path: Path) -> None:
    """Changes are told in terms of the classes."""
    stations.write_text(SOURCE.replace('"double"', '"int"').replace('"note"', '"remark"'), "utf-8")
    query = tmp_path / "query.jsonl"
    query.write_text('{"dataset": "prix-stations", "where": "remark is null"}', "utf-8")
    result = run("schema", "diff", url, str(query), "--schemas", str(stations))
    assert result.exit_code == 1
    *changes, broken = result.stdout.splitlines()
    assert changes == [
        "PrixStations.prix_nom: field prix nom was int and is now double",
        "PrixStations.note: field remark (text) is gone",
        "PrixStations: new field note (text)",
    ]
    assert broken.startswith(f"{query}:1:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--check",), "Add --python FILE"),
        (("--python", "none.py"), "No dataset is given"),
        (("nothing", "--python", "none.py"), "has no dataset nothing"),
    ],
)
def test_wrong_uses_are_told(
    url: str, arguments: tuple[str, ...], message: str, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("schema", "pull", url, *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_is_not_python_is_not_replaced(url: str, tmp_path: Path) -> None:
    path = tmp_path / "stations.py"
    path.write_text("DatasetFields(", "utf-8")
    status, printed = pull(url, path, "trees")
    assert status == 1
    assert "stations.py: not Python" in printed
    assert path.read_text("utf-8") == "DatasetFields("


def test_another_program_is_not_replaced(url: str, tmp_path: Path) -> None:
    """But an empty file is."""
    path = tmp_path / "stations.py"
    path.write_text("print('hello')\n", "utf-8")
    status, printed = pull(url, path, "trees")
    assert status == 1
    assert "stations.py has no class of fields" in printed
    assert path.read_text("utf-8") == "print('hello')\n"
    path.write_text("\n", "utf-8")
    assert pull(url, path, "trees")[0] == 0


def test_fields_of_years_and_months_are_texts() -> None:
    """Python has no type for them."""
    annotations = {"timeserie_precision": "year"}
    source = python_source([dataset({"name": "a", "type": "date", "annotations": annotations})], [])
    assert "    a: str\n" in source


letters = st.characters(exclude_categories=["Cs"], exclude_characters="`\0")  # for ODSQL
names = st.text(letters, min_size=1, max_size=8) | st.sampled_from(
    ["class", "self", "field", "Any", "dt", "_id", "__x__", "é", "²", "1", "a-b", "a b", "名" * 60]
)
types = st.sampled_from(
    ["text", "int", "double", "decimal", "date", "datetime", "boolean", "geo_point_2d", "file", "x"]
)
labels = st.text(max_size=99) | st.sampled_from(['"', '"""', "\\", "a\\'\"", "long " * 30])
fields: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": names, "type": types, "label": labels},
    optional={"annotations": st.dictionaries(st.text(max_size=9), st.just(True) | labels)},
)


def dataset(*described: dict[str, Any], dataset_id: str = "a") -> PulledDataset:
    """Return a dataset whose every other field is never null."""
    info = DatasetInfo.from_json({"dataset_id": dataset_id, "fields": [*described]})
    return PulledDataset(info, frozenset(one.name for one in info.fields[::2]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(names, unique=True, max_size=3),
    st.lists(fields, max_size=4, unique_by=lambda one: one["name"]),
)
def test_every_dataset_becomes_a_file_that_keeps_its_schema(
    ids: list[str], described: list[dict[str, Any]]
) -> None:
    """It can be run, its rows can be read, and writing it again changes nothing."""
    datasets = [dataset(*described, dataset_id=one) for one in ids]
    source = python_source(datasets, [])
    classes = python_fields(source)
    assert {str(one.schema["dataset_id"]): Schema.from_json(one.schema) for one in classes} == {
        one.info.dataset_id: schema_of(one.info) for one in datasets
    }
    assert python_source(reversed(datasets), classes) == source
    module: dict[str, Any] = {"__name__": "pulled"}
    exec(compile(source, "pulled", "exec", dont_inherit=True), module)
    for one in classes:
        row = module[f"{one.class_name}Row"]
        assert [*one.attributes.values()] == [each.name for each in row.__attrs_attrs__]
        assert module[one.class_name].__schema__ == Schema.from_json(one.schema)


@settings(max_examples=20, deadline=None)
@given(st.lists(fields, max_size=9, unique_by=lambda one: one["name"]), names)
def test_formatters_leave_the_file_unchanged(described: list[dict[str, Any]], name: str) -> None:
    """With lines of any length from 80 on."""
    source = python_source([dataset(*described, dataset_id=name)], []).encode()
    for width in ("80", "88", "320"):
        command = [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--isolated",
            "--line-length",
            width,
            "-",
        ]
        assert subprocess.run(command, input=source, capture_output=True).stdout == source
