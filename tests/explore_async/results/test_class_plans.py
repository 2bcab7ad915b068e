"""Rows in classes: a row that fits comes out equal, and any other is a misfit with its field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypedDict

import attrs
import msgspec
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from explore_async import ConfigurationError, GeoPoint
from explore_async.results.class_plans import plan_of
from explore_async.results.into import ClassPages
from explore_async.results.misfits import Misfit
from tests.explore_async.results.row_classes import KINDS, File, Kind

degrees = st.floats(-180, 180)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
files = st.builds(File, st.text(max_size=5), st.none() | st.integers(0, 9))
fitting: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(max_size=5),
    "price": st.floats(allow_nan=False, allow_infinity=False),
    "exact": st.decimals(-(10**20), 10**20, places=12),
    "count": st.integers(-(2**70), 2**70),
    "is_open": st.booleans(),
    "day": st.none() | st.dates(),
    "at": st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones).map(
        lambda moment: moment.replace(fold=0)
    ),
    "place": st.builds(lambda lon, lat: GeoPoint(lon=lon, lat=lat), degrees, degrees),
    "tags": st.lists(st.text(max_size=3), max_size=3),
    "kind": st.sampled_from(Kind),
    "level": st.sampled_from(["low", "high"]),
    "file": st.none() | files,
}
rows = st.fixed_dictionaries(fitting)
few = settings(max_examples=40, deadline=None)


def wired(value: Any) -> str:
    """Write a value as a server does."""
    if isinstance(value, Kind):
        return wired(value.value)
    if isinstance(value, File):
        return wired({"filename": value.filename, "width": value.width, "url": "https://x"})
    if isinstance(value, GeoPoint):
        return wired({"lon": value.lon, "lat": value.lat})
    if isinstance(value, date):
        return wired(value.isoformat())
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value)


def encoded(row: dict[str, Any]) -> bytes:
    return f"{{{','.join(f'{wired(key)}:{wired(value)}' for key, value in row.items())}}}".encode()


def page_of(*rows: bytes) -> bytes:
    return b'{"total_count":%d,"results":[%b]}' % (len(rows), b",".join(rows))


def made(kind: str, row: dict[str, Any]) -> Any:
    """Return the instance that a program would make."""
    values = dict(row)
    if kind == "renamed":
        values["title"] = values.pop("name")
        values["place"] = (row["place"].lon, row["place"].lat)
        values["tags"] = tuple(row["tags"])
    return KINDS[kind](**values)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(row=rows, days=st.booleans())
def test_a_row_that_fits_comes_out_equal(kind: str, row: dict[str, Any], days: bool) -> None:
    """In pages and alone, also where a portal sends a day as midnight."""
    raw, day = encoded(row), str(row["day"]).encode()
    if days and row["day"] is not None:
        raw = raw.replace(b'"day":"%b"' % day, b'"day":"%bT00:00:00Z"' % day)
    expected = made(kind, row)
    plan = plan_of(KINDS[kind])
    pages = ClassPages(plan)
    page = pages.page(pages.decode(page_of(raw, raw)), offset=0, limit=100)
    assert page.rows == [expected, expected]
    assert plan.read(raw) == expected
    if kind != "dict":  # whose keys may come in another order
        assert repr(plan.read(raw)) == repr(expected)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["2024", "2024-02-30", "2024-01-02T10:00:00", "R", "low", "5", "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
FITS: dict[str, Any] = {
    "name": str,
    "price": (int, float),
    "count": int,
    "is_open": bool,
    "kind": str,
    "level": str,
}


@pytest.mark.parametrize("kind", KINDS)
@few
@given(row=rows, name=st.sampled_from(sorted(fitting)), value=anything)
def test_a_row_that_does_not_fit_is_a_misfit_with_its_field(
    kind: str, row: dict[str, Any], name: str, value: Any
) -> None:
    """Never another exception; and if it fits after all, it holds what came."""
    plan = plan_of(KINDS[kind])
    raw = encoded({**row, name: value})
    read = plan.read(raw)
    (in_page,) = (ClassPages(plan).decode(page_of(raw)))["results"]  # type: ignore[index]
    assert repr(in_page) == repr(read)
    if isinstance(read, Misfit):
        assert (read.field, read.class_name) == (name, KINDS[kind].__name__)
        assert isinstance(read.error(3), ConfigurationError) is False
        return
    assert name not in FITS or isinstance(value, FITS[name])
    attribute = "title" if (kind, name) == ("renamed", "name") else name
    came = read[name] if kind == "dict" else getattr(read, attribute)
    if name in FITS:
        expected = float(value) if name == "price" else value
        assert (came.value if isinstance(came, Kind) else came) == expected
    assert (came is None) == (value is None)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(row=rows, name=st.sampled_from(sorted(fitting)))
def test_a_missing_key_is_a_misfit_unless_the_class_has_a_default(
    kind: str, row: dict[str, Any], name: str
) -> None:
    lacking = {key: value for key, value in row.items() if key != name}
    read = plan_of(KINDS[kind]).read(encoded(lacking))
    if kind == "renamed" and name == "file":
        assert read == attrs.evolve(made(kind, row), file=None)
    else:
        assert (read.field, read.came) == (name, "nothing")


@attrs.frozen
class Shaped:
    """A row with geometries of shapely."""

    point: shapely.Point
    shape: shapely.Polygon | None


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


@pytest.mark.parametrize(
    "shape", [SQUARE, {"type": "Feature", "geometry": SQUARE, "properties": {}}]
)
def test_geometries_of_shapely_are_made_of_points_and_shapes(shape: Any) -> None:
    row = {"point": {"lon": 2.5, "lat": 48.0}, "shape": shape}
    read = plan_of(Shaped).read(orjson.dumps(row))
    assert read == Shaped(shapely.Point(2.5, 48), shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 0)]))


@pytest.mark.parametrize(
    "shape",
    [
        *(
            {"type": "Point", "coordinates": [1, 2]},
            {"type": "Cube", "coordinates": []},
            {},
            5,
            "x",
        ),
        *({"type": "Polygon"}, {"type": "Polygon", "coordinates": [[[0, 0]]]}, [1, 2]),
    ],
    ids=str,
)
def test_what_is_not_the_geometry_that_is_wanted_is_a_misfit(shape: Any) -> None:
    row = {"point": {"lon": 2.5, "lat": 48.0}, "shape": shape}
    assert plan_of(Shaped).read(orjson.dumps(row)).field == "shape"


def positive(_: object, attribute: Any, value: float) -> None:
    if value <= 0:
        msg = f"{attribute.name} must be positive"
        raise ValueError(msg)


def stripped(text: str) -> str:
    return text.strip()


@attrs.frozen
class Checked:
    """A class that checks and converts its values."""

    price: float = attrs.field(validator=positive)
    name: str = attrs.field(converter=stripped)


def test_validators_and_converters_of_attrs_run() -> None:
    plan = plan_of(Checked)
    assert plan.read(b'{"price": 1, "name": " x "}') == Checked(1.0, "x")
    assert "price must be positive" in plan.read(b'{"price": -1, "name": "x"}').wanted


@dataclass
class Inner:
    """A nested class with a moment."""

    at: datetime


class Outer(TypedDict):
    """A class with nested ones."""

    one: Inner
    several: list[Inner]


def test_a_moment_without_a_zone_does_not_fit_a_nested_class_either() -> None:
    aware, naive = '{"at":"2024-01-02T10:00:00Z"}', '{"at":"2024-01-02T10:00:00"}'
    plan = plan_of(Outer)
    assert plan.read(f'{{"one":{aware},"several":[{aware}]}}'.encode())["several"][0].at.tzinfo
    assert plan.read(f'{{"one":{naive},"several":[]}}'.encode()).field == "one"
    assert plan.read(f'{{"one":{aware},"several":[{naive}]}}'.encode()).field == "several"


class Tagged(msgspec.Struct, tag=True):
    """A Struct whose own JSON has one key more."""

    name: str


def test_a_tag_of_a_struct_is_not_asked_for() -> None:
    assert plan_of(Tagged).read(b'{"name": "x"}') == Tagged("x")


@attrs.frozen
class Odd:
    """A class with a type that rows cannot become."""

    code: complex


@attrs.frozen
class Mixed:
    """A class with a union that cannot be told apart."""

    when: date | str


@attrs.frozen
class Tree:
    """A class that contains itself."""

    children: list[Tree]


@pytest.mark.parametrize("wrong", [Odd, Mixed, Tree, int, "Station", None])
def test_a_class_that_rows_cannot_become_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        plan_of(wrong)
