"""Older spellings: what a finding says, and what its edit changes."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import fixed, said

POINT = "geom'POINT(1 1)'"


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (f"where: distance(a, {POINT}, 1km)", "distance() as a filter is an older spelling",
         "write within_distance(field, geometry, radius)"),
        ("where: polygon(a, geom'POLYGON((0 0,1 0,1 1,0 0))')", "polygon() is an older spelling",
         "write within(field, geometry)"),
        (f"where: geometry(a, {POINT}, DISJOINT)", "geometry() is an older spelling",
         "write disjoint(field, geometry)"),
        (f"where: geometry(a, {POINT}, within)", "geometry() is an older spelling",
         "write within(field, geometry)"),
        (f"where: geometry(a, {POINT}, INTERSECTS)", "geometry() is an older spelling",
         "write intersects(field, geometry)"),
        (f"where: geometry(a, {POINT}, INTERSECT)", "geometry() is an older spelling",
         "write intersects(field, geometry)"),
        (f"where: geometry(a, {POINT})", "geometry() is an older spelling",
         "write intersects, disjoint or within(field, geometry)"),
        (f"where: geometry(a, {POINT}, TOUCHES)", "geometry() has no mode touches",
         "write INTERSECTS, DISJOINT or WITHIN"),
        ("group_by: range(a, ]10, 20[)", "steps in brackets are an older spelling",
         "write the steps without brackets: range(field, *, 10, 50, *); * leaves an end open"),
        ("where: a: 5", "a colon is the older spelling of =", "write ="),
        ("where: lower(a): true", "a colon is the older spelling of is",
         "write lower(a) is true"),
        ("where: a: [1 TO 2]", "a colon is the older spelling of in", "write in"),
    ],
)  # fmt: skip
def test_a_finding_names_the_newer_spelling(lines: str, message: str, hint: str) -> None:
    """The mode of geometry() is a function today."""
    assert said(lines) == [(message, hint)]


@pytest.mark.parametrize("written", ["a:[1..2]", "a :[1..2]", "a: [1..2]", "a : [1..2]"])
def test_in_is_set_apart_by_spaces(written: str) -> None:
    """Those that are there are kept, those that are missing are added."""
    assert fixed(f"where: {written}") == "a in [1..2]"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('`a:b`: "c:d"', '`a:b`= "c:d"'),
        ("lower(a): 'b'", "lower(a)= 'b'"),
        ("(a + 1): 5", "(a + 1)= 5"),
        ("a = 1 AND b: 2 AND c = ':'", "a = 1 AND b= 2 AND c = ':'"),
        (f"GEOMETRY(a, {POINT}, INTERSECTS)", f"intersects(a, {POINT})"),
        (f"a = 1 AND Polygon(b, {POINT})", f"a = 1 AND within(b, {POINT})"),
    ],
)
def test_an_edit_changes_only_the_older_spelling(written: str, text: str) -> None:
    """Colons in names and texts are kept, and so is everything around a call."""
    assert fixed(f"where: {written}") == text


@pytest.mark.parametrize(
    ("bounds", "edited"),
    [
        ("1 TO 2", True),
        ("123 TO 999", True),
        ("20220 TO 20221", True),
        ("-2022 TO -2021", True),
        ("2022 TO 1", False),
        ("1 TO 2022", False),
        ("202201 TO 1", False),
        ("20220101 TO 1", False),
        ("date'2022' TO date'2023'", True),
        ("'a' TO 'b'", False),
    ],
)
def test_a_range_is_edited_unless_a_bound_may_be_a_date(bounds: str, edited: bool) -> None:
    """Years, months and days may stand without quotes only behind a colon."""
    assert (fixed(f"where: a: [{bounds}]") == f"a in [{bounds}]") is edited
