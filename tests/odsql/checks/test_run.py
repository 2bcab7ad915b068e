"""Clauses checked together: which labels are names, which clause counts, what is left aside."""

from __future__ import annotations

import pytest

from odsql import check
from odsql.checks.diagnostics import Parameter, Request
from tests.odsql.checks.asking import PLACES, codes, found


@pytest.mark.parametrize(
    "lines",
    [
        "select: population as people\norder_by: people",
        "select: length(name) as name\norder_by: name",
        "group_by: year(opened) as y\nselect: y, count(*) as n\norder_by: y, n",
        "group_by: year(opened) as opened\nselect: opened",
        "group_by: year(opened) as opened\nselect: opened + 1 as next",
        "select: length(name) as name\norder_by: name * 2",
        "select: population as people, people as again",
    ],
)
def test_a_label_is_a_name_in_select_group_by_and_order_by(lines: str) -> None:
    """Even where a field of another type has the same name."""
    assert codes(lines, PLACES) == []


@pytest.mark.parametrize("clause", ["where", "facet"])
def test_a_label_is_no_name_elsewhere(clause: str) -> None:
    """Filters come before labels."""
    text = "people > 3" if clause == "where" else "people"
    code = "ODS301" if clause == "where" else "ODS309"
    assert codes(f"select: population as people\n{clause}: {text}", PLACES) == [code]


def test_a_label_of_select_does_not_hide_a_field_in_group_by() -> None:
    """Groups are made before anything is selected."""
    lines = "select: length(name) as place, count(*) as n\ngroup_by: {}"
    assert "ODS310" in codes(lines.format("place"), PLACES)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("select: lower(a as n\norder_by: n\nwhere: nope = 1", ["ODS101", "ODS301"]),
        ("group_by: lower(a as n\nselect: n\norder_by: n", ["ODS101"]),
        ("order_by: lower(a\nselect: nope", ["ODS101", "ODS301"]),
        ("where: lower(a\nselect: nope", ["ODS101", "ODS301"]),
        ("group_by: lower(a\nlimit: 5000", ["ODS101"]),
        ("select: lower(a\ndataset: d\noffset: 10", ["ODS101"]),
    ],
)
def test_what_a_clause_that_does_not_parse_could_say_is_not_missed(
    lines: str, expected: list[str]
) -> None:
    """It could declare any label, and it could make groups."""
    assert codes(lines, PLACES) == expected


def test_the_first_of_two_clauses_is_the_one_that_is_looked_at_for_aggregates() -> None:
    """A finding about an aggregate is at a clause that has one."""
    first, second = "select: count(*) as n", "select: name"
    at = [one.parameter for one in found(f"dataset: d\n{first}\n{second}") if one.code == "ODS403"]
    assert at == [0]
    assert codes(f"dataset: d\n{second}\n{first}") == ["ODS414"]
    lines = "endpoint: exports\ngroup_by: a\norder_by: {}\norder_by: {}"
    assert codes(lines.format("sum(b)", "a")) == ["ODS217", "ODS414"]
    assert codes(lines.format("a", "sum(b)")) == ["ODS414"]


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
@pytest.mark.parametrize("clause", ["where", "select", "group_by", "order_by", "facet", "refine"])
def test_an_empty_clause_counts_as_absent(clause: str, text: str) -> None:
    """Portals ignore it."""
    assert check(Request((Parameter(clause, text),)), PLACES) == []


def test_an_empty_group_by_makes_no_groups() -> None:
    """So the limit is that of records."""
    asked = Request((Parameter("group_by", " "), Parameter("limit", "5000")))
    assert [one.code for one in check(asked)] == ["ODS215"]


@pytest.mark.parametrize(
    ("target", "on_records"),
    [
        ("endpoint: records", True),
        ("endpoint: exports", True),
        ("endpoint: facets", True),
        ("dataset: d", True),
        ("endpoint: datasets", False),
        ("endpoint: catalog_facets", False),
        ("endpoint: catalog_exports", False),
        ("lang: fr", False),
    ],
)
def test_a_search_of_catalogs_is_refused_where_the_request_is_for_records(
    target: str, on_records: bool
) -> None:
    """A lone clause may be for either."""
    lines = f'{target}\nwhere: vector_similarity_threshold("x")'
    assert (codes(lines) == ["ODS214"]) is on_records


@pytest.mark.parametrize("endpoint", ["datasets", "catalog_facets", "catalog_exports"])
def test_names_of_the_catalog_are_not_looked_for_in_a_schema(endpoint: str) -> None:
    """Neither in one clause nor in several."""
    assert codes(f'endpoint: {endpoint}\nwhere: publisher = "x"', PLACES) == []
    assert codes(f'endpoint: {endpoint}\nwhere: publisher = "x"\nlang: fr', PLACES) == []
    assert codes(f'endpoint: {endpoint}\nwhere: metas.a.b = "x"', PLACES) == ["ODS218"]


@pytest.mark.parametrize("clause", ["refine", "exclude"])
def test_a_refinement_that_does_not_parse_is_reported_in_its_clause(clause: str) -> None:
    """And one that does is looked for in the schema."""
    assert codes(f"{clause}: x") == ["ODS101"]
    assert codes(f"{clause}: nope:x", PLACES) == ["ODS309"]


def test_all_findings_at_one_place_are_in_order_of_their_codes() -> None:
    """Whatever check found them first."""
    lines = "select: name as b, count(*) as b\ngroup_by: active as b"
    both = found(lines, PLACES)
    ordered = sorted(both, key=lambda one: (one.parameter, one.start, one.end, one.code))
    assert len(both) > 1
    assert both == ordered
