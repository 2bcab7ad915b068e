"""The walk over a tree: what a finding says about names, operands and conditions."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import PLACES, codes, said

KEEP = "to keep them, write NOT name = ..., or add OR name is null"
WHOLE_DAY = "write >= to include that day, or add a time, such as T00:00:00"
NUMBERS = "+ - * / take numbers"
ALONE = "only a boolean field is a condition by itself"
WKT = "write WKT, such as geom'POINT(2.35 48.85)', longitude first"
WORDS = "like matches whole words anywhere in the value"
SWAPPED = "latitude and longitude look swapped"


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("opened = date'2024-02-30'", "date'2024-02-30' has an invalid day: 30",
         "write date'2024-01-31', or with a time date'2024-01-31T10:00:00Z'"),
        ("within(place, geom'CIRCLE(1 2)')",
         "not a geometry: expected a geometry type such as POINT, not circle", WKT),
        ("within(place, geom'POINT(48 144)')", SWAPPED,
         "WKT and GeoJSON put longitude first, then latitude"),
        ("populaton = 1", "places has no field populaton", "did you mean population?"),
        ("zzzz = 1", "places has no field zzzz", None),
        ("Population = 1", "places has no field Population, but has population",
         "write population"),
        ("population + name > 1", f"name is text; {NUMBERS}", None),
        ("-opened < 5", f"opened is date; {NUMBERS}", None),
        ("name", f"name is text; {ALONE}", "compare it, for example: name is not null"),
        ("NOT name", f"name is text; {ALONE}", "compare it, for example: name is not null"),
        ("active AND name", f"name is text; {ALONE}",
         "compare it, for example: name is not null"),
        ("name is true", "name is text, neither true nor false", None),
        ('name != "x"', "!= drops records where name is null", KEEP),
        ('"x" != name', "!= drops records where name is null", KEEP),
        ("name = null", "a comparison with null is never true", "write name is null"),
        ("lower(name) != null", "a comparison with null is never true",
         "write lower(name) is not null"),
        ("updated > date' 2024-01-31 '", "> leaves out all of 2024-01-31", WHOLE_DAY),
        ("date'2024-01-31' < updated", "> leaves out all of 2024-01-31", WHOLE_DAY),
        ("updated in ]date'2024-01-31'..date'2024-02-01T00:00:00']",
         "> leaves out all of 2024-01-31", WHOLE_DAY),
        ('"x" in name', "name holds one value, not several", 'write name = "x"'),
        ('name like "%new york%"', "% is not a wildcard in ODSQL",
         f'{WORDS}: like "new york"; a word may end in *'),
    ],
)  # fmt: skip
def test_a_finding_about_a_condition_says_what_to_write(
    where: str, message: str, hint: str | None
) -> None:
    """The hint repeats what was written, where that is part of it."""
    assert said(f"where: {where}", PLACES) == [(message, hint)]


def test_arithmetic_in_group_by_is_told_what_groups_can_be() -> None:
    """Whatever its operands are."""
    hint = "group by a field, a function of a field, range(...) or geo_cluster(...)"
    assert said("group_by: a * 2") == [("arithmetic is not allowed in group_by", hint)]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("metas", "name a field in it, such as default.title"),
        ("metas.title", "write title"),
        ("metas.default.title", "write default.title, or only title"),
    ],
)
def test_a_name_of_the_catalog_begins_below_metas(name: str, hint: str) -> None:
    """The last part of the name is enough."""
    asked = f'endpoint: datasets\nwhere: {name} = "x"'
    assert said(asked) == [(f"the catalog has no field {name}", hint)]


@pytest.mark.parametrize(
    "where",
    [
        "active",
        "NOT active OR active",
        "active is not true",
        "name is not null",
        "updated >= date'2024-01-31'",
        "updated < date'2024-01-31'",
        "date'2024-01-31' > updated",
        "date'2024-01-31' <= updated",
        "updated in [date'2024-01-31'..date'2024-02-01'[",
        "opened in ]date'2024-01-31'..date'2024-02-01']",
        "date'2024-01-31' < opened",
        "NOT (date'2024-01-31' = updated)",
        'name != "x" OR name is null',
        '(name is null OR name != "x") AND active',
        'name != "x" AND name is not null',
        "population + 1 != 5",
        "recordid is not null",
        "name = 'Population'",
    ],
)
def test_what_means_what_it_says_is_not_reported(where: str) -> None:
    """A date field has no time, and a query that mentions null means it."""
    assert codes(f"where: {where}", PLACES) == []


@pytest.mark.parametrize(
    "where",
    [
        'name != "x" AND name is null',
        'name != "x" OR name is not null',
        'name != "x" OR country is null',
        'name != "x" OR name is true',
        '(name is null OR active) AND name != "x"',
        'NOT name != "x"',
    ],
)
def test_another_mention_of_null_does_not_keep_the_records(where: str) -> None:
    """It must be the same field, in the same chain, the right way round."""
    assert "ODS401" in codes(f"where: {where}")


def test_a_minus_in_order_by_is_a_direction() -> None:
    """So the field need not be a number."""
    assert codes("order_by: -name", PLACES) == []
    assert codes("select: -name as x", PLACES) == ["ODS308"]


def test_everything_below_a_node_is_looked_at() -> None:
    """Arguments, bounds, distinct and named values; the items of a list are literals."""
    for where in (
        "name in [lower(nope)..'b']",
        "name in ['a'..lower(nope)]",
        "nope in [1..2]",
        "nope in (1, 2)",
        '"x" in nope',
        'nope like "x"',
        "nope is null",
        "-nope = 1",
        "1 + nope = 1",
        "NOT nope",
        "active AND (active OR nope)",
        "lower(lower(nope)) = 'a'",
        "1 = nope",
        "updated > now(days=nope)",
    ):
        assert "ODS301" in codes(f"where: {where}", PLACES), where
    assert codes("select: count(distinct nope) as n", PLACES) == ["ODS301"]
    assert codes("group_by: range(population, [1, nope])", PLACES) == ["ODS407", "ODS301"]
