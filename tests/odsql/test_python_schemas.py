"""Schemas in Python files, which are read without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odsql.python_schemas import python_fields
from odsql.schema import Schema, SchemaError, load_schemas

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''
raise SystemExit("nobody runs this")


class Helper:
    price = 5


class Stations(DatasetFields, dataset_id="stations"):
    """The fields of stations."""

    uai = field("1_uai", "text", {"facet": True})
    """Code UAI: text, facet."""

    price = odsql.typed.field("prix_valeur", type_="double", annotations=None)
'''
STATIONS = Schema.from_json(
    {
        "dataset_id": "stations",
        "fields": [
            {"name": "1_uai", "type": "text", "annotations": {"facet": True}},
            {"name": "prix_valeur", "type": "double", "annotations": {}},
        ],
    }
)


def test_the_classes_of_fields_are_schemas(tmp_path: Path) -> None:
    """Other classes and statements are left alone, and nothing is run."""
    (tmp_path / "stations.py").write_text(SOURCE, "utf-8")
    assert load_schemas(tmp_path / "stations.py") == {"stations": STATIONS}


def test_the_names_in_python_are_known() -> None:
    (found,) = python_fields(SOURCE)
    assert found.class_name == "Stations"
    assert found.attributes == {"1_uai": "uai", "prix_valeur": "price"}


def test_a_field_may_have_an_annotation() -> None:
    """It is one of the schema, as it is when the file runs."""
    annotated = SOURCE.replace("uai = ", "uai: TextField = ")
    assert [one.schema for one in python_fields(annotated)] == [STATIONS.to_json()]


def test_other_programs_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    """Those of other versions of Python, too."""
    (tmp_path / "stations.py").write_text(SOURCE, "utf-8")
    (tmp_path / "old.py").write_text("print 'hello'", "utf-8")
    assert [*load_schemas(tmp_path)] == ["stations"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("class A(DatasetFields):\n    pass", 'line 1: A needs a dataset_id="..."'),
        ("class A(DatasetFields, dataset_id=NAME):\n    pass", "line 1: NAME is not a constant"),
        ('class A(DatasetFields, dataset_id="a"):\n    b = 5', "line 2: a field is written as"),
        (
            'class A(DatasetFields, dataset_id="a"):\n    b = field("b")',
            "line 2: a field is written as",
        ),
        (
            'class A(DatasetFields, dataset_id="a"):\n    b = field(name(), "int")',
            r"line 2: name\(\) is not a constant",
        ),
        ("class A(DatasetFields:", "not Python: "),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line(
    tmp_path: Path, body: str, message: str
) -> None:
    path = tmp_path / "a.py"
    path.write_text(body, "utf-8")
    with pytest.raises(SchemaError, match=rf"a\.py: {message}"):
        load_schemas(path)
