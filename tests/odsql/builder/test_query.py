"""Queries: from clauses to request parameters and back."""

from __future__ import annotations

import datetime
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql import (
    BuildError,
    F,
    ODSQLError,
    ODSQLSyntaxError,
    Query,
    all_fields,
    count,
    facet,
    nodes,
    parse_facet,
    parse_group_by,
    parse_order_by,
    parse_refinement,
    parse_select,
    parse_where,
    range_,
)
from odsql.builder.expressions import Condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.builder.expressions import Value


def deep(levels: int) -> Value:
    """Return arithmetic nested in arithmetic."""
    value: Value = F.x
    for _ in range(levels):
        value = F.x - (F.y - value)
    return value


FULL = Query(
    select=["name", count().as_("n")],
    where=(F.population > 1000) & (F.name != "it's"),
    group_by="name",
    order_by=F.population.desc(),
    limit=20,
    offset=40,
    refine=["theme:Health", 'city:"La Rochelle"'],
    exclude="year:2020",
    facet=["theme", facet("city", disjunctive=True)],
    lang="fr",
    timezone="Europe/Paris",
    include_links=True,
    include_app_metas=False,
)


def test_a_query_becomes_request_parameters() -> None:
    """They are in the order of the specification, and lists are repeated parameters."""
    assert FULL.params() == [
        ("select", "name, count(*) as n"),
        ("where", 'population > 1000 AND name != "it\'s"'),
        ("group_by", "name"),
        ("order_by", "population desc"),
        ("limit", "20"),
        ("offset", "40"),
        ("refine", 'theme:"Health"'),
        ("refine", 'city:"La Rochelle"'),
        ("exclude", 'year:"2020"'),
        ("facet", "theme"),
        ("facet", 'facet(name="city", disjunctive=true)'),
        ("lang", "fr"),
        ("timezone", "Europe/Paris"),
        ("include_links", "true"),
        ("include_app_metas", "false"),
    ]


def test_what_is_not_set_is_not_sent() -> None:
    """An empty query has no parameters."""
    assert Query().params() == []
    assert Query().url("https://example.org/records") == "https://example.org/records"


def test_a_query_reads_back_from_its_url_and_its_repr() -> None:
    """Nothing is lost on the way."""
    assert Query.from_url(FULL.url("https://example.org/records")) == FULL
    assert eval(repr(FULL), {"Query": Query}) == FULL
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    assert hash(eval(repr(FULL), {"Query": Query})) == hash(FULL)


def test_conditions_are_anded_and_none_changes_nothing() -> None:
    """This keeps optional conditions short."""
    code: str | None = None
    query = Query(where="a = 1 or b = 2").where(F.c == code if code else None, "d = 4")
    assert dict(query.params()) == {"where": "(a = 1 OR b = 2) AND d = 4"}
    assert query.where(None) is query


def test_other_clauses_replace_what_was_there() -> None:
    """The last call counts."""
    query = Query(select="a", order_by="a").select("b", F.c).order_by(F.b.desc(), "c")
    assert dict(query.params()) == {"select": "b, c", "order_by": "b desc, c"}


def test_a_function_gets_the_current_value() -> None:
    """It returns the new value."""
    query = Query(where=F.a == 1, select="a")
    changed = query.where(lambda current: current | (F.b == 2)).select(lambda items: [*items, F.b])
    assert dict(changed.params()) == {"select": "a, b", "where": "a = 1 OR b = 2"}
    assert Query().where(lambda current: current) == Query()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("limit", 20, 40), ("offset", 0, 100), ("lang", "fr", "en"),
        ("timezone", "UTC", "Europe/Paris"), ("include_links", True, False),
        ("include_app_metas", False, True),
    ],
)  # fmt: skip
def test_an_updater_changes_a_value(name: str, before: Any, after: Any) -> None:
    """It receives the current value or None; returning None changes nothing."""
    query = getattr(Query(), name)(before)
    seen: list[Any] = []

    def update(current: Any) -> Any:
        seen.append(current)
        return after

    assert getattr(query, name)(update) == getattr(Query(), name)(after)
    assert getattr(Query(), name)(update) == getattr(Query(), name)(after)
    assert getattr(query, name)(lambda _: None) == query
    assert seen == [before, None]


