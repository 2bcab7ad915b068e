"""Names in Python for datasets and fields."""

from __future__ import annotations

import pytest

from explore_async.cli.python_names import attribute_names, class_name


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("prix_nom", "prix_nom"),
        ("année", "année"),
        ("Prix", "Prix"),
        ("1_uai", "field_1_uai"),
        ("prix-nom (en €)", "prix_nom_en"),
        ("class", "class_"),
        ("self", "self_"),
        ("_id", "id"),
        ("__x__", "x"),
        ("ﬁn", "fin"),
        ("m²", "m2"),
        ("%", "field"),
    ],
)
def test_a_name_is_mended_only_where_python_demands_it(name: str, attribute: str) -> None:
    assert attribute_names([name], kept={}, taken={"self"}) == {name: attribute}


def test_attributes_are_all_different() -> None:
    """Those that Python allows keep their names."""
    names = ["a b", "a-b", "a_b", "a_b_2"]
    found = attribute_names(names, kept={}, taken=())
    assert [*found.values()] == ["a_b_3", "a_b_4", "a_b", "a_b_2"]


def test_earlier_attributes_are_kept() -> None:
    """A new field gets another name, wherever it is."""
    found = attribute_names(["a-b", "a b"], kept={"a b": "a_b", "gone": "gone"}, taken=())
    assert found == {"a-b": "a_b_2", "a b": "a_b"}


@pytest.mark.parametrize(
    ("dataset_id", "name"),
    [
        ("prix-des-carburants", "PrixDesCarburants"),
        ("les_arbres@paris", "LesArbresParis"),
        ("1-uai", "Dataset1Uai"),
        ("none", "DatasetNone"),
        ("Stations", "Stations_2"),
        ("-", "Dataset"),
    ],
)
def test_a_dataset_has_a_name_of_a_class(dataset_id: str, name: str) -> None:
    assert class_name(dataset_id, {"Stations"}) == name


def test_the_name_of_the_class_of_rows_is_free_too() -> None:
    """`StationsRow` may be the class of the dataset `stations-row`."""
    assert class_name("stations", {"StationsRow", "StationsRowRow"}) == "Stations_2"
