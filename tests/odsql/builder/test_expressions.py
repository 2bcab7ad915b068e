"""The builder makes the trees that the parser makes, or explains why it cannot."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import odsql
from odsql import (
    F,
    ODSQLError,
    Query,
    nodes,
    parse_facet,
    parse_group_by,
    parse_order_by,
    parse_select,
    parse_where,
)
from odsql.builder.expressions import Condition, Expression, Value, call, geom
from odsql.syntax.functions import CATALOGUE
from tests.odsql import strategies

if TYPE_CHECKING:
    from collections.abc import Callable


class Colour(StrEnum):
    """An enumeration that prints something other than its value."""

    RED = "red"

    def __str__(self) -> str:
        return "Colour.RED"


class NotATime(datetime.datetime):
    """Like pandas.NaT, a datetime that equals nothing and has no time zone."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def utcoffset(self) -> datetime.timedelta | None:
        message = "NaTType does not support utcoffset"
        raise ValueError(message)


class Rank(IntEnum):
    """An integer enumeration."""

    THIRD = 3


ODD_ZONE = datetime.timezone(datetime.timedelta(minutes=9, seconds=21))
PARIS = "geom'POINT(2.35 48.85)'"


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (F.a == 1, "a = 1"),
        (F.a != "x", 'a != "x"'),
        (F.a > -1.5, "a > -1.5"),
        (F.a >= Decimal("0.10"), "a >= 0.10"),
        (F.a < 1e-7, "a < 0.0000001"),
        (F.a >= 1, "a >= 1"),
        (F["1_uai"] == F.b, "`1_uai` = b"),
        (F.a == None, "a is null"),  # noqa: E711 - the point
        (F.a != None, "a is not null"),  # noqa: E711
        (F.a == True, "a is true"),  # noqa: E712
        (F.a.is_not_false(), "a is not false"),
        (F.a & ~F.b | (F.c == 1), "a AND NOT b OR c = 1"),
        (~(F.a & (F.b | F.c)), "NOT (a AND (b OR c))"),
        ((F.a - (F.b - F.c)) * 2 > -F.d, "(a - (b - c)) * 2 > -d"),
        (2 / F.a + 1 > 0, "2 / a + 1 > 0"),
        (F.a.like("film*"), 'a like "film*"'),
        (F.a.isin(["x", 1, True]), 'a in ("x", 1, true)'),
        (F.a.isin([]), "1 = 2"),
        (F.a.has("x"), '"x" in a'),
        (F.a.between(1, 5), "a in [1..5]"),
        (F.a.between(1, 5, bounds="]["), "a in ]1..5["),
        (F.d == datetime.date(2024, 1, 31), "d = date'2024-01-31'"),
        (
            F.d > datetime.datetime(2024, 1, 31, 10, tzinfo=datetime.UTC),
            "d > date'2024-01-31T10:00:00+00:00'",
        ),
        (F.d >= odsql.date("2024"), "d >= date'2024'"),
        (F.d >= odsql.now(days=-7, hour=0), "d >= now(days=-7, hour=0)"),
        (F.a.startswith("x"), 'startswith(a, "x")'),
        (odsql.search("x") & odsql.full_text("y"), 'search("x") AND "y"'),
        (odsql.search("*", "x"), 'search(*, "x")'),
        (odsql.within_distance(F.g, (2.35, 48.85), "10 km"), f"within_distance(g, {PARIS}, 10km)"),
        (odsql.in_bbox("g", 48.8, -2.2, 49, 3), "in_bbox(g, 48.8, -2.2, 49, 3)"),
        (odsql.within(F.g, {"type": "Point", "coordinates": [1, 2]}),
         'within(g, geom\'{"type": "Point", "coordinates": [1, 2]}\')'),
        (odsql.year(F.d) == 2024, "year(d) = 2024"),
        (odsql.year(F.d).between(2020, 2024), "year(d) >= 2020 AND year(d) <= 2024"),
        (odsql.literal(1) == 2, "1 = 2"),
        (~~F.a, "a"),
        (F.a == Colour.RED, 'a = "red"'),
        (F.a.isin({"b", "a"}), 'a in ("a", "b")'),
        (F.a == Rank.THIRD, "a = 3"),
        (F.d == datetime.datetime(1900, 1, 1, tzinfo=ODD_ZONE),
         "d = date'1899-12-31T23:50:39+00:00'"),
        (odsql.condition("a = 1 or b") & F.c, "(a = 1 OR b) AND c"),
        (F.a.colon("x"), 'a: "x"'),
        (F.d.colon_range("2024-01-01", "2024-02-01", bounds="[["),
         'd: ["2024-01-01".."2024-02-01"['),
        (odsql.polygon(F.g, "POINT(2.35 48.85)"), f"polygon(g, {PARIS})"),
        (odsql.geometry(F.g, "POINT(2.35 48.85)", "within"), f"geometry(g, {PARIS}, WITHIN)"),
        (odsql.distance(F.g, (2.35, 48.85), "1km"), f"distance(g, {PARIS}, 1km)"),
        (odsql.length(odsql.lower(F.a)) > 3, "length(lower(a)) > 3"),
        (F.a.colon(True), "a: true"),
        (F.a.colon(None), "a: null"),
        (F.a == odsql.literal(True), "a = true"),
        (F.a != odsql.literal(False), "a != false"),
        (F.a == odsql.literal(None), "a = null"),
        (F.g == {"type": "Point", "coordinates": [1, 2]},
         'g = geom\'{"type": "Point", "coordinates": [1, 2]}\''),
        (F.g == geom("POINT(2.35 48.85)"), f"g = {PARIS}"),
        (F.g == geom((2.35, 48.85)), f"g = {PARIS}"),
        (odsql.literal(1) < F.a, "1 < a"),
        (odsql.lower(F.a) == F.b, "lower(a) = b"),
        (F.a == Fraction(-1, 8), "a = -0.125"),
        (F.a == Fraction(4), "a = 4"),
        (call("lower", None) == "x", 'lower(null) = "x"'),
        (call("SEARCH", nodes.Star(), F.a, "x"), 'search(*, a, "x")'),
        (call("distance", F.g, geom((2.35, 48.85)), 1000), f"distance(g, {PARIS}, 1000)"),
    ],
)  # fmt: skip
def test_conditions_say_what_the_text_says(built: Expression, text: str) -> None:
    """The rendered text is that text, too."""
    assert built.node == parse_where(text).condition
    assert str(built) == text


