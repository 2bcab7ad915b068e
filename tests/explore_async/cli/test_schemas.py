"""Saved schemas: pulling them, and comparing them with a portal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from explore_async.cli.main import main
from explore_async.cli.schemas import broken_queries, compare
from explore_async.portal import PortalField, Store
from odsql import Schema
from tests.explore_async.doubles import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ANNOTATIONS = {"facet": [], "hierarchical": ["/"], "facetsort": "-alphanum", "sortable": False}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A portal with a dataset of a text, a number and a date field."""
    with Store() as store:
        fields = (
            PortalField("name", "text", "Name", annotations=ANNOTATIONS),
            PortalField("population", "int", "Population"),
            PortalField("founded", "date", "Founded"),
        )
        store.add("cities", fields, [{"name": "Gent", "population": 265_086}])
        with served(store) as address:
            yield address


def test_a_schema_is_pulled_by_the_address_of_a_dataset(url: str, tmp_path: Path) -> None:
    """As a browser shows it."""
    result = run("pull", f"{url}/explore/dataset/cities/table/", "-o", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cities.json"]


def test_a_pull_without_a_dataset_is_wrong_usage(url: str, tmp_path: Path) -> None:
    """The message names both ways to give one."""
    result = run("pull", url, "-o", str(tmp_path))
    assert result.exit_code == 2
    assert "or the address of a dataset" in result.stderr


def test_a_pulled_schema_is_small_and_stable(url: str, tmp_path: Path) -> None:
    """It holds names, types and annotations; pulling twice writes the same bytes."""
    folder = tmp_path / "new" / "schemas"
    assert run("pull", url, "cities", "-o", str(folder)).exit_code == 0
    first = (folder / "cities.json").read_bytes()
    assert json.loads(first) == {
        "dataset_id": "cities",
        "fields": [
            {
                "name": "name",
                "type": "text",
                "annotations": {"facet": True, "facetsort": "-alphanum", "hierarchical": "/"},
            },
            {"name": "population", "type": "int", "annotations": {}},
            {"name": "founded", "type": "date", "annotations": {}},
        ],
    }
    assert run("pull", url, "cities", "-o", str(folder)).exit_code == 0
    assert (folder / "cities.json").read_bytes() == first


def test_a_schema_that_is_up_to_date_has_no_difference(url: str, tmp_path: Path) -> None:
    """The exit status is 0."""
    run("pull", url, "cities", "-o", str(tmp_path))
    result = run("diff", url, "--schemas", str(tmp_path))
    assert result.exit_code == 0
    assert result.stdout == "all schemas are up to date\n"


def test_changes_and_the_queries_they_break_are_listed(url: str, tmp_path: Path) -> None:
    """Queries are listed with their place in the file; those of other fields are not."""
    schemas = tmp_path / "schemas"
    run("pull", url, "cities", "-o", str(schemas))
    saved = json.loads((schemas / "cities.json").read_text())
    saved["fields"][0]["name"] = "city"
    saved["fields"][1]["type"] = "text"
    (schemas / "cities.json").write_text(json.dumps(saved))
    queries = tmp_path / "queries.jsonl"
    lines = ({"dataset": "cities", "where": text} for text in ("city = 'x'", "founded is null"))
    queries.write_text("\n".join(map(json.dumps, lines)))
    result = run("diff", url, str(queries), "--schemas", str(schemas))
    assert result.exit_code == 1
    printed = result.stdout.splitlines()
    assert "cities: field city (text) is gone" in printed
    assert "cities: field population was text and is now int" in printed
    assert "cities: new field name (text)" in printed
    (broken,) = (line for line in printed if line.startswith(str(queries)))
    assert f"{queries}:1:" in broken
    assert "city" in broken


def schema(*fields: tuple[str, str, dict[str, object]], dataset_id: str = "cities") -> Schema:
    described = [{"name": name, "type": kind, "annotations": more} for name, kind, more in fields]
    return Schema.from_json({"dataset_id": dataset_id, "fields": described})


NAME: tuple[str, str, dict[str, object]] = ("name", "text", {})
"""A text field without annotations."""


@pytest.mark.parametrize(
    ("saved", "live", "said"),
    [
        ({}, {"facet": True}, "cities: annotations of name were none and are now facet"),
        (
            {"multivalued": True, "facet": []},
            {"facet": True},
            "cities: annotations of name were facet, multivalued and are now facet",
        ),
        (
            {"decimals": 2},
            {"decimals": 3},
            "cities: annotations of name were decimals 2 and are now decimals 3",
        ),
    ],
)
def test_another_annotation_is_a_change(
    saved: dict[str, object], live: dict[str, object], said: str
) -> None:
    """An annotation alone breaks nothing."""
    before, now = (schema(("name", "text", one)) for one in (saved, live))
    (change,) = compare(before, now)
    assert str(change) == said
    assert not change.breaking


def test_unknown_annotations_have_not_changed() -> None:
    """An equal annotation in another notation has not changed either."""
    fields = [{"name": "name", "type": "text"}]
    bare = Schema.from_json({"dataset_id": "cities", "fields": fields})
    assert compare(bare, schema(("name", "text", {"facet": True}))) == []
    assert compare(schema(("name", "text", {"facet": []})), schema(NAME)) != []
    assert compare(schema(("name", "text", {"facet": False})), schema(NAME)) == []


def broken(folder: Path, content: str, *, saved: list[Schema], live: list[Schema]) -> list[str]:
    """Return the reasons why the queries of a file break."""
    file = folder / ("a.py" if "import" in content else "a.toml")
    file.write_text(content)
    by_id, now = ({one.dataset_id: one for one in listed} for listed in (saved, live))
    return [one.reason for one in broken_queries([file], saved=by_id, live=now)]


TOWNS = schema(NAME, dataset_id="towns")
QUERY = "queries.a.where = \"name = 'x'\"\n"
CALL = "from odsql import Query\nA = Query(where=\"name = 'x'\")\n"
NAMED = 'queries.a.dataset = "cities"\n' + QUERY


@pytest.mark.parametrize(
    ("content", "saved", "live", "reasons"),
    [
        (NAMED, [schema(NAME)], [], ["the portal has no dataset cities"]),
        (NAMED, [schema(NAME)], [schema()], ["cities has no field name"]),
        (NAMED, [schema(NAME), TOWNS], [TOWNS], ["the portal has no dataset cities"]),
        (NAMED + "# odsql: ignore-file\n", [schema(NAME)], [schema()], []),
        (QUERY, [schema(NAME)], [schema()], ["cities has no field name"]),
        (QUERY, [schema(NAME), TOWNS], [schema(), TOWNS], []),
        (QUERY, [schema(NAME), TOWNS], [TOWNS], []),
        (
            "from odsql import Query\nA = Query(where=\"name = 'x'\")\n",
            [schema(NAME)],
            [schema()],
            [],
        ),
        (
            "queries.a.where = \"nam = 'x'\"\n",
            [schema(NAME)],
            [schema(("names", "text", {}), ("nom", "text", {}))],
            [],
        ),
        (
            "queries.a.where = \"'x' in name\"\n",
            [schema(("name", "text", {"multivalued": True}))],
            [schema(NAME)],
            ["name holds one value, not several"],
        ),
    ],
)
def test_a_query_breaks_that_was_right_before(
    tmp_path: Path, content: str, saved: list[Schema], live: list[Schema], reasons: list[str]
) -> None:
    """The dataset is the one that `odsql check` assumes; earlier errors are not reported."""
    assert broken(tmp_path, content, saved=saved, live=live) == reasons


def test_a_dataset_that_does_not_exist_is_one_message(url: str, tmp_path: Path) -> None:
    """This applies to pulling and to comparing."""
    result = run("pull", url, "nowhere", "-o", str(tmp_path / "schemas"))
    assert result.exit_code == 1
    assert "no dataset nowhere" in result.stderr
    (tmp_path / "nowhere.json").write_text('{"dataset_id": "nowhere", "fields": []}')
    result = run("diff", url, "--schemas", str(tmp_path / "nowhere.json"))
    assert result.exit_code == 1
    assert "no such dataset" in result.stdout


@pytest.mark.parametrize("content", ["not json", '{"fields": []}'])
def test_a_file_that_is_no_schema_is_one_message(url: str, tmp_path: Path, content: str) -> None:
    """The message names the file."""
    file = tmp_path / "broken.json"
    file.write_text(content)
    result = run("diff", url, "--schemas", str(file))
    assert result.exit_code == 1
    assert str(file) in result.stderr


def test_a_folder_that_cannot_be_made_is_one_message(url: str, tmp_path: Path) -> None:
    """Nothing is requested."""
    (tmp_path / "file").write_text("")
    result = run("pull", url, "cities", "-o", str(tmp_path / "file" / "schemas"))
    assert result.exit_code == 1
    assert "Choose another folder" in result.stderr
