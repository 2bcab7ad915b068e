"""`explore records`, `datasets`, `facets` and `info`: what they print, in each format."""

from __future__ import annotations

import csv
import io

import orjson
import pytest

from tests.explore_async.cli.shell import ROWS, run


def rows(*arguments: str) -> list[dict[str, object]]:
    """Run a command that prints JSON Lines."""
    result = run(*arguments, "--format", "jsonl")
    assert result.exit_code == 0, result.stderr
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_records_are_printed_as_json_and_csv(url: str) -> None:
    """Other programs read these."""
    asked = ("records", "cities", "--url", url, "--order-by", "population desc", "--format")
    assert orjson.loads(run(*asked, "json").stdout) == ROWS
    cells = list(csv.DictReader(io.StringIO(run(*asked, "csv").stdout)))
    assert cells == [{name: str(value) for name, value in row.items()} for row in ROWS]


def test_records_are_printed_as_geojson(url: str) -> None:
    """Longitude comes first."""
    made = orjson.loads(run("records", "places", "--url", url, "--format", "geojson").stdout)
    assert made["features"][0]["geometry"] == {"type": "Point", "coordinates": [2.5, 48.5]}


def test_expanded_records_have_one_field_per_line(url: str) -> None:
    """This shows what does not fit a table."""
    result = run("records", "cities", "--url", url, "--where", "country = 'BE'", "--expanded")
    assert result.stdout.splitlines()[1:] == [
        "name        Gent", "country     BE", "population  265086"]  # fmt: skip


@pytest.mark.parametrize(("dataset", "count"), [("trees", 150), ("many", 10_001)])
def test_all_records_are_read_by_paging_or_by_an_export(url: str, dataset: str, count: int) -> None:
    """A portal pages through 10,000 rows only."""
    assert len(rows("records", dataset, "--url", url, "--all")) == count


def test_without_all_ten_records_are_read(url: str) -> None:
    """Unless --limit asks for more."""
    assert len(rows("records", "many", "--url", url)) == 10
    assert len(rows("records", "many", "--url", url, "--limit", "230")) == 230


@pytest.mark.parametrize("command", [["records", "cities"], ["datasets"], ["facets", "cities"]])
def test_all_and_a_limit_contradict_each_other(url: str, command: list[str]) -> None:
    """Neither is silently preferred."""
    result = run(*command, "--url", url, "--all", "--limit", "3")
    assert result.exit_code == 2
    assert "--all and --limit contradict each other" in result.stderr


def test_datasets_are_searched_selected_and_sorted(url: str) -> None:
    """The options do what the parameters of the API do."""
    asked = ("datasets", "--url", url)
    assert [one["dataset_id"] for one in rows(*asked, "--search", "trees")] == ["trees"]
    shown = run(*asked, "--select", "dataset_id", "--order-by", "dataset_id desc").stdout.split()
    assert shown == ["dataset_id", "----------", "trees", "places", "odd", "many", "cities"]
    assert len(rows(*asked, "--all")) == 5


def test_a_value_of_a_facet_is_a_row(url: str) -> None:
    """In the formats for other programs."""
    result = run("facets", "cities", "--url", url, "--format", "csv")
    assert result.stdout.splitlines() == ["facet,value,count", "country,UA,2", "country,BE,1"]


@pytest.mark.parametrize("names", [[], ["name"]])
def test_all_values_of_a_facet_are_asked_for(url: str, names: list[str]) -> None:
    """Also of the facets that the dataset declares."""
    assert len(rows("facets", "trees", *names, "--url", url, "--all")) == 150


def test_a_dataset_is_shown_with_its_fields(url: str) -> None:
    """The metadata that people look for comes first."""
    result = run("info", "cities", "--url", url)
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["cities"],
        ["Dataset", "cities"],
        ["Records", "3"],
        [],
        ["field", "type", "facet", "label"],
        ["----------", "----", "-----", "----------"],
        ["name", "text", "Name"],
        ["country", "text", "facet", "Country"],
        ["population", "int", "Population"],
    ]


def test_a_dataset_is_printed_as_the_portal_sends_it(url: str) -> None:
    """No metadata is lost."""
    made = orjson.loads(run("info", "cities", "--url", url, "--format", "json").stdout)
    assert [one["name"] for one in made["fields"]] == ["name", "country", "population"]
    assert made["metas"]["default"]["records_count"] == 3
    assert "extra" not in made


def test_an_unknown_field_is_told_with_its_place_and_the_nearest_name(url: str) -> None:
    """The schema is asked for on this path only."""
    result = run("records", "cities", "--url", url, "--where", "name = 'x' and populaton > 1")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "where, position 15:",
        '  name = "x" AND populaton > 1',
        "                 ^",
        "hint: did you mean population?",
    ]
