"""The fields of a class of rows, and `Query.select` of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NotRequired, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from odsql import BuildError, Field, Query
from odsql.builder.classes import kind_of, row_fields

if TYPE_CHECKING:
    from decimal import Context


@attrs.frozen
class AttrsRow:
    """With a name in the metadata, and attributes that are no fields."""

    known: ClassVar[int] = 5
    uai: Annotated[str, Field("1_uai")]
    _year: int | None = attrs.field(default=None, metadata={"field": "année"})
    double: int = attrs.field(init=False, default=0)


@dataclass
class DataclassRow:
    """With a name in the metadata, and attributes that are no fields."""

    known: ClassVar[int] = 5
    uai: Annotated[str, Field("1_uai")]
    year: int | None = field(default=None, metadata={"field": "année"})
    double: int = field(init=False, default=0)


class StructRow(msgspec.Struct):
    """With names of both libraries."""

    uai: Annotated[str, Field("1_uai")]
    year: int | None = msgspec.field(default=None, name="année")


class DictRow(TypedDict):
    """With a key that may be absent."""

    uai: Annotated[str, Field("1_uai")]
    year: NotRequired[Annotated[int | None, Field("année")]]


class ModelRow(pydantic.BaseModel):
    """With names of both libraries."""

    uai: Annotated[str, Field("1_uai")]
    year: int | None = pydantic.Field(default=None, alias="année")


ROWS: dict[str, type[Any]] = {
    "attrs": AttrsRow,
    "dataclass": DataclassRow,
    "struct": StructRow,
    "dict": DictRow,
    "model": ModelRow,
}


@pytest.mark.parametrize("kind", ROWS)
def test_each_kind_of_class_tells_its_fields(kind: str) -> None:
    """Their names in the dataset, their types, and whether a row must have them."""
    assert kind_of(ROWS[kind]) == kind
    found = [(one.name, one.hint, one.required) for one in row_fields(ROWS[kind])]
    assert found == [("1_uai", str, True), ("année", int | None, False)]


@pytest.mark.parametrize("kind", ROWS)
def test_a_class_selects_its_fields(kind: str) -> None:
    query = Query(where="x > 1").select(ROWS[kind])
    assert query == Query(select=ROWS[kind], where="x > 1")
    assert query.params()[0] == ("select", "`1_uai`, année")


@dataclass
class Twice:
    """Two attributes of one field."""

    a: int
    b: Annotated[int, Field("a")]


@dataclass
class Empty:
    """No attributes."""


@dataclass
class Unresolved:
    """A type that is only known to type checkers."""

    a: Context


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Twice, "more than one attribute for the field a"),
        (Empty, "has no fields"),
        (Unresolved, "cannot be resolved"),
        (int, "is not a class of rows"),
        (3, "is not a class of rows"),
    ],
)
def test_a_class_without_clear_fields_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        row_fields(wrong)


def test_a_class_is_for_select_only() -> None:
    with pytest.raises(BuildError):
        Query(group_by=AttrsRow)
    with pytest.raises(BuildError):
        Query(where=AttrsRow)


@pytest.mark.parametrize("name", ["", 5, None])
def test_the_name_of_a_field_is_text(name: Any) -> None:
    with pytest.raises(BuildError):
        Field(name)
