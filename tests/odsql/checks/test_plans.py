"""Checks of calls from the catalogue: what a finding says, and which arguments fit."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import PLACES, codes, said, schema

NO_HAVING = "where filters records, and groups cannot be filtered"
POINT = "geom'POINT(1 1)'"
WITHIN = "within_distance"
BARE = "write a field or a number, without quotes; a field may be in back quotes"
STATISTICS = ("avg", "median", "sum", "min", "max", "percentile")
REFUSED = "portals answer: StatAggregation only supports numeric or date expression"
GEOGRAPHIC = "geographic fields: place, border"


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        ("select: length(name, tags)", "length() does not take 2 arguments", "length(text)"),
        ("where: in_bbox(place)", "in_bbox() does not take 1 argument",
         "in_bbox(field, latitude1, longitude1, latitude2, longitude2)"),
        ("group_by: geo_cluster(place)", "geo_cluster() does not take 1 argument",
         "geo_cluster(field, zoom, [radius])"),
        ("where: sum(population) > 1", "sum() is not allowed in where",
         f"it is allowed in select, order_by; {NO_HAVING}"),
        ("select: random(1)", "random() is not allowed in select", "it is allowed in order_by"),
        ("group_by: length(name)", "length() is not allowed in group_by",
         "it is allowed in select, where, order_by"),
        ("facet: length(name)", "length() is not allowed in facet", None),
        ('endpoint: records\nwhere: vector_similarity_threshold("x")',
         "vector_similarity_threshold() searches catalogs, not the records of a dataset", None),
    ],
)  # fmt: skip
def test_a_finding_about_a_call_says_how_to_call_the_function(
    lines: str, message: str, hint: str | None
) -> None:
    """Optional arguments are in brackets."""
    assert said(lines) == [(message, hint)]


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (f'where: {WITHIN}(a, "POINT(1 1)", 1km)',
         f"argument geometry of {WITHIN}() must be geom'...'", 'write geom"POINT(1 1)"'),
        (f"where: {WITHIN}(a, 5, 1km)", f"argument geometry of {WITHIN}() must be geom'...'",
         None),
        (f"where: {WITHIN}({POINT}, b, 1km)",
         f"argument field of {WITHIN}() must be a geographic field",
         "the field comes first, then geom'...'"),
        (f'where: {WITHIN}("a", {POINT}, 1km)',
         f"argument field of {WITHIN}() must be a geographic field", None),
        (f"where: {WITHIN}(a, {POINT}, 1000)",
         f"argument radius of {WITHIN}() must be a distance, such as 10km",
         "add the unit: 1000m or 1000km"),
        (f'where: {WITHIN}(a, {POINT}, "1km")',
         f"argument radius of {WITHIN}() must be a distance, such as 10km", None),
        ("where: year(2024) = 1", "argument date of year() must be a date", "write date'2024'"),
        ("where: year(true) = 1", "argument date of year() must be a date", None),
        ('group_by: geo_cluster(a, "3")',
         "argument zoom of geo_cluster() must be a whole number", BARE),
        ('where: in_bbox(a, "1", 2, 3, 4)', "argument latitude1 of in_bbox() must be a number",
         BARE),
        ("select: percentile(a, date'2024')",
         "argument percent of percentile() must be a number", None),
        ("select: avg(date'2024-01-01')", "argument value of avg() must be a number", None),
    ],
)  # fmt: skip
def test_a_finding_about_a_literal_says_how_to_write_it(
    lines: str, message: str, hint: str | None
) -> None:
    """There is a hint where the literal only lacks its quotes, prefix or unit."""
    assert said(lines) == [(message, hint)]


@pytest.mark.parametrize("text", ["5", "-5", "date'2024'", "null", "true", POINT])
def test_a_text_is_no_other_literal(text: str) -> None:
    """Portals take fields and expressions, and texts in quotes."""
    assert said(f"select: length({text})") == [("argument text of length() must be text", None)]


@pytest.mark.parametrize("date", ["5", "-5", "null", "false", POINT])
def test_a_date_is_no_other_literal(date: str) -> None:
    """A quoted text may be a date."""
    assert codes(f"where: year({date}) = 2024") == ["ODS203"]
    assert codes('where: year("2024-01-31") = 2024') == []


@pytest.mark.parametrize("function", ["min", "max"])
def test_the_least_and_greatest_date_may_be_a_literal(function: str) -> None:
    """Both take dates as well as numbers."""
    assert codes(f"select: {function}(date'2024-01-01')") == []


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (f"where: {WITHIN}(name, {POINT}, 1km)",
         f"name is text; {WITHIN}() takes a geographic field", GEOGRAPHIC),
        ("where: year(population) = 1", "population is int; year() takes a date", None),
        ("where: length(population) = 1", "population is int; length() takes text", None),
        ("group_by: range(tags, 10)", "tags is text; range() takes a number or a date", None),
        ("group_by: geo_cluster(border, 3)",
         "border is geo_shape; geo_cluster() takes a geo_point_2d", None),
        ("group_by: range(population, 1 day)",
         "population is int, which cannot be divided into time intervals",
         "write range(population, 10)"),
        ("group_by: range(opened, 5)", "opened is date, which is divided into time intervals",
         "write range(opened, 1 day)"),
    ],
)  # fmt: skip
def test_a_finding_about_a_field_names_its_type(lines: str, message: str, hint: str | None) -> None:
    """The hint names fields that fit, or an argument that does."""
    assert said(lines, PLACES) == [(message, hint)]


def test_at_most_three_geographic_fields_are_named() -> None:
    """None, if there is none."""
    lines = f"where: intersects(name, {POINT})"
    message = "name is text; intersects() takes a geographic field"
    many = schema("name text\n" + "\n".join(f"p{one} geo_point_2d" for one in range(5)))
    assert said(lines, many) == [(message, "geographic fields: p0, p1, p2")]
    assert said(lines, schema("name text")) == [(message, None)]


@pytest.mark.parametrize("function", STATISTICS)
def test_statistics_take_numbers_and_dates(function: str) -> None:
    """Fields of other types are refused, and so are expressions."""
    more = ", 5" if function == "percentile" else ""
    for one in ("population", "area", "opened", "updated", "population * 2", "year(opened)"):
        assert codes(f"select: {function}({one}{more})", PLACES) == []
    for value, what in (
        ("name", "name is text"),
        ("active", "active is boolean"),
        ("place", "place is geo_point_2d"),
        ("lower(name)", "the value is text"),
    ):
        message = f"{what}; {function}() takes numbers and dates"
        assert said(f"select: {function}({value}{more})", PLACES) == [(message, REFUSED)]


@pytest.mark.parametrize(
    "lines",
    [
        "where: year(photo) = 1",
        "where: length(photo) > 1",
        "select: sum(photo) as s",
        "group_by: range(photo, 5)",
    ],
)
def test_a_field_of_another_type_is_left_to_the_portal(lines: str) -> None:
    """No answer about a file, for example, is recorded."""
    assert codes(lines, schema("photo file")) == []


def test_steps_of_a_range_are_not_a_width() -> None:
    """Only a single step is a width or an interval."""
    assert codes("group_by: range(opened, 1, 2)", PLACES) == []
    assert codes("group_by: range(population, 1 day, 5)", PLACES) == ["ODS205"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("select: max(opened) + 1 as x", ["ODS308"]),
        ("select: length(min(population))", ["ODS308"]),
        ("where: ifnull(opened, now()) = 2024", ["ODS302"]),
        ("select: count(opened) + 1 as x", []),
    ],
)
def test_a_value_that_is_passed_on_keeps_its_type(lines: str, expected: list[str]) -> None:
    """min, max and ifnull return what they are given; count returns a number."""
    assert codes(lines, PLACES) == expected
