"""Checks around the clauses: what a finding says, and the ends of each range."""

from __future__ import annotations

import pytest

from odsql import check
from odsql.checks.diagnostics import Parameter, Request
from tests.odsql.checks.asking import PLACES, codes, found, said

UNIQUE = "end order_by with a unique field, such as an identifier"
EXPORT = "endpoint: exports\ngroup_by: a\norder_by: sum(b)"
SORTED = "add limit=20000, or drop the aggregate from order_by"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("q", 'where, with the words in quotes: where="..."'),
        ("qv1", "where; qv1 takes the query language of v1"),
        ("rows", "limit"),
        ("start", "offset"),
        ("sort", "order_by"),
        ("fields", "select"),
        ("filter", "where"),
        ("having", "where; groups cannot be filtered"),
        ("groupby", "group_by"),
        ("orderBy", "order_by"),
        ("page", "offset"),
        ("per_page", "limit"),
        ("page_size", "limit"),
        ("top", "limit"),
        ("size", "limit"),
        ("tz", "timezone"),
        ("LIMIT", "limit"),
    ],
)
def test_a_name_of_another_api_is_translated(name: str, other: str) -> None:
    """In upper or lower case."""
    assert said(f"{name}: 1") == [
        (f"{name} is not a parameter; portals ignore it", f"write {other}")
    ]


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        ("limit: 101", "limit must be from -1 to 100, not 101",
         "for more than 100, use offset or an export"),
        ("group_by: a\nlimit: 20001", "limit must be from -1 to 20000, not 20001",
         "for more than 20000, use offset or an export"),
        ("endpoint: datasets\nlimit: 101", "limit must be from -1 to 100, not 101",
         "for more than 100, use offset or an export"),
        ("limit: 1.5", "limit must be a whole number", None),
        ("offset: ten", "offset must be a whole number", None),
        ("offset: -1", "offset must be 0 or more", None),
        ("endpoint: exports\nlimit: -2", "limit must be -1 or more", "-1 exports everything"),
        ("endpoint: catalog_exports\nlimit: -2", "limit must be -1 or more",
         "-1 exports everything"),
        ("order_by: id\nlimit: 100\noffset: 9901",
         "offset + limit must be at most 10000, not 10001",
         "use an export, or split the query with where"),
        ("order_by: id\noffset: 9991", "offset + limit must be at most 10000, not 10001",
         "use an export, or split the query with where"),
        ("group_by: a\nlimit: 1\noffset: 20000",
         "only some portals allow offset + limit of groups to reach 20001",
         "stay at or below 20000"),
        ("group_by: a\nlimit: 1\noffset: 30000",
         "offset + limit of groups must be at most 20000, not 30001", "use an export"),
        (EXPORT, "portals sort groups by an aggregate only with a limit up to 20000", SORTED),
        (f"{EXPORT}\nlimit: 50001",
         "portals sort groups by an aggregate only with a limit up to 20000", SORTED),
        (f"{EXPORT}\nlimit: 50000",
         "only some portals sort more than 20000 groups by an aggregate", SORTED),
        ("dataset: d\noffset: 10", "pages without order_by may repeat and miss records", UNIQUE),
        ("dataset: d\norder_by: name\noffset: 1",
         "pages may repeat and miss records where this order has ties", UNIQUE),
        ("dataset: d\nselect: count(*) as n\nlimit: 2",
         "without group_by, an aggregate is returned once for every record", "add limit=1"),
        ("lang: fr\nlang: en", "lang is given more than once, but only one counts",
         "keep one lang"),
    ],
)  # fmt: skip
def test_a_finding_says_what_is_wrong_with_the_request(
    lines: str, message: str, hint: str | None
) -> None:
    """With the number that was found, where there is one."""
    assert said(lines) == [(message, hint)]


@pytest.mark.parametrize(
    "lines",
    [
        "limit: 100",
        "limit: +5",
        "limit: -1\noffset: 10000\norder_by: id",
        "limit: 100\noffset: 9900\norder_by: id",
        "limit: {n}\noffset: 20000\norder_by: id",
        "group_by: a\nlimit: 0\noffset: 20000",
        "group_by: a\nlimit: -1\noffset: 20000",
        "group_by: a\noffset: 20000",
        "endpoint: facets\nlimit: 1000",
        f"{EXPORT}\nlimit: 0",
        "endpoint: exports\noffset: 20000\norder_by: name",
        "where: a = 1\nwhere: a = 1\nfacet: a\nfacet: b\nexclude: a:1\nexclude: a:2",
    ],
)
def test_a_request_within_the_limits_is_not_reported(lines: str) -> None:
    """Up to the largest sum, and where a limit counts for nothing."""
    assert codes(lines) == []


@pytest.mark.parametrize(
    "name", ["select", "group_by", "order_by", "limit", "offset", "lang", "timezone"]
)
def test_a_parameter_that_counts_once_is_reported_each_further_time(name: str) -> None:
    """The first one is not."""
    repeated = [one for one in found("\n".join([f"{name}: 1"] * 3)) if one.code == "ODS414"]
    assert [one.parameter for one in repeated] == [1, 2]


def test_the_first_limit_is_the_one_that_is_checked() -> None:
    """The second is reported for being there."""
    assert codes("limit: 5\nlimit: 500") == ["ODS414"]
    assert codes("limit: 500\nlimit: 5") == ["ODS215", "ODS414"]


def test_an_empty_limit_counts_as_absent() -> None:
    """So a page begins where no other offset is given."""
    assert check(Request((Parameter("limit", " "), Parameter("offset", "")), "d", whole=True)) == []


@pytest.mark.parametrize(
    ("lines", "parameter"),
    [
        ("dataset: d\nlimit: 5\noffset: 10", 1),
        ("order_by: id\nlimit: 100\noffset: 9901", 2),
        ("order_by: id\noffset: 9901\nlimit: 100", 1),
        ("dataset: d\nlimit: 2\nselect: count(*) as n", 1),
        (f"{EXPORT}\nlimit: -1", 1),
        ("where: a = 1\norder_by: name\noffset: 10", 1),
        ("dataset: d\nwhere: a = 1\nlimit: 9\nunfilled: offset", 0),
    ],
)
def test_a_finding_is_at_the_parameter_to_change(lines: str, parameter: int) -> None:
    """It covers the whole value."""
    (finding,) = found(lines)
    assert finding.parameter == parameter
    assert finding.start == 0
    assert finding.end > 0


@pytest.mark.parametrize(
    "name",
    ["UserId", "a.key", "my_code", "REF",
     *(f"{part}_a" for part in ("id", "uid", "uuid", "gid", "oid", "fid", "objectid", "key", "code",
                                "ref", "siret", "siren", "uai", "numero", "number"))],
)  # fmt: skip
def test_a_name_like_that_of_an_identifier_is_a_unique_order(name: str) -> None:
    """A part of the name is enough."""
    assert codes(f"order_by: {name}\noffset: 10") == []


@pytest.mark.parametrize("name", ["name", "keyboard", "idea", "encoded", "reference"])
def test_a_name_with_the_letters_of_an_identifier_in_it_is_not(name: str) -> None:
    """Only whole parts, or `id` at the end, count."""
    assert codes(f"order_by: {name}\noffset: 10") == ["ODS406"]


def test_the_values_of_an_expression_may_be_unique() -> None:
    """So nothing is said about their order."""
    assert codes("order_by: lower(name)\noffset: 10", PLACES) == []