@pytest.mark.parametrize(
    ("built", "parse", "text"),
    [
        (odsql.all_fields(), parse_select, "*"),
        (odsql.count(), parse_select, "count(*)"),
        (odsql.count(F.a, distinct=True).as_("n"), parse_select, "count(distinct a) as n"),
        (odsql.sum_(F.a) / odsql.count() * 100, parse_select, "sum(a) / count(*) * 100"),
        (odsql.percentile(F.a, 95), parse_select, "percentile(a, 95)"),
        (odsql.include("pop*"), parse_select, "include(pop*)"),
        (odsql.range_(F.a, 15), parse_group_by, "range(a, 15)"),
        (odsql.range_(F.a, "*", 10, "*").as_("r"), parse_group_by, "range(a, *, 10, *) as r"),
        (odsql.range_(F.d, "1 month"), parse_group_by, "range(d, 1month)"),
        (odsql.range_(F.a, odsql.static_range(1, 2, bounds="][")), parse_group_by,
         "range(a, ]1, 2[)"),
        (odsql.geo_cluster(F.g, 10), parse_group_by, "geo_cluster(g, 10)"),
        (F.a.desc(), parse_order_by, "a desc"),
        (odsql.max_(F.a).asc(), parse_order_by, "max(a) asc"),
        (odsql.literal(2023).as_("jaar"), parse_select, "2023 as jaar"),
        (odsql.distance(F.a, F.b), parse_select, "distance(a, b)"),
        (call("facet", name="a", colour="red"), parse_facet, 'facet(name="a", colour="red")'),
        (call("range", F.a + 1, 5).as_("r"), parse_group_by, "range(a + 1, 5) as r"),
        (call("sum", F.a, F.b).desc(), parse_order_by, "sum(a, b) desc"),
    ],
)  # fmt: skip
def test_items_say_what_the_text_says(
    built: Expression, parse: Callable[[str], Any], text: str
) -> None:
    """For select, group_by and order_by."""
    assert parse(str(built)) == parse(text)
    assert str(built) == text


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: bool(F.a == 1), "no truth value"),
        (lambda: (F.a == 1) and (F.b == 2), "no truth value"),
        (lambda: 1 < F.a < 5, "no truth value"),
        (lambda: F.a == 1 & F.b, "parentheses"),  # type: ignore[operator]
        (lambda: (F.a + 1) & F.b, "not a condition"),  # type: ignore[operator]
        (lambda: F.a & (F.b + 1), "not a condition"),  # type: ignore[operator]
        (lambda: F.a + "x", "cannot calculate"),
        (lambda: F.a == float("nan"), "nan is not a number, or not finite"),
        (lambda: F.a == float("inf"), "inf is not a number, or not finite"),
        (lambda: F.a == object(), "no literal for object"),
        (lambda: F.a == [1, 2], "use isin"),
        (lambda: F.a == datetime.datetime(2024, 1, 31), "no time zone"),
        (
            lambda: F.a.between(datetime.date(2024, 1, 1), datetime.datetime.now(datetime.UTC)),
            "two dates or two datetimes",
        ),
        (lambda: F.a.isin("abc"), "list of values"),
        (lambda: F.a.isin([datetime.date(2024, 1, 31)]), "join =="),
        (lambda: F.a > None, "only be compared"),
        (lambda: F["a`b"], "cannot be a name"),
        (lambda: F.a == "half \ud800", "surrogate"),
        (lambda: F.a.between(1, 2, bounds="()"), "bounds must be"),  # type: ignore[arg-type]
        (lambda: (F.a == 1) == (F.b == 2), "cannot be compared"),
        (lambda: F.a.between(None, 2), "not allowed here"),
        (lambda: F.a.colon_range(odsql.literal(None), 2), "None is not allowed here"),
        (lambda: odsql.literal(True) == F.a, "True is not allowed here"),
        (lambda: odsql.literal(None) + 1, "None is not allowed here"),
        (lambda: F.a > True, "only be compared with == and !="),
        (lambda: F.a.isin(5), "list of values"),  # type: ignore[arg-type]
        (lambda: F.a.isin(b"ab"), "list of values"),
        (lambda: F[1], "name of a field must be a string"),  # type: ignore[index]
        (lambda: F.a == Decimal("1e9999999"), "at most 400 digits"),
        (lambda: F.a == Fraction(1, 3), r"no exact decimal; write round\(Fraction\(1, 3\), 6\)"),
        (lambda: F.a == Fraction(1, 3**900), "at most 400 digits"),
        (lambda: F.a == NotATime.now(datetime.UTC), "ODSQL has no literal for NotATime"),
        (lambda: F.a.as_(5), "a label must be a string, not 5"),  # type: ignore[arg-type]
        (lambda: odsql.range_(F.a, 5).as_(5), "a label must be a string, not 5"),  # type: ignore[arg-type]
        (lambda: F.a.equals(5), "equals compares two expressions; 5 is not"),  # type: ignore[arg-type]
        (lambda: F.g == {"type": "Circle", "coordinates": []}, "needs a type, such as Point"),
        (lambda: F.g == {"type": "Feature", "geometry": 5}, "needs a type, such as Point"),
        (lambda: F.g.isin([{"type": "Point", "coordinates": [1, 2]}]), "a list takes text"),
        (lambda: geom("hello"), "not a geometry: 'hello'"),
        (lambda: call("contains", F.a, "x"), "there is no function contains"),
        (lambda: call("lower", F.a.desc()), "not a value"),
    ],
)
def test_what_odsql_cannot_say_is_refused_when_it_is_built(
    build: Callable[[], object], message: str
) -> None:
    """The message says what to write."""
    with pytest.raises(TypeError, match=message):
        build()


