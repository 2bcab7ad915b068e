"""A schema lets the builder check names and types where they are written."""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import odsql
from odsql import Fields, Schema
from odsql.schema import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTED = Path(__file__).parents[1] / "fidelity" / "recorded" / "documented"
CITIES = Schema.from_json(
    json.loads((DOCUMENTED / "openapi-example.dataset-v2.1.json").read_text(encoding="utf-8"))
)
C = Fields(CITIES)


def test_a_schema_is_read_from_the_answer_of_the_api() -> None:
    """Names, types and annotations, in the order of the dataset."""
    assert CITIES.dataset_id == "geonames-all-cities-with-a-population-1000"
    assert list(CITIES.fields)[:3] == ["geoname_id", "name", "ascii_name"]
    assert CITIES.fields["alternate_names"].multivalued
    assert CITIES.fields["timezone"].facet
    assert CITIES.fields["population"].type == "int"


def test_a_schema_and_its_fields_can_be_copied_and_pickled() -> None:
    """Programs send them to worker processes."""
    for copied in (copy.deepcopy(CITIES), pickle.loads(pickle.dumps(CITIES))):
        assert copied == CITIES
    assert str(pickle.loads(pickle.dumps(C)).population > 1) == "population > 1"


@pytest.mark.parametrize("broken", [{}, [], None, {"dataset_id": "x", "fields": [{"name": "a"}]}])
def test_what_is_no_schema_is_refused(broken: Any) -> None:
    """The message describes a schema."""
    with pytest.raises(SchemaError, match="fields with name and type"):
        Schema.from_json(broken)


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (C.population >= 10, "population >= 10"),
        (C.name == "Paris", 'name = "Paris"'),
        (C.modification_date > "2024-01-31", "modification_date > date'2024-01-31'"),
        (C.modification_date == "2024", "modification_date = date'2024'"),
        (C.modification_date == "2024/01/31", "modification_date = date'2024/01/31'"),
        (
            C.modification_date.between(datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)),
            "modification_date in [date'2024-01-01'..date'2024-02-01']",
        ),
        (C.country_code.isin(["FR", "BE"]), 'country_code in ("FR", "BE")'),
        (C.alternate_names.has("Lutetia"), '"Lutetia" in alternate_names'),
        (C.dem.is_null(), "dem is null"),
        (C.population > C.dem, "population > dem"),
        (odsql.year(C.modification_date) == 2024, "year(modification_date) = 2024"),
    ],
)  # fmt: skip
def test_literals_follow_the_type_of_the_field(
    built: odsql.builder.expressions.Expression, text: str
) -> None:
    """A date field gets a date literal, in whatever form the date is given."""
    assert str(built) == text


def test_a_decimal_field_is_a_number() -> None:
    """It is compared with numbers, calculated with, and averaged."""
    fields = [{"name": "price", "type": "decimal"}]
    price = Fields(Schema.from_json({"dataset_id": "shops", "fields": fields})).price
    assert str(price >= decimal.Decimal("1.50")) == "price >= 1.50"
    assert str(price * 2 > price) == "price * 2 > price"
    assert str(odsql.avg(price)) == "avg(price)"
    assert str(odsql.range_(price, 10)) == "range(price, 10)"
    with pytest.raises(odsql.BuildError, match="price is of type decimal"):
        _ = price == "1.50"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: C.populaton, "no field populaton; did you mean population"),
        (lambda: C["nothing like it"], "has no field nothing like it$"),
        (lambda: C.population == "10", "type int; '10' is not; pass the number 10$"),
        (lambda: C.population == "ten", "population is of type int; 'ten' is not$"),
        (lambda: C.name == 10, "name is of type text; 10 is not; pass the text '10'$"),
        (lambda: C.name > "a", "equality only"),
        (lambda: C.name.between("a", "b"), "equality only"),
        (lambda: C.modification_date == 2024, "modification_date is a date"),
        (lambda: C.modification_date == "last year", "modification_date is a date"),
        (lambda: C.coordinates == "x", "coordinates is of type geo_point_2d"),
        (lambda: C.population.isin(["x"]), "population is of type int"),
        (lambda: C.name.has("x"), "holds one value"),
        (lambda: odsql.year(C.name), "year takes date or datetime; name is of type text"),
        (lambda: odsql.avg(C.name), "avg takes int or double"),
        (lambda: C.population.like("x"), "population is of type int, not text"),
        (lambda: C.name == True, "name is of type text, not boolean"),  # noqa: E712
        (lambda: C.name + 1, "name is of type text, not int or double"),
        (lambda: C.population > C.name, "name is of type text, not int or double"),
        (lambda: ~C.name, "name is of type text, not boolean"),
        (lambda: C.alternate_names.has(5), "alternate_names is of type text"),
        (lambda: C.modification_date == "2024-99-99", "modification_date is a date"),
        (lambda: C.modification_date.isin(["2024"]), "a list takes text"),
        (lambda: odsql.ifnull(C.population, "x"), "population is of type int"),
        (lambda: odsql.max_(C.name), "max takes int or double or decimal or date"),
        (lambda: odsql.within_distance(C.name, (1, 2), "1km"), "takes geo_point_2d"),
    ],
)
def test_a_wrong_name_or_type_is_an_error_when_it_is_built(
    build: Callable[[], object], message: str
) -> None:
    """The server would refuse the same queries later."""
    with pytest.raises(odsql.BuildError, match=message):
        build()
