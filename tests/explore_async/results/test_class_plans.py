"""Rows in classes: a row that fits comes out equal, and any other is a misfit with its field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

import attrs
import msgspec
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from explore_async import ConfigurationError, GeoPoint, MisfitError
from explore_async.results.class_plans import plan_of
from explore_async.results.into import ClassPages
from explore_async.results.misfits import Misfit
from tests.explore_async.results.row_classes import KINDS, File, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

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
    | st.text('abé"\\\\{}[]:,', max_size=4),  # never the text of a number
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
NEARLY: list[Any] = [
    *("2024", "2024-02-30", "2024-01-02", "2024-01-02T10:00:00", "2024-01-02T10:00:00+02:00"),
    *("2024-01-02T00:00:00Z", "2024-01-02T00:00:00.000+00:00", "2024-01-02T00:00:00+02:00"),
    *("R", "ROAD", "low", "5", 5, 5.0, True, None, [], {}),
    *({"lon": 1, "lat": 2.5}, {"lon": 1}, {"lon": "1", "lat": 2}, {"lon": None, "lat": 2}),
    *([1.5, 2], [1, 2, 3], ["1", "2"], ["a"], ["a", 5], [None]),
    *({"filename": "x", "width": 3, "more": 1}, {"filename": "x", "width": None}),
    *({"filename": "x"}, {"filename": 5, "width": 3}, {"filename": "x", "width": 3.5}),
]
ROW: dict[str, Any] = {
    "name": "x",
    "price": 1.5,
    "exact": Decimal("1.50"),
    "count": 5,
    "is_open": True,
    "day": None,
    "at": datetime(2024, 1, 2, tzinfo=UTC),
    "tags": ["a"],
    "level": "low",
    "place": GeoPoint(lon=2.5, lat=48.0),
    "kind": Kind.ROAD,
    "file": None,
}
MISFIT = object()
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T00:00:00(\.0+)?(Z|\+00:00))?", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def day_of(value: Any) -> Any:
    found = DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        return MISFIT if found is None else date.fromisoformat(found[1])
    except ValueError:  # the 30th of February
        return MISFIT


def decimal_of(value: Any) -> Any:
    if is_number(value):
        return Decimal(wired(value))
    return Decimal(value) if isinstance(value, str) and value.isdigit() else MISFIT


def place_of(value: Any, kind: str) -> Any:
    if isinstance(value, list) and len(value) == 2 and kind == "renamed":
        value = {"lon": value[0], "lat": value[1]}
    if not isinstance(value, dict) or not all(is_number(value.get(key)) for key in ("lon", "lat")):
        return MISFIT
    lon, lat = float(value["lon"]), float(value["lat"])
    return (lon, lat) if kind == "renamed" else GeoPoint(lon=lon, lat=lat)


def file_of(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("filename"), str):
        return MISFIT
    width = value.get("width", MISFIT)
    fits = width is None or (isinstance(width, int) and not isinstance(width, bool))
    return File(value["filename"], width) if fits else MISFIT


def becomes(name: str, value: Any, kind: str) -> Any:
    """Return what a value of JSON is in a row; MISFIT if it fits no row."""
    whole = is_number(value) and isinstance(value, int)
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    rules: dict[str, Callable[[], Any]] = {
        "name": lambda: value if isinstance(value, str) else MISFIT,
        "price": lambda: float(value) if is_number(value) else MISFIT,
        "exact": lambda: decimal_of(value),
        "count": lambda: value if whole else MISFIT,
        "is_open": lambda: value if isinstance(value, bool) else MISFIT,
        "day": lambda: None if value is None else day_of(value),
        "at": lambda: (
            datetime.fromisoformat(value)
            if isinstance(value, str) and MOMENT.fullmatch(value)
            else MISFIT
        ),
        "place": lambda: place_of(value, kind),
        "tags": lambda: (tuple(value) if kind == "renamed" else value) if texts else MISFIT,
        "kind": lambda: Kind(value) if value in ("R", "A") else MISFIT,
        "level": lambda: value if value in ("low", "high") else MISFIT,
        "file": lambda: file_of(value),
    }
    return rules[name]()


def check(kind: str, name: str, row: dict[str, Any], value: Any) -> None:
    """Check what becomes of a row with this value, alone and in a page."""
    plan = plan_of(KINDS[kind])
    raw = encoded({**row, name: value})
    read = plan.read(raw)
    (in_page,) = (ClassPages(plan).decode(page_of(raw)))["results"]  # type: ignore[index]
    assert repr(in_page) == repr(read)
    expected = becomes(name, value, kind)
    if expected is MISFIT:
        assert isinstance(read, Misfit)
        assert (read.field, read.class_name) == (name, KINDS[kind].__name__)
        assert isinstance(read.error(3), MisfitError)
        return
    attribute = "title" if (kind, name) == ("renamed", "name") else name
    came = read[name] if kind == "dict" else getattr(read, attribute)
    assert repr(came) == repr(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", fitting)
@few
@given(row=rows, value=anything)
def test_any_value_is_what_the_rules_say_or_a_misfit_with_its_field(
    kind: str, name: str, row: dict[str, Any], value: Any
) -> None:
    """Never another exception, never another value, and in a page the same."""
    check(kind, name, row, value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", fitting)
def test_values_that_nearly_fit_do_so_too(kind: str, name: str) -> None:
    for value in NEARLY:
        check(kind, name, ROW, value)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_differ_are_told_apart(kind: str) -> None:
    """By what pages are compared by, which may be no JSON."""
    plan = plan_of(KINDS[kind])
    counts = (1, 2, 2**70, 2**71, "no number", "another", 1)
    first, *others, again = (
        plan.values(plan.read(encoded({**ROW, "count": count}))) for count in counts
    )
    assert first == again
    assert all(one not in (first, *others[index + 1 :]) for index, one in enumerate(others))


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


class Listed(msgspec.Struct, array_like=True):
    """A Struct whose own JSON is an array."""

    name: str


@pytest.mark.parametrize("row_class", [Tagged, Listed])
def test_a_struct_with_other_json_of_its_own_reads_rows(row_class: Any) -> None:
    """In one pass."""
    assert plan_of(row_class).read(b'{"name": "x"}') == row_class("x")
    assert not plan_of(row_class).direct


@attrs.frozen
class Sets:
    """A class with sets."""

    tags: set[str]
    days: frozenset[date] | None
    places: list[tuple[float, float]]
    others: dict[str, datetime]


def test_several_values_become_what_the_class_wants() -> None:
    row = b"""{"tags":["a","a"],"days":["2024-01-02"],"places":[{"lon":1,"lat":2}],"others":{}}"""
    read = plan_of(Sets).read(row)
    assert read == Sets({"a"}, frozenset({date(2024, 1, 2)}), [(1.0, 2.0)], {})
    assert plan_of(Sets).read(row.replace(b"{}", b'{"a":"2024-01-02"}')).field == "others"


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
