"""The fields of a class of rows, and `Query.select` of it."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions

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
class Qualified:
    """With what type checkers want to know, and a value that only `__init__` takes."""

    uai: Annotated[str, Field("1_uai")] | None
    year: Final[int]
    month: InitVar[int] = 1


class ReadOnlyRow(typing_extensions.TypedDict):
    """With keys that nobody may change."""

    uai: typing_extensions.ReadOnly[Annotated[str | None, Field("1_uai")]]
    year: Annotated[typing_extensions.ReadOnly[int], "an integer"]
    month: typing_extensions.ReadOnly[NotRequired[int]]


@pytest.mark.parametrize("row_class", [Qualified, ReadOnlyRow])
def test_what_qualifies_a_type_is_none_of_it(row_class: Any) -> None:
    """The name of a field is found in a union, too."""
    found = [(one.name, one.required) for one in row_fields(row_class)]
    assert found == [("1_uai", True), ("year", True), ("month", False)]
    assert row_fields(row_class)[0].hint == str | None


class Keywords(msgspec.Struct, kw_only=True):
    """With a default before a field without one."""

    year: int = 0
    uai: str


class MayBeAbsent(TypedDict, total=False):
    """With one key that may not."""

    year: int
    uai: Required[str]


@pytest.mark.parametrize("row_class", [Keywords, MayBeAbsent])
def test_a_field_without_a_default_is_required_wherever_it_is(row_class: Any) -> None:
    found = [(one.name, one.required) for one in row_fields(row_class)]
    assert found == [("year", False), ("uai", True)]


T = TypeVar("T")


@dataclass
class Base(Generic[T]):
    """With a variable that stands for a list in the class below."""

    several: list[T]


@dataclass
class Middle(Base[list[T]], Generic[T]):
    """With the same variable for another type."""

    one: T | None


@dataclass
class Whole(Middle[int]):
    """With no variable left."""


class GenericDict(TypedDict, Generic[T]):
    """With a variable."""

    several: list[list[T]]
    one: T | None


class WholeDict(GenericDict[int]):
    """With no variable left."""


class GenericModel(pydantic.BaseModel, Generic[T]):
    """With a variable."""

    several: list[list[T]]
    one: T | None


class WholeModel(GenericModel[int]):
    """With no variable left."""


@pytest.mark.parametrize(
    "row_class",
    [Middle[int], Whole, GenericDict[int], WholeDict, GenericModel[int], WholeModel],
)
def test_variables_in_types_are_replaced(row_class: Any) -> None:
    assert [one.hint for one in row_fields(row_class)] == [list[list[int]], int | None]
    assert Query().select(row_class).params() == [("select", "several, one")]


def before(value: object) -> object:
    return value


class Aliases(pydantic.BaseModel):
    """With several aliases, and validators that run before pydantic's."""

    uai: str = pydantic.Field(validation_alias=pydantic.AliasChoices("1_uai", "uai"))
    year: int = 0
    _before = pydantic.field_validator("year", mode="before")(before)


def test_the_first_alias_of_a_model_is_the_field() -> None:
    """What a validator that runs first takes is not known."""
    assert [(one.name, one.hint) for one in row_fields(Aliases)] == [("1_uai", str), ("year", Any)]


class AnyBefore(pydantic.BaseModel):
    """With a validator for all that comes."""

    year: int
    _before = pydantic.field_validator("*", mode="before")(before)


def test_a_validator_may_be_for_every_attribute() -> None:
    assert [one.hint for one in row_fields(AnyBefore)] == [Any]


class Path(pydantic.BaseModel):
    """With an alias inside a value."""

    width: int = pydantic.Field(validation_alias=pydantic.AliasPath("file", "width"))


def test_a_model_in_a_function_knows_its_types() -> None:
    class Inner(pydantic.BaseModel):
        year: int

    class Outer(pydantic.BaseModel):
        inner: Inner

    assert row_fields(Outer)[0].hint is Inner


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
        (Path, "no name of a field"),
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