@pytest.mark.parametrize("name", ["refine", "exclude", "facet"])
def test_an_updater_changes_what_may_be_repeated(name: str) -> None:
    """Its result replaces the current values; other arguments are added."""
    one, other = ("a", "b") if name == "facet" else ("a:1", "b:2")
    query = getattr(Query(), name)(one, other)
    assert getattr(query, name)(lambda current: current[1:]) == getattr(Query(), name)(other)
    assert getattr(query, name)(lambda current: [*current, one]) == getattr(query, name)(one)
    assert getattr(query, name)(lambda _: None) == query
    assert getattr(query, name)(lambda _: []) == Query()


@pytest.mark.parametrize("name", ["where", "select", "group_by", "order_by"])
def test_nothing_clears_a_clause_by_accident(name: str) -> None:
    """None changes nothing, also from an updater; an updater's empty string clears."""
    query = getattr(Query(), name)("a")
    assert getattr(query, name)(None) == query
    assert getattr(query, name)(lambda _: None) == query
    assert getattr(query, name)(lambda _: "") == Query()


def test_a_filter_is_kept_by_an_empty_text_and_a_choice_is_cleared_by_one() -> None:
    """`where` adds, the other methods set."""
    query = Query(where="a", select="a", group_by="b", order_by="c")
    assert query.where("") == query
    assert query.select("").group_by([]).order_by("") == Query(where="a")


@pytest.mark.parametrize(
    ("name", "text", "parse"),
    [
        ("where", "a = 1 AND b", parse_where),
        ("select", "a, count(*) as n", parse_select),
        ("group_by", "a, year(b) as y", parse_group_by),
        ("order_by", "a, b desc", parse_order_by),
        ("facet", "a", parse_facet),
        ("refine", "a:b", parse_refinement),
    ],
)
def test_a_parsed_tree_is_a_clause(name: str, text: str, parse: Callable[[str], Any]) -> None:
    """So a tree can be rewritten before it is used."""
    assert getattr(Query(), name)(parse(text)) == getattr(Query(), name)(text)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["x", "y"], ['a:"x"', 'a:"y"']),
        (2024, ['a:"2024"']),
        (Decimal("1E+3"), ['a:"1000"']),
        (datetime.date(2024, 1, 5), ['a:"2024/01/05"']),
        (None, []),
    ],
)
def test_a_facet_value_is_a_text_a_number_or_a_day(value: Any, texts: list[str]) -> None:
    """A list gives one filter for each value."""
    assert [text for _, text in Query().refine(a=value).params()] == texts
    assert [text for _, text in Query(refine={"a": value}).params()] == texts


def test_queries_never_change() -> None:
    """Methods return new queries; the old one is unchanged."""
    query = Query(limit=1)
    query.limit(2).where("a = 1")
    assert query.params() == [("limit", "1")]
    with pytest.raises(AttributeError, match="never changes"):
        query.clauses = None  # type: ignore[assignment]