def test_geometries_come_from_anything_with_a_geo_interface() -> None:
    """Shapes of shapely have one; features and strings work, too."""
    point = {"type": "Point", "coordinates": (1.5, 2)}
    from_shape = odsql.within(F.g, SimpleNamespace(__geo_interface__=point))
    assert str(from_shape) == 'within(g, geom\'{"type": "Point", "coordinates": [1.5, 2]}\')'
    feature = {"type": "Feature", "geometry": point, "properties": {}}
    assert odsql.within(F.g, feature).equals(from_shape)
    assert str(odsql.within(F.g, "POINT(1 2)")) == "within(g, geom'POINT(1 2)')"


@given(name=st.text(), value=st.text())
def test_no_value_and_no_name_changes_the_query(name: str, value: str) -> None:
    """Parsing returns what was built, or building is refused."""
    try:
        built = (F[name] == value) & F[name].like(value) & F[name].isin([value])
    except ODSQLError:
        return
    assert parse_where(str(built)).condition == built.node


@given(value=st.one_of(st.integers(), st.floats(), st.decimals()))
def test_numbers_keep_their_value(value: float | Decimal) -> None:
    """NaN and infinities are refused."""
    try:
        text = str(odsql.literal(value))
    except ODSQLError:
        return
    assert Decimal(text) == Decimal(str(value))
    assert parse_where(f"a > {text}") == parse_where(f"a > ({text})")


