"""Schemas from files: API responses and saved schemas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odsql.schema import Schema, SchemaError, load_schemas
from tests.odsql.checks.asking import PLACES

RECORDED = Path(__file__).parents[2] / "fidelity" / "recorded"


def test_a_saved_schema_reads_back_equal(tmp_path: Path) -> None:
    """Names, types and the relevant annotations are saved."""
    path = tmp_path / "places.json"
    path.write_text(json.dumps(PLACES.to_json()), encoding="utf-8")
    assert load_schemas(path)["places"] == PLACES
    saved = PLACES.to_json()
    assert saved["fields"][6] == {
        "name": "tags",
        "type": "text",
        "annotations": {"facet": True, "multivalued": True},
    }


def test_an_answer_of_the_api_is_a_schema() -> None:
    """A recorded getDataset response, or many datasets from getDatasets."""
    one = load_schemas(RECORDED / "vancouver" / "metadata-public-trees.json")
    assert one["public-trees"].fields["asset_id"].type == "int"
    many = load_schemas(RECORDED / "ukpn" / "getDatasets.json")
    assert "ukpn-noise-contours" in many


def test_all_schemas_of_a_directory_are_read(tmp_path: Path) -> None:
    """The keys are dataset ids, independent of the file names."""
    for name in ("a", "b"):
        saved: dict[str, object] = {"dataset_id": name, "fields": []}
        (tmp_path / f"{name}.json").write_text(json.dumps(saved), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no schema", encoding="utf-8")
    assert list(load_schemas(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("text", ["", "[1]", "{}", "[" * 100_000])
def test_a_file_that_holds_no_schema_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """The error names the file, however broken its content is."""
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=r"broken\.json"):
        load_schemas(path)


def test_a_missing_file_and_a_second_schema_are_refused(tmp_path: Path) -> None:
    """A choice between two schemas of one dataset would be a guess."""
    with pytest.raises(SchemaError, match="No such file"):
        load_schemas(tmp_path / "missing.json")
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text('{"dataset_id": "x", "fields": []}')
    with pytest.raises(SchemaError, match="x has more than one schema"):
        load_schemas(tmp_path)


def test_annotations_may_be_unknown() -> None:
    """Unknown annotations differ from none, and saving keeps the difference."""
    bare = Schema.from_json({"dataset_id": "d", "fields": [{"name": "a", "type": "text"}]})
    assert not bare.fields["a"].annotated
    assert bare.to_json()["fields"] == [{"name": "a", "type": "text"}]
