"""The helpers check their arguments and say what to write instead."""

from __future__ import annotations

import datetime
import inspect
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import odsql
from odsql import BuildError, F, Fields, check, literal, nodes
from odsql.builder import functions
from odsql.builder.expressions import call
from odsql.checks.diagnostics import Parameter, Request
from odsql.schema import Schema, SchemaField
from odsql.syntax.functions import DISTANCE_UNITS, INTERVAL_UNITS, NOW_PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.builder.expressions import Expression

POINT = "POINT(2.35 48.85)"
TYPES = ("text", "int", "double", "date", "datetime", "boolean", "geo_point_2d", "geo_shape")
C = Fields(Schema("places", [SchemaField(one, one) for one in TYPES]))


def has_error(clause: str, built: Expression) -> bool:
    """Return whether the checks find an error in the expression."""
    findings = check(Request((Parameter(clause, str(built)),)))
    return any(one.severity == "error" for one in findings)


def is_refused(build: Callable[[], object]) -> bool:
    try:
        build()
    except BuildError:
        return True
    return False


@pytest.mark.parametrize("name", functions.__all__)
def test_every_helper_says_where_its_rule_stands_and_what_it_refuses(name: str) -> None:
    """The docstring names the section of the reference and the error."""
    text = inspect.getdoc(getattr(functions, name)) or ""
    assert "(ODSQL: " in text
    assert "Raises:\n    BuildError: " in text or name == "all_fields"


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (odsql.count(literal("a")), 'count("a")'),
        (odsql.sum_(literal("a")), 'sum("a")'),
        (odsql.ifnull(literal("a"), "b"), 'ifnull("a", "b")'),
        (odsql.ifnull(F.a, F.b), "ifnull(a, b)"),
        (odsql.year(datetime.date(2024, 1, 31)), "year(date'2024-01-31')"),
        (odsql.json_format(F.a, "{}"), 'json_format(a, "{}")'),
        (odsql.within_distance(F.g, F.h, literal(1000)), "within_distance(g, h, 1000)"),
        (odsql.within_distance(F.g, F.h, "1.5 KM"), "within_distance(g, h, 1.5KM)"),
        (odsql.geo_cluster(F.g, 25, Decimal("0.5")), "geo_cluster(g, 25, 0.5)"),
        (odsql.percentile(F.a, 0.5), "percentile(a, 0.5)"),
        (odsql.now(year=9999, days=-10**6, weekday=0),
         "now(year=9999, days=-1000000, weekday=0)"),
        (odsql.facet(F.city, sort="-count"), 'facet(name="city", sort="-count")'),
        (odsql.facet("city", limit=0, separator="/"), 'facet(name="city", limit=0, separator="/")'),
        (odsql.range_(F.d, "12 hours"), "range(d, 12hours)"),
        (odsql.range_(F.d, datetime.date(2024, 1, 1), "*"), "range(d, date'2024-01-01', *)"),
        (odsql.range_(F.a, F.b), "range(a, b)"),
        (odsql.range_(C.date, "2024", odsql.now()), "range(date, date'2024', now())"),
        (odsql.range_(C.double, "*", -0.5, 1), "range(double, *, -0.5, 1)"),
        (odsql.ifnull(C.date, "2024"), "ifnull(date, date'2024')"),
        (odsql.ifnull(C.int, C.double), "ifnull(int, double)"),
        (odsql.bbox(C.geo_shape), "bbox(geo_shape)"),
        (C.geo_point_2d == POINT, f"geo_point_2d = geom'{POINT}'"),
        (C.boolean.colon(True), "boolean: true"),
        (C.text.colon(None), "text: null"),
    ],
)  # fmt: skip
def test_what_the_reference_has_can_be_built(built: Expression, text: str) -> None:
    """Beyond the reference, an explicit literal or another value is accepted, too."""
    assert str(built) == text


@pytest.mark.parametrize(
    "shape",
    [
        "POINT(1 2)",
        " multipolygon z (((1 2 3, 2 3 4, 3 1 5, 1 2 3)))",
        "SRID=4326;LINESTRING(1 2, 3 4)",
        "GEOMETRYCOLLECTION EMPTY",
        "0101000000000000000000F03F0000000000000040",
        '{"type": "Point", "coordinates": [1, 2]}',
    ],
)
def test_geometries_are_wkt_wkb_and_geojson(shape: str) -> None:
    """Strings are used unchanged."""
    assert odsql.intersects(F.g, shape).node == nodes.Call(
        "intersects", (nodes.Field("g"), nodes.Geometry(shape))
    )