@given(value=st.fractions())
def test_fractions_are_written_exactly_or_not_at_all(value: Fraction) -> None:
    """A query never contains another number than the program."""
    try:
        text = str(odsql.literal(value))
    except ODSQLError:
        return
    assert Fraction(text) == value


@pytest.mark.parametrize("built", [F.a, F.a + 1, F.a == 1, F.a.desc(), odsql.range_(F.a, 5)])
def test_expressions_are_no_members_of_sets(built: Expression) -> None:
    """Nor are they keys, because `==` builds a comparison; their trees can be both."""
    with pytest.raises(TypeError, match=r"cannot be in a set or a key of a dict.*expression\.node"):
        {built}  # noqa: B018
    assert built.node in {built.node}


@given(tree=strategies.conditions)
def test_wrappers_of_equal_trees_are_equal(tree: Any) -> None:
    """`equals` compares, because `==` builds."""
    assert Expression(tree).equals(Expression(parse_where(odsql.render(tree)).condition))  # type: ignore[arg-type]


EXAMPLES: dict[str, Expression] = {
    "length": odsql.length(F.a), "now": odsql.now(days=-1), "year": odsql.year(F.a),
    "month": odsql.month(F.a), "day": odsql.day(F.a), "hour": odsql.hour(F.a),
    "minute": odsql.minute(F.a), "second": odsql.second(F.a),
    "date_format": odsql.date_format(F.a, "yyyy"), "json_format": odsql.json_format(F.a, None),
    "ifnull": odsql.ifnull(F.a, 0), "lower": odsql.lower(F.a), "random": odsql.random(1),
    "vector_similarity": odsql.vector_similarity("x"), "distance": odsql.distance(F.a, (1, 2)),
    "search": odsql.search("x"), "suggest": odsql.suggest(F.a, "x"),
    "startswith": odsql.startswith(F.a, "x"),
    "vector_similarity_threshold": odsql.vector_similarity_threshold("x"),
    "within_distance": odsql.within_distance(F.a, (1, 2), "1km"),
    "in_bbox": odsql.in_bbox(F.a, 1, 2, 3, 4), "intersects": odsql.intersects(F.a, (1, 2)),
    "disjoint": odsql.disjoint(F.a, (1, 2)), "within": odsql.within(F.a, (1, 2)),
    "geometry": odsql.geometry(F.a, (1, 2), "within"), "polygon": odsql.polygon(F.a, (1, 2)),
    "avg": odsql.avg(F.a), "median": odsql.median(F.a), "sum": odsql.sum_(F.a),
    "min": odsql.min_(F.a), "max": odsql.max_(F.a), "percentile": odsql.percentile(F.a, 50),
    "count": odsql.count(F.a, distinct=True), "envelope": odsql.envelope(F.a),
    "bbox": odsql.bbox(F.a), "range": odsql.range_(F.a, 10),
    "geo_cluster": odsql.geo_cluster(F.a, 10), "include": odsql.include("a*"),
    "exclude": odsql.exclude("a"), "facet": odsql.facet("a", limit=10),
}  # fmt: skip
CLAUSES = {"S": "select", "W": "where", "G": "group_by", "O": "order_by", "F": "facet"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_function_can_be_built_in_each_of_its_clauses(name: str) -> None:
    """A query accepts it there, and its text parses back to what was built."""
    built = EXAMPLES[name]
    assert str(built).startswith(f"{name}(")
    for letter in CATALOGUE[name].clauses:
        clause = CLAUSES[letter]
        is_value = clause == "where" and not isinstance(built, Condition)
        arguments: dict[str, Any] = {clause: cast("Value", built) > 1 if is_value else built}
        query = Query(**arguments)
        assert Query.from_url(query.url("https://example.org")) == query
