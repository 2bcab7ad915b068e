"""Checks of whole clauses: what a finding says, and which similar clauses are in order."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import PLACES, codes, said

ONCE = "declare it once; a grouped expression gets its label in group_by"


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        ("select: include(populaton)", "no field matches populaton", "did you mean population?"),
        ("select: exclude(countri*)", "no field matches countri*", "did you mean country?"),
        ("select: exclude(zz*)", "no field matches zz*", None),
        ("select: name as b, count(*) as n\ngroup_by: name",
         "a label for a grouped expression is returned as null",
         "declare the label in group_by and select it by that name"),
        ("select: name as b, count(*) as n\ngroup_by: active",
         "name is neither grouped nor aggregated",
         "add name to group_by, or aggregate it: count(name)"),
        ("select: count(*) as n\ngroup_by: active as n",
         "the label n is already declared in group_by", ONCE),
        ("select: count(*) as n, sum(area) as n\ngroup_by: active",
         "the label n is already declared in select", ONCE),
        ("group_by: name as b, active as b", "the label b is already declared in group_by", ONCE),
        ("group_by: border as b", "border is geographic and cannot be grouped by",
         "write geo_cluster(border, 10)"),
        ("group_by: name\norder_by: name, count(*)", "aggregates come before fields in order_by",
         "write the aggregate first, then name"),
        ("order_by: random(1) desc", "random() has no direction; portals ignore it", "drop desc"),
        ("facet: countri", "places has no field countri", "did you mean country?"),
        ('facet: facet(name="zz")', "places has no field zz", None),
        ("exclude: name:x", "name is not declared as a facet",
         "declared facets: tags, country, day, moment"),
    ],
)  # fmt: skip
def test_a_finding_says_what_is_wrong_with_the_clause(
    lines: str, message: str, hint: str | None
) -> None:
    """The hint names the nearest fields, or what to write."""
    assert said(lines, PLACES) == [(message, hint)]


@pytest.mark.parametrize(
    "lines",
    [
        "order_by: lower(name) desc",
        "order_by: population + area asc",
        "order_by: random(1)",
        'facet: facet(name="tags", sort="count", separator="/")',
        "refine: tags:x\nexclude: country:x",
        "group_by: geo_cluster(place, 3)",
        "select: count(*) as n\ngroup_by: name as b\norder_by: n, b",
    ],
)
def test_what_only_looks_similar_is_not_reported(lines: str) -> None:
    """Directions of values, names in other options, functions of geographic fields."""
    assert codes(lines, PLACES) == []