ANY: Any = odsql  # for calls that a type checker refuses, too


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ANY.sum_("a"), r"'a' is a string; for the field write sum_\(F\['a'\]\)"),
        (lambda: ANY.count("a"), r"for the field write count\(F\['a'\]\)"),
        (lambda: ANY.count("a", distinct=True), r"for the field write count\(F\['a'\]\)"),
        (lambda: ANY.ifnull("a", 0), r"for the field write ifnull\(F\['a'\]\)"),
        (lambda: ANY.year("a"), r"for the field write year\(F\['a'\]\)"),
        (lambda: ANY.sum_(None), "sum takes a number value, not None"),
        (lambda: ANY.max_(True), "max takes a number or date value, not True"),
        (lambda: ANY.year(2024), "year takes a date value, not 2024"),
        (lambda: ANY.lower(5), "lower takes a text value, not 5"),
        (lambda: ANY.length(None), "length takes a text value, not None"),
        (lambda: ANY.json_format(F.a, 5), "5 is not a string"),
        (lambda: ANY.count(distinct=True), "needs a value"),
        (lambda: ANY.date(5), r"the argument of date\(\) must be a string, not 5"),
        (lambda: ANY.date("hello"), "'hello' is not a date; write"),
        (lambda: ANY.date("2024-02-30"), "has an invalid day: 30"),
        (lambda: ANY.include(F.a), r"argument of include\(\) must be a string, not <FieldValue a>"),
        (lambda: ANY.exclude(5), r"the argument of exclude\(\) must be a string, not 5"),
        (lambda: ANY.include("a*b"), r"one \*, at its end"),
        (lambda: ANY.percentile(F.a, "50"), "'50' is not a number"),
        (lambda: ANY.percentile(F.a, 101), "0 to 100"),
        (lambda: ANY.percentile(F.a, Decimal("nan")), "not a number, or not finite"),
        (lambda: ANY.random(1.5), r"seed of random\(\) must be a whole number, not 1.5"),
        (lambda: ANY.now(fortnight=1), r"now\(\) has no argument fortnight; it has day, days"),
        (lambda: ANY.now(month=13), r"month of now\(\) must be from 1 to 12, not 13"),
        (lambda: ANY.now(day=0), r"day of now\(\) must be at least 1, not 0"),
        (lambda: ANY.now(days=1.5), r"days of now\(\) must be a whole number, not 1.5"),
        (lambda: ANY.now(days=True), r"days of now\(\) must be a whole number, not True"),
        (lambda: ANY.now(month=10**5000), "at most 400 digits"),
        (lambda: ANY.geo_cluster(F.g, 26), r"zoom of geo_cluster\(\) must be from 0 to 25, not 26"),
        (lambda: ANY.geo_cluster(F.g, 1.5), r"zoom of geo_cluster\(\) must be a whole number"),
        (lambda: ANY.geo_cluster(F.g, "5"), r"zoom of geo_cluster\(\) must be a whole number"),
        (lambda: ANY.geo_cluster(F.g, 5, -1), "at least 0 pixels, not -1"),
        (lambda: ANY.search(F.a), "then a string"),
        (lambda: ANY.search(5, "x"), "5 is not a field"),
        (lambda: ANY.within_distance(F.g, (1, 2), "far"), "number with a unit"),
        (lambda: ANY.within_distance(F.g, (1, 2), "15 parsec"), "not a distance; the units are mi"),
        (lambda: ANY.within_distance(F.g, (1, 2), 1000), '1000 has no unit; write "1000m"'),
        (lambda: ANY.within_distance(F.g, 5, "1km"), "not a geometry"),
        (lambda: ANY.intersects(F.g, "hello"), "not a geometry: 'hello'; give"),
        (lambda: ANY.intersects(F.g, "POINT(1 2"), "not a geometry"),
        (lambda: ANY.intersects(F.g, "{}"), "not a geometry"),
        (lambda: ANY.geometry(F.g, POINT, "foo bar"), "has no mode 'foo bar'; the modes are"),
        (lambda: ANY.geometry(F.g, POINT, 5), r"mode of geometry\(\) must be a string, not 5"),
        (lambda: ANY.facet(F.a + 1, limit=1), "is not a field; write F.name"),
        (lambda: ANY.facet(5), "5 is not a field"),
        (lambda: ANY.facet("a", foo=1), r"has no option foo; .* write odsql.call\('facet'"),
        (lambda: ANY.facet("a", disjunctive="yes"), r"disjunctive of facet\(\) must be True"),
        (lambda: ANY.facet("a", limit=1.5), r"limit of facet\(\) must be a whole number"),
        (lambda: ANY.facet("a", separator=None), r"separator of facet\(\) must be a string"),
        (lambda: ANY.facet("a", sort="size"), r"sort of facet\(\) must be one of count, -count"),
        (lambda: ANY.range_(F.a), "range needs a width"),
        (lambda: ANY.range_(F.a, "*"), "range needs a width"),
        (lambda: ANY.range_(F.d, datetime.date(2024, 1, 1)), "or at least two steps"),
        (lambda: ANY.range_(F.a, "*", "*"), "the steps of range must be numbers or dates"),
        (lambda: ANY.range_(F.a, 1, "*", 2), "the first or last step"),
        (lambda: ANY.range_(F.a, 1, datetime.date(2024, 1, 1)), "numbers or dates"),
        (lambda: ANY.range_(F.a, "1 day", "2 days"), "a single interval or static_range"),
        (lambda: ANY.range_(F.a, odsql.static_range(1, 2), 3), "a single interval or static_range"),
        (lambda: ANY.range_(F.a, odsql.static_range("x")), "the steps of range must be numbers"),
        (lambda: ANY.range_(F.a, literal("x"), 2), "the steps of range must be numbers or dates"),
        (lambda: ANY.range_(F.a, True), "True is not allowed here"),
        (lambda: ANY.range_(F.a, "1 foo"), "foo is not a unit of time; write second"),
        (lambda: ANY.range_(F.a, "1.5 days"), "whole number of units, not 1.5"),
        (lambda: ANY.range_(F.a, "2 months"), "at a time; write 1 months"),
        (lambda: ANY.range_(F.a, "2024-01-31"), "not a number with a unit"),
        (lambda: ANY.static_range(), "needs steps"),
    ],
)  # fmt: skip
def test_what_the_reference_does_not_have_is_refused(
    build: Callable[[], object], message: str
) -> None:
    """The error is a BuildError, raised where the mistake is made."""
    with pytest.raises(BuildError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: odsql.range_(C.text, 5), "takes int or double or decimal or date or datetime"),
        (lambda: odsql.range_(C.date, 5), "for which range takes an interval or dates"),
        (lambda: odsql.range_(C.datetime, 5, 10), "for which range takes an interval or dates"),
        (lambda: odsql.range_(C.int, "1 day"), "for which range takes a width or numbers"),
        (lambda: odsql.range_(C.int, datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)),
         "for which range takes a width or numbers"),
        (lambda: odsql.range_(C.int, odsql.static_range(odsql.date("2020"), odsql.date("2021"))),
         "for which range takes a width or numbers"),
        (lambda: odsql.range_(C.date, "last year", "*"), "'last year' is not"),
        (lambda: odsql.ifnull(C.int, C.text), "of one type; int is number, text is text"),
        (lambda: odsql.ifnull(C.int, literal("x")), "values of one type"),
        (lambda: odsql.ifnull(literal("x"), C.int), "values of one type"),
        (lambda: odsql.envelope(C.geo_shape), "envelope takes geo_point_2d"),
        (lambda: odsql.geo_cluster(C.geo_shape, 5), "geo_cluster takes geo_point_2d"),
        (lambda: odsql.bbox(C.text), "bbox takes geo_point_2d or geo_shape"),
        (lambda: odsql.distance(C.geo_point_2d, C.text), "distance takes geo_point_2d"),
        (lambda: odsql.lower(C.int), "lower takes text"),
        (lambda: C.text.colon(True), "text is of type text, not boolean"),
        (lambda: C.text == literal(True), "text is of type text, not boolean"),
    ],
)  # fmt: skip
def test_with_a_schema_the_types_of_the_reference_are_required(
    build: Callable[[], object], message: str
) -> None:
    """Errors are raised when the expression is built."""
    with pytest.raises(BuildError, match=message):
        build()


