"""Saved schemas: what is pulled, and what has changed since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from explore_async.cli import main
from explore_async.portal import PortalField, Store
from tests.explore_async.doubles import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A portal whose dataset has a text, a number and a date."""
    with Store() as store:
        fields = (
            PortalField("name", "text", "Name", annotations={"facet": []}),
            PortalField("population", "int", "Population"),
            PortalField("founded", "date", "Founded"),
        )
        store.add("cities", fields, [{"name": "Gent", "population": 265_086}])
        with served(store) as address:
            yield address


def test_a_pulled_schema_is_small_and_stable(url: str, tmp_path: Path) -> None:
    """Names, types and what matters to queries; pulling twice gives the same bytes."""
    folder = tmp_path / "new" / "schemas"
    assert run("pull", url, "cities", "-o", str(folder)).exit_code == 0
    first = (folder / "cities.json").read_bytes()
    assert json.loads(first) == {
        "dataset_id": "cities",
        "fields": [
            {"name": "name", "type": "text", "annotations": {"facet": True}},
            {"name": "population", "type": "int", "annotations": {}},
            {"name": "founded", "type": "date", "annotations": {}},
        ],
    }
    assert run("pull", url, "cities", "-o", str(folder)).exit_code == 0
    assert (folder / "cities.json").read_bytes() == first


def test_a_schema_that_is_up_to_date_has_no_difference(url: str, tmp_path: Path) -> None:
    """Exit status 0."""
    run("pull", url, "cities", "-o", str(tmp_path))
    result = run("diff", url, "--schemas", str(tmp_path))
    assert result.exit_code == 0
    assert result.stdout == "all schemas are up to date\n"


def test_changes_and_the_queries_they_break_are_listed(url: str, tmp_path: Path) -> None:
    """At their place in the file; queries of other fields are left alone."""
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


def test_a_dataset_that_does_not_exist_is_one_message(url: str, tmp_path: Path) -> None:
    """When pulling and when comparing."""
    result = run("pull", url, "nowhere", "-o", str(tmp_path / "schemas"))
    assert result.exit_code == 1
    assert "no dataset nowhere" in result.stderr
    (tmp_path / "nowhere.json").write_text('{"dataset_id": "nowhere", "fields": []}')
    result = run("diff", url, "--schemas", str(tmp_path / "nowhere.json"))
    assert result.exit_code == 1
    assert "no such dataset" in result.stdout


@pytest.mark.parametrize("content", ["not json", '{"fields": []}'])
def test_a_file_that_is_no_schema_is_one_message(url: str, tmp_path: Path, content: str) -> None:
    """It is named."""
    file = tmp_path / "broken.json"
    file.write_text(content)
    result = run("diff", url, "--schemas", str(file))
    assert result.exit_code == 1
    assert str(file) in result.stderr


def test_a_folder_that_cannot_be_made_is_one_message(url: str, tmp_path: Path) -> None:
    """Nothing is asked."""
    (tmp_path / "file").write_text("")
    result = run("pull", url, "cities", "-o", str(tmp_path / "file" / "schemas"))
    assert result.exit_code == 1
    assert "Choose another folder" in result.stderr