@given(value=st.text(), name=st.from_regex(r"[a-z]{1,5}", fullmatch=True))
def test_a_refinement_takes_any_value(value: str, name: str) -> None:
    """A value that cannot be sent is refused; every other one reads back."""
    try:
        query = Query().refine(**{name: value})
    except BuildError:
        return
    assert Query.from_url(query.url("https://example.org")) == query


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Query(wher="a = 1"), "'wher', which portals would ignore; write where;"),  # type: ignore[arg-type]
        (lambda: Query(limit=-2), "at least -1"),
        (lambda: Query(offset=-1), "at least 0"),
        (lambda: Query(limit=True), "whole number"),
        (lambda: Query(where=F.a + 1), "not a condition"),  # type: ignore[arg-type]
        (lambda: Query(select=F.a == 1), "belongs in where"),
        (lambda: Query(select=[1]), "neither"),  # type: ignore[list-item]
        (lambda: Query(select=parse_group_by("a")), "neither"),
        (lambda: Query(facet=5), "is not a facet"),  # type: ignore[arg-type]
        (lambda: Query(include_links="false"), "True or False"),  # type: ignore[arg-type]
        (lambda: Query(refine={"a": True}), "not a facet value"),
        (lambda: Query(exclude="a"), "exclude has a syntax error"),
        (lambda: Query(lang=""), "non-empty printable string"),
        (
            lambda: Query.from_url("https://example.org?limt=1"),
            "'limt', which portals would ignore; write limit;",
        ),
        (lambda: Query.from_url("https://example.org?sort=a"), "write order_by"),
        (lambda: Query(sort="a"), "write order_by"),  # type: ignore[arg-type]
        (lambda: Query.from_url("limit=ten"), "whole number"),
        (lambda: Query.from_url("limit=1_0"), "whole number"),
        (lambda: Query.from_url("include_links=maybe"), "true or false"),
        (lambda: Query.from_url("select=a&select=b"), "given twice"),
        (lambda: Query.from_url("https://example.org?where=caf%E9"), "not UTF-8"),
        (lambda: Query(order_by=F.a.as_("x")), "not allowed in order_by"),
        (lambda: Query(select=F.a.desc()), "not allowed in select"),
        (lambda: Query(select=range_(F.a, 10)), "not allowed in select"),
        (lambda: Query(facet=F.a.desc()), "not allowed in facet"),
        (lambda: Query(group_by=all_fields()), "not allowed in group_by"),
        (lambda: Query(where=F.a == F.b * deep(60)), "levels of nesting"),
        (lambda: Query(where=Condition(nodes.Word("a"))), "parsed as something else"),
        (lambda: Query().refine("a:\0"), "facet:value"),
        (lambda: Query().refine(5), "not a facet filter"),  # type: ignore[arg-type]
        (lambda: Query().refine({"a`b": "c"}), "cannot be a name"),
        (lambda: Query().refine(a="half \ud800"), "surrogate"),
    ],
)
def test_what_makes_no_query_is_refused(build: Callable[[], Any], message: str) -> None:
    """The error comes before a request is sent."""
    with pytest.raises(ODSQLError, match=message):
        build()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("where=url%3D%22http://x.org/%22", 'url = "http://x.org/"'),
        ('where=q like "why?"', 'q like "why?"'),
        ("?where=a%20=%201&where=b", "a = 1 AND b"),
        ("/records?where=a=1&apikey=secret&delimiter=;", "a = 1"),
        ("https://example.org/r?select=&where=a%2B1%3E2&limit=", "a + 1 > 2"),
    ],
)
def test_a_query_is_read_from_urls_and_from_query_strings(text: str, where: str) -> None:
    """Values may contain URLs; parameters outside the query are left out."""
    assert Query.from_url(text).params() == [("where", where)]


def test_parameters_are_added_to_those_of_the_base() -> None:
    """A fragment stays at the end."""
    base = "https://example.org/r?lang=fr#top"
    assert Query(limit=1).url(base) == "https://example.org/r?lang=fr&limit=1#top"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:b", "b"),
        ('a: "b c" ', "b c"),
        ("a:'it\\'s'", "it's"),
        ('a:"2020" OR a:"2021"', '"2020" OR a:"2021"'),
        ("`x y`:b:c", "b:c"),
        ("a.b:(c), d/e", "(c), d/e"),
    ],
)
def test_a_refinement_takes_its_value_out_of_quotes_that_enclose_it(text: str, value: str) -> None:
    """Any other value is used as written."""
    assert parse_refinement(text).value == value


def test_a_long_refinement_is_read_in_time() -> None:
    """The time is linear in the length."""
    assert len(parse_refinement("a:x" + " " * 500_000 + "y").value) == 500_002


def test_broken_text_is_refused_where_it_is_written() -> None:
    """The error comes before the request is sent."""
    with pytest.raises(ODSQLSyntaxError, match="where has a syntax error"):
        Query().where("a ==")
