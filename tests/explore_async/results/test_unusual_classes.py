"""Classes of rows with code, types or names of their own: what their libraries do, rows do, too."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, NewType, TypeVar

import attrs
import msgspec
import pydantic
import pytest
import shapely
import typing_extensions
from attrs import converters

from explore_async import ConfigurationError, GeoPoint
from explore_async.results.class_plans import plan_of
from explore_async.results.into import ClassPages
from explore_async.results.misfits import Misfit
from odsql import Field


def read(row_class: Any, row: bytes) -> Any:
    """Return what becomes of a row, which is the same in a page."""
    plan = plan_of(row_class)
    found = plan.read(row)
    page: Any = ClassPages(plan).decode(b'{"total_count":1,"results":[%b]}' % row)
    assert repr(page["results"]) == repr([found])
    return found


@dataclass
class Doubled:
    """A dataclass with an `__init__` of its own."""

    count: int

    def __init__(self, count: int) -> None:
        self.count = 2 * count


@attrs.define
class Counted:
    """A class whose subclass has an `__init__` of its own."""

    count: int


class DoubledBelow(Counted):
    """A plain subclass."""

    def __init__(self, count: int) -> None:
        super().__init__(2 * count)


@dataclass
class Sum:
    """A dataclass whose `__init__` takes more than it keeps."""

    count: int
    more: InitVar[int] = 0

    def __post_init__(self, more: int) -> None:
        self.count += more


@attrs.define
class Following:
    """A class with a default that looks at the instance."""

    count: int
    after: int = attrs.field()

    @after.default
    def _next(self) -> int:
        return self.count + 1


@attrs.define
class Unannotated:
    """A class without types."""

    count = attrs.field()  # type: ignore[var-annotated]


@attrs.define
class Private:
    """A class whose arguments have other names than its attributes."""

    _day: date
    size: int = attrs.field(alias="height")


def test_what_making_an_instance_runs_is_run() -> None:
    assert read(Doubled, b'{"count":5}').count == 10
    assert read(DoubledBelow, b'{"count":5}').count == 10
    assert read(Sum, b'{"count":5,"more":2}').count == 7
    assert read(Sum, b'{"count":5}').count == 5
    assert read(Following, b'{"count":5}').after == 6
    assert read(Unannotated, b'{"count":5}').count == 5
    private = Private(date(2024, 1, 31), height=6)
    assert read(Private, b'{"_day":"2024-01-31T00:00:00Z","size":6}') == private


@dataclass
class Asserting:
    """A class that checks itself with `assert`."""

    count: int

    def __post_init__(self) -> None:
        assert self.count > 0, "count must be positive"


def test_an_assertion_that_fails_is_a_misfit() -> None:
    assert read(Asserting, b'{"count":1}') == Asserting(1)
    assert "count must be positive" in read(Asserting, b'{"count":0}').wanted


def day_of(text: str) -> date:
    return date.fromisoformat(text)


def first_of(several: list[str], _: object) -> str:
    return several[0]


def in_upper_case(value: object) -> str:
    return str(value).upper()


FIRST: Any = attrs.Converter(first_of, takes_self=True)


@attrs.frozen
class Converted:
    """A class whose converters say what they take, or do not."""

    day: date = attrs.field(converter=day_of)
    tag: str = attrs.field(converter=FIRST)  # type: ignore[misc]
    month: date | None = attrs.field(converter=converters.optional(day_of))
    name: str = attrs.field(converter=in_upper_case)
    parts: tuple[str, ...] = attrs.field(converter=tuple)


def test_a_converter_is_given_what_it_says_that_it_takes() -> None:
    """And otherwise a value of the type of the attribute."""
    row = b'{"day":"2024-01-31","tag":["a","b"],"month":%b,"name":%b,"parts":["c"]}'
    day = date(2024, 1, 31)
    values = attrs.astuple(read(Converted, row % (b"null", b'"x"')))
    assert values == (day, "a", None, "X", ("c",))
    assert read(Converted, row % (b'"2024-01-31"', b'"x"')).month == day
    assert read(Converted, row % (b"5", b'"x"')).field == "month"
    assert read(Converted, row % (b"null", b"5")).field == "name"


Number = NewType("Number", int)
Count = NewType("Count", Number)
T = TypeVar("T")


@attrs.define
class Named(Generic[T]):
    """A class with types that stand for others."""

    one: Count
    several: list[Count]
    whatever: object
    other: T


LIKE_IT: Any = (1, [2], {"a": [1]}, "x")


def test_names_of_types_are_those_types() -> None:
    row = b'{"one":1,"several":[2],"whatever":{"a":[1]},"other":%b}'
    assert read(Named[str], row % b'"x"') == Named(*LIKE_IT)
    assert read(Named[str], row % b"5").field == "other"
    assert read(Named[datetime], row % b'"2024-01-02T10:00:00"').field == "other"
    with pytest.raises(ConfigurationError, match=r"Named\.other is ~T"):
        plan_of(Named)


class Unchanging(typing_extensions.TypedDict):
    """A TypedDict with what msgspec does not know."""

    count: typing_extensions.ReadOnly[int]
    at: typing_extensions.NotRequired[datetime]


def test_a_typed_dict_may_be_read_only() -> None:
    assert read(Unchanging, b'{"count":5}') == {"count": 5}
    assert read(Unchanging, b'{"count":"5"}').field == "count"


@attrs.define
class Either:
    """A class with a moment that may be a number."""

    at: datetime | int | None


def test_a_moment_or_another_value() -> None:
    assert read(Either, b'{"at":5}') == Either(5)
    assert read(Either, b'{"at":null}') == Either(None)
    assert read(Either, b'{"at":"2024-01-02T10:00:00Z"}').at.tzinfo is not None
    assert read(Either, b'{"at":"2024-01-02T10:00:00"}').field == "at"


def halved(value: Any) -> Any:
    return value / 2


class Validated(pydantic.BaseModel):
    """A model with types that pydantic checks, and validators that run before it."""

    urls: list[pydantic.HttpUrl]
    day: Annotated[date, pydantic.BeforeValidator(lambda text: text.replace("/", "-"))]
    count: int = 0
    _before = pydantic.field_validator("count", mode="before")(halved)


def test_a_model_checks_the_types_that_only_pydantic_knows() -> None:
    found = read(Validated, b'{"urls":["https://x.fr/"],"day":"2024/01/31","count":10}')
    assert (str(found.urls[0]), found.day, found.count) == ("https://x.fr/", date(2024, 1, 31), 5)
    wrong = read(Validated, b'{"urls":[],"day":"2024/13/31","count":10}')
    assert (wrong.field, wrong.came) == ("day", '"2024/13/31"')


class Chosen(pydantic.BaseModel):
    """A model with several aliases."""

    name: str = pydantic.Field(default="none", validation_alias=pydantic.AliasChoices("a", "b"))


def test_a_model_is_given_its_first_alias() -> None:
    assert read(Chosen, b'{"a":"x"}').name == "x"


class Optional(msgspec.Struct):
    """A Struct whose field may be null, with its name inside the union."""

    uai: Annotated[str, Field("1_uai")] | None


def test_a_name_inside_a_union_is_the_name_of_the_field() -> None:
    assert read(Optional, b'{"1_uai":"x","uai":"another"}') == Optional("x")


@attrs.frozen
class Limited:
    """A class that is read through a twin, with a limit."""

    size: Annotated[int, Field("height"), msgspec.Meta(ge=1)]


def test_limits_of_msgspec_hold_under_other_names() -> None:
    assert read(Limited, b'{"height":1}') == Limited(1)
    assert read(Limited, b'{"height":0}').field == "height"


@attrs.frozen
class Shaped:
    """A class with geometries of several kinds."""

    area: shapely.Polygon | shapely.MultiPolygon | None
    any: shapely.Geometry


SQUARE = b'{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}'
LINE = b'{"type":"LineString","coordinates":[[0,0],[1,0]]}'


def test_a_geometry_may_be_one_of_several() -> None:
    row = b'{"area":%b,"any":%b}'
    square, line = (shapely.from_geojson(one.decode()) for one in (SQUARE, LINE))
    assert read(Shaped, row % (SQUARE, LINE)) == Shaped(square, line)
    assert read(Shaped, row % (b"null", SQUARE)) == Shaped(None, square)
    assert read(Shaped, row % (LINE, LINE)).field == "area"
    assert read(Shaped, row % (SQUARE, b"5")).field == "any"


@attrs.frozen
class Placed:
    """A class with a point."""

    place: shapely.Point


@pytest.mark.parametrize("degrees", ['"2.5"', "true", '"nan"', "null"])
def test_the_coordinates_of_a_point_are_numbers(degrees: str) -> None:
    row = f'{{"place":{{"lon":{degrees},"lat":48}}}}'.encode()
    assert isinstance(read(Placed, row), Misfit)
    assert read(Placed, b'{"place":{"lon":2,"lat":48}}') == Placed(shapely.Point(2, 48))


def test_a_struct_that_allows_no_other_keys_is_given_its_own_only() -> None:
    class Strict(msgspec.Struct, forbid_unknown_fields=True):
        place: Annotated[GeoPoint, "a point"]

    assert read(Strict, b'{"place":{"lon":2,"lat":48},"more":1}').place == GeoPoint(lon=2, lat=48)
