"""Fields as attributes of a class: the same expressions as those of `Fields(schema)`."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from odsql import BuildError, Fields, Query, literal
from odsql.builder.expressions import FieldValue
from odsql.typed import DatasetFields, field


class Stations(DatasetFields, dataset_id="stations"):
    """The fields of a dataset."""

    uai = field("1_uai", "text", {"facet": True})
    price = field("price", "double")
    day = field("day", "date")
    tags = field("tags", "text", {"multivalued": True})
    is_open = field("is_open", "boolean")


def test_a_typed_field_is_the_field_of_its_schema() -> None:
    fields = Fields(Stations.__schema__)
    assert Stations.__schema__.dataset_id == "stations"
    assert Stations.uai.equals(fields["1_uai"])
    assert Stations.uai.known == fields["1_uai"].known
    assert type(Stations.price) is FieldValue


def test_a_query_takes_typed_fields_in_every_clause() -> None:
    query = Query(
        select=[Stations.uai, (Stations.price * 2).as_("double")],
        where=[
            Stations.price > 1.8,
            literal(1) < Stations.price,
            Stations.day == datetime.date(2024, 1, 31),
            Stations.tags.has("a"),
            Stations.is_open,
        ],
        group_by=Stations.uai,
        order_by=Stations.price.desc(),
        facet=Stations.uai,
    )
    assert query.params() == [
        ("select", "`1_uai`, price * 2 as double"),
        (
            "where",
            "price > 1.8 AND 1 < price AND `day` = date'2024-01-31' AND \"a\" in tags AND is_open",
        ),
        ("group_by", "`1_uai`"),
        ("order_by", "price desc"),
        ("facet", "`1_uai`"),
    ]


def test_types_are_checked_when_the_program_runs_too() -> None:
    price: Any = Stations.price
    with pytest.raises(BuildError, match="price is of type double; 'x' is not"):
        price > "x"  # noqa: B015


def test_a_class_of_fields_needs_a_dataset() -> None:
    with pytest.raises(BuildError, match="Nothing needs a dataset"):
        type("Nothing", (DatasetFields,), {})


@pytest.mark.parametrize("stranger", [5, Fields()["price"]])
def test_a_class_of_fields_holds_nothing_else(stranger: object) -> None:
    with pytest.raises(BuildError, match="may hold fields made by field"):
        type("Mixed", (DatasetFields,), {"price": stranger}, dataset_id="mixed")


@pytest.mark.parametrize("wrong", [("", "text"), (5, "text"), ("a", None)])
def test_a_field_needs_a_name_and_a_type(wrong: Any) -> None:
    with pytest.raises(BuildError):
        field(*wrong)
