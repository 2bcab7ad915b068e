"""Facets: counts, order, limits, refinements and hierarchies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.explore_async.portal.asking import GEONAMES, Asker

if TYPE_CHECKING:
    from collections.abc import Callable

THINGS = "datasets/things"


async def facet(ask: Asker, *repeated: tuple[str, str], **parameters: str) -> list[dict[str, Any]]:
    answer = await ask.get(f"{THINGS}/facets", *repeated, **parameters)
    assert answer.status == 200, answer.body
    (only,) = answer.json["facets"]
    values: list[dict[str, Any]] = only["facets"]
    return values


def values(items: list[dict[str, Any]]) -> list[str]:
    return [item["value"] for item in items]


async def test_without_facet_all_declared_ones_come(ask: Asker) -> None:
    """The default is all fields annotated as facets, in the order of the schema."""
    answer = await ask.get(f"{THINGS}/facets")
    assert [one["name"] for one in answer.json["facets"]] == ["tags", "day"]


async def test_an_undeclared_facet_works_on_demand(ask: Asker) -> None:
    """Any field may be requested; null is not counted."""
    assert await facet(ask, facet="code") == [
        {"name": "44035", "count": 2, "state": "displayed", "value": "44035"},
        {"name": "69123", "count": 1, "state": "displayed", "value": "69123"},
    ]


async def test_multivalued_facets_count_elements(ask: Asker) -> None:
    """A record counts once for each element of its list."""
    counted = await facet(ask, facet="tags")
    assert [(one["value"], one["count"]) for one in counted] == [("b", 2), ("a", 1), ("c", 1)]


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ('facet(name="tags", sort="alphanum")', ["a", "b", "c"]),
        ('facet(name="tags", sort="-alphanum")', ["c", "b", "a"]),
        ('facet(name="tags", sort="count")', ["a", "c", "b"]),
        ('facet(name="tags", limit=1)', ["b"]),
        ('facet(name="size", sort="num")', ["-2.0", "1.5", "10.0"]),
        ('facet(name="size", sort="-num")', ["10.0", "1.5", "-2.0"]),
        (
            'facet(name="path", hierarchical=false, sort="alphanum")',
            ["america/us", "europe/france/lyon", "europe/france/paris"],
        ),
        (
            'facet(name="day", hierarchical=false, sort="alphanum")',
            ["2026/08/28", "2026/08/29", "2026/09/30"],
        ),
        (
            'facet(name="name", hierarchical=true, separator=" ", sort="alphanum")',
            ["Café", "Old", "mill"],
        ),
        ('facet(name="day", hierarchical=true, separator="-")', ["2026"]),
    ],
)
async def test_facet_options(ask: Asker, described: str, expected: list[str]) -> None:
    """`sort`, `limit`, `hierarchical` and `separator` apply; levels of dates always use `/`."""
    assert values(await facet(ask, facet=described)) == expected


@pytest.mark.parametrize(
    "option",
    [
        "limit=true",
        'limit="3"',
        "limit=3000000000",
        'disjunctive="false"',
        'sort="size"',
    ],
)
async def test_facet_options_of_another_kind_are_refused(ask: Asker, option: str) -> None:
    """The reference gives the type of each option; the live text is unknown."""
    answer = await ask.get(f"{THINGS}/facets", facet=f'facet(name="tags", {option})')
    assert (answer.status, answer.json["error_code"]) == (400, "ODSQLError")
    assert "facet()" in answer.json["message"]


@pytest.mark.parametrize("path", ["facets", "records", "exports/json"])
@pytest.mark.parametrize(
    ("options", "refined", "expected"),
    [
        ("disjunctive=true", ["tags:a", "tags:c"], 2),
        ("disjunctive=false", ["code:44035", "code:69123"], 0),
        ('hierarchical=true, separator=" "', ["name:Old"], 1),
        ('hierarchical=true, separator=" "', ["name:Old Mill"], 1),
        ("hierarchical=false", ["path:europe"], 0),
        ("hierarchical=false", ["path:america/us"], 1),
    ],
)
async def test_facet_options_apply_to_refinements(
    ask: Asker, path: str, options: str, refined: list[str], expected: int
) -> None:
    """In refinements, `facet(...)` overrides the annotations on every path."""
    name = refined[0].partition(":")[0]
    refinements = [("refine", one) for one in refined]
    given = [("facet", f'facet(name="{name}", {options})'), ("facet", "open"), ("facet", "id")]
    answer = await ask.get(f"{THINGS}/{path}", *given, *refinements)
    assert answer.status == 200, answer.body
    found: dict[str, Callable[[Any], int]] = {
        "facets": lambda body: len(body["facets"][-1]["facets"]),
        "records": lambda body: int(body["total_count"]),
        "exports/json": len,
    }
    assert found[path](answer.json) == expected


async def test_facet_options_apply_to_exclusions(ask: Asker) -> None:
    """Everything below an excluded path is excluded."""
    described = 'facet(name="name", hierarchical=true, separator=" ")'
    answer = await ask.get(f"{THINGS}/records", facet=described, exclude="name:Old", select="id")
    assert [row["id"] for row in answer.results] == [1, 3, 4]


async def test_a_refined_day_may_be_written_with_hyphens(ask: Asker) -> None:
    """A day with hyphens opens the same levels as one with slashes."""
    opened = await facet(ask, facet="day", refine="day:2026-08")
    assert opened == await facet(ask, facet="day", refine="day:2026/08")
    assert values(opened) == ["2026", "2026/08", "2026/08/28", "2026/08/29"]


async def test_a_refined_value_may_be_written_in_another_way(ask: Asker) -> None:
    """Zeros in front of a month, and `.0` after a double, make no difference."""
    assert await facet(ask, facet="day", refine="day:2026/8") == await facet(
        ask, facet="day", refine="day:2026/08"
    )
    assert await facet(ask, facet="size", refine="size:10") == [
        {"name": "10.0", "count": 1, "state": "refined", "value": "10.0"}
    ]


async def test_where_narrows_counts(ask: Asker) -> None:
    """Facets count the records that match the filters."""
    counted = await facet(ask, facet="tags", where="id = 1")
    assert [(one["value"], one["count"]) for one in counted] == [("a", 1), ("b", 1)]


async def test_a_refined_value_is_marked(ask: Asker) -> None:
    """A refinement narrows the other values and marks its own as refined."""
    counted = await facet(ask, facet="tags", refine="tags:a")
    assert [(one["value"], one["state"]) for one in counted] == [
        ("a", "refined"),
        ("b", "displayed"),
    ]


async def test_a_disjunctive_facet_keeps_its_other_values(ask: Asker) -> None:
    """Its own refinements do not narrow it, so another value can be chosen."""
    counted = await facet(ask, facet="code", refine="code:69123")
    assert [(one["value"], one["state"]) for one in counted] == [
        ("44035", "displayed"),
        ("69123", "refined"),
    ]


async def test_an_excluded_value_has_no_count(ask: Asker) -> None:
    """Documented: an excluded value is shown as excluded, without a count."""
    counted = await facet(ask, facet="code", exclude="code:44035")
    assert counted == [
        {"name": "69123", "count": 1, "state": "displayed", "value": "69123"},
        {"name": "44035", "state": "excluded", "value": "44035"},
    ]


async def test_dates_are_facets_by_year(ask: Asker) -> None:
    """The first level is years; refining a year shows its months."""
    assert values(await facet(ask, facet="day")) == ["2026"]
    opened = await facet(ask, facet="day", refine="day:2026")
    assert [(one["name"], one["value"], one["count"]) for one in opened] == [
        ("2026", "2026", 3),
        ("08", "2026/08", 2),
        ("09", "2026/09", 1),
    ]


async def test_a_hierarchical_text_opens_where_it_is_refined(ask: Asker) -> None:
    """Each refined level shows the level below it."""
    assert values(await facet(ask, facet="path")) == ["europe", "america"]
    opened = await facet(ask, facet="path", refine="path:europe/france")
    assert [(one["value"], one["state"]) for one in opened] == [
        ("europe", "refined"),
        ("europe/france", "refined"),
        ("europe/france/lyon", "displayed"),
        ("europe/france/paris", "displayed"),
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([("refine", "tags:b")], [1, 2]),
        ([("refine", "tags:a"), ("refine", "tags:b")], [1]),
        ([("refine", "code:44035"), ("refine", "code:69123")], [1, 2, 3]),
        ([("refine", "code:44035"), ("refine", "tags:c")], [3]),
        ([("refine", "day:2026/08")], [1, 2]),
        ([("refine", "day:2026/08/29")], [2]),
        ([("refine", "path:europe")], [1, 2]),
        ([("refine", "id:3")], [3]),
        ([("refine", "id:03")], [3]),
        ([("refine", "id:3.5")], []),
        ([("refine", "size:10")], [2]),
        ([("refine", "size:-2.00")], [3]),
        ([("refine", "size:1_0")], []),
        ([("refine", "size:ten")], []),
        ([("refine", "day:2026/8")], [1, 2]),
        ([("refine", "day:2026/8/9")], []),
        ([("refine", "day:2021/02/30")], []),
        ([("refine", "day:0000")], []),
        ([("refine", "code:2")], []),
        ([("refine", "open:true")], [1]),
        ([("exclude", "tags:b")], [3, 4]),
        ([("exclude", "day:2026/08")], [3, 4]),
    ],
)
async def test_refine_and_exclude(
    ask: Asker, parameters: list[tuple[str, str]], expected: list[int]
) -> None:
    """Two values of one facet are alternatives if it is disjunctive; otherwise both must match."""
    answer = await ask.get(f"{THINGS}/records", *parameters, select="id")
    assert [row["id"] for row in answer.results] == expected


async def test_time_zones_of_cities_are_a_hierarchy(ask_cities: Asker) -> None:
    """As in the documented example, the first level is continents; all cities are counted."""
    answer = await ask_cities.get(f"{GEONAMES}/facets", facet="timezone")
    (only,) = answer.json["facets"]
    assert values(only["facets"])[:2] == ["Europe", "America"]
    assert sum(one["count"] for one in only["facets"]) > 170_000


async def test_an_unknown_facet_is_an_unknown_field(ask: Asker) -> None:
    """This holds for `facet` and for `refine`."""
    for parameters in ({"facet": "nope"}, {"refine": "nope:1"}):
        answer = await ask.get(f"{THINGS}/facets", **parameters)
        assert answer.status == 400
        assert "Unknown field: nope" in answer.json["message"]
