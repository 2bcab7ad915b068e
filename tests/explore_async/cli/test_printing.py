"""Rows in each output format."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import click
import orjson
import pytest

from explore_async import DecodeError
from explore_async.cli.printing import print_rows, printing

if TYPE_CHECKING:
    from explore_async.models import Row

ROWS: list[Row] = [
    {"name": "Kyiv", "n": 1, "tags": ["a", "b"], "place": {"lon": 30.5, "lat": 50.4}, "x": None},
    {"name": 'L"viv, "', "n": 2.5, "tags": [], "place": None, "x": {"a": [1]}},
]
SHAPE: Row = {
    "type": "Feature",
    "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
    "properties": {},
}


@pytest.fixture
def printed(capsysbinary: pytest.CaptureFixture[bytes]) -> Any:
    def show(rows: list[Row], layout: str) -> bytes:
        print_rows(rows, layout)
        return capsysbinary.readouterr().out

    return show


def test_json_lines_have_one_row_per_line(printed: Any) -> None:
    """Each is a JSON object."""
    assert [orjson.loads(line) for line in printed(ROWS, "jsonl").splitlines()] == ROWS


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_json_is_one_array(printed: Any, rows: list[Row]) -> None:
    """It is valid without rows, too."""
    assert orjson.loads(printed(rows, "json")) == rows


def test_csv_has_the_fields_as_its_header(printed: Any) -> None:
    """Lists of text are joined, objects are JSON, and null is an empty cell."""
    text = printed(ROWS, "csv").decode()
    assert list(csv.reader(io.StringIO(text))) == [
        ["name", "n", "tags", "place", "x"],
        ["Kyiv", "1", "a, b", '{"lon": 30.5, "lat": 50.4}', ""],
        ['L"viv, "', "2.5", "", "", '{"a": [1]}'],
    ]


def test_csv_keeps_the_characters_of_a_value(printed: Any) -> None:
    """A file needs them unchanged."""
    assert printed([{"a": "\x9bé\x07"}], "csv") == "a\n\x9bé\x07\n".encode()


def test_a_row_with_other_fields_cannot_be_csv(printed: Any) -> None:
    """Its values would be lost."""
    with pytest.raises(click.ClickException, match=r"lacks: b\. Use --format jsonl"):
        printed([{"a": 1}, {"a": 1, "b": 2}], "csv")


@pytest.mark.parametrize("rows", [ROWS, []])
def test_geojson_is_a_collection_of_features(printed: Any, rows: list[Row]) -> None:
    """A point becomes the geometry; a row without one has the geometry null."""
    made = orjson.loads(printed(rows, "geojson"))
    assert made["type"] == "FeatureCollection"
    assert [one["geometry"] for one in made["features"]] == [
        {"type": "Point", "coordinates": [30.5, 50.4]}, None][: len(rows)]  # fmt: skip
    assert [one["properties"]["name"] for one in made["features"]] == [row["name"] for row in rows]


def test_a_shape_is_the_geometry_before_a_point(printed: Any) -> None:
    """The point stays a property, as in the exports of portals."""
    row: Row = {"point": {"lon": 1, "lat": 2}, "shape": SHAPE}
    (feature,) = orjson.loads(printed([row], "geojson"))["features"]
    assert feature["geometry"] == SHAPE["geometry"]
    assert feature["properties"] == {"point": {"lon": 1, "lat": 2}}


@pytest.mark.parametrize("layout", ["json", "geojson"])
def test_output_that_breaks_off_is_not_valid(
    capsysbinary: pytest.CaptureFixture[bytes], layout: str
) -> None:
    """Its end is written only after the last row."""
    with pytest.raises(KeyError), printing(layout) as printer:
        printer.row({"a": 1})
        raise KeyError
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(capsysbinary.readouterr().out)


def test_what_a_table_leaves_out_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only data goes to standard output."""
    monkeypatch.setenv("COLUMNS", "30")
    print_rows([{f"field {one}": "a text" for one in range(9)}], "table")
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 30
    assert "columns do not fit" in err


def test_a_row_that_is_nested_too_deeply_is_an_error_of_this_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command line prints its message and no traceback."""
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    print_rows([{"a": deep}], "jsonl")
    assert capsys.readouterr().out.startswith('{"a": [[[')
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DecodeError, match="nested too deeply"):
        print_rows([{"a": deep}], "jsonl")
    while isinstance(deep, list):  # Python would free it by recursion
        deep = deep.pop()