@given(st.sampled_from(["fortnight", *NOW_PARTS]), st.integers(-2, 70) | st.integers())
def test_now_takes_what_the_checks_take(name: str, number: int) -> None:
    """Both use the names and ranges of the reference."""
    build: Any = lambda: odsql.now(**{name: number})  # noqa: E731
    assert is_refused(build) == has_error("where", call("now", **{name: number}) > F.d)


@given(
    st.sampled_from(["0", "1", "01", "2", "1.0", "30"]),
    st.sampled_from([*sorted(INTERVAL_UNITS), "foo", "D", "Months", "km"]),
)
def test_range_takes_the_intervals_that_the_checks_take(amount: str, unit: str) -> None:
    """Both use the units of the reference and respect their case."""
    step = nodes.Quantity(nodes.Number(amount), unit)
    build: Any = lambda: odsql.range_(F.d, f"{amount} {unit}")  # noqa: E731
    assert is_refused(build) == has_error("group_by", call("range", F.d, step))


@pytest.mark.parametrize("unit", [*DISTANCE_UNITS, "KM", "foo", "day"])
def test_distances_are_those_that_the_checks_take(unit: str) -> None:
    """Both use the units of the reference in any case."""
    radius = nodes.Quantity(nodes.Number("1"), unit)
    shape = nodes.Geometry(POINT)
    build: Any = lambda: odsql.within_distance(F.g, POINT, f"1{unit}")  # noqa: E731
    assert is_refused(build) == has_error("where", call("within_distance", F.g, shape, radius))
