"""Clauses as keywords: wherever a method takes a query, it takes its clauses, too."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from explore_async import ConfigurationError, Dataset, ExploreClient
from explore_async.operations import query_of
from odsql import BuildError, F, ODSQLSyntaxError, Query
from odsql.builder.query import Clauses, QueryClauses

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS = [
    method
    for kind in (ExploreClient, Dataset)
    for name, method in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_") and "query" in inspect.signature(method).parameters
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
def test_every_method_with_a_query_takes_its_clauses(method: Callable[..., object]) -> None:
    """They are typed as the keywords of Query are."""
    (clauses,) = (
        one for one in inspect.signature(method).parameters.values() if one.kind is one.VAR_KEYWORD
    )
    assert (clauses.name, clauses.annotation) == ("clauses", "Unpack[QueryClauses]")


def test_the_keywords_are_those_of_a_query() -> None:
    """In the same order."""
    names = [one.name for one in Clauses.__attrs_attrs__]
    assert [*QueryClauses.__annotations__] == names
    assert [*inspect.signature(Query.__init__).parameters][1:-1] == names


def params(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def test_clauses_do_what_the_query_does(client: ExploreClient) -> None:
    """Expressions, text and lists of both."""
    trees = client.dataset("trees")
    stated = trees.records(where=F.x > 1, order_by=["x desc", "id"], refine={"kind": ["oak"]})
    query = Query(where=F.x > 1, order_by=["x desc", "id"], refine={"kind": ["oak"]})
    assert stated.url() == trees.records(query).url()
    assert repr(client.datasets(limit=3)) == repr(client.datasets(Query(limit=3)))


async def test_clauses_are_added_to_a_query(client: ExploreClient) -> None:
    """Conditions and facet filters are joined; other clauses replace those of the query."""
    query = Query(where="a = 1", refine="kind:oak", order_by="a", lang="fr")
    stream = client.dataset("trees").export(
        "jsonl", query, where=["b = 2", F.c == 3], exclude="kind:elm", order_by="b"
    )
    assert params(stream.url) == {
        "where": "a = 1 AND b = 2 AND c = 3",
        "refine": 'kind:"oak"',
        "exclude": 'kind:"elm"',
        "order_by": "b",
        "lang": "fr",
    }


async def test_no_clauses_leave_a_query_as_it_is(client: ExploreClient) -> None:
    """Also None and an empty list."""
    query = Query(where="a = 1", select="a")
    assert query_of(query, {}) is query
    assert query_of(query, {"where": None, "select": None, "refine": []}) == query
    assert query_of(None, {}) is None


async def test_an_unknown_keyword_is_a_wrong_call(client: ExploreClient) -> None:
    """As Python says of any function."""
    wrong: Any = {"page_sise": 3}
    with pytest.raises(TypeError, match="unexpected keyword argument 'page_sise'"):
        client.dataset("trees").records(**wrong)


async def test_a_wrong_clause_is_refused_before_anything_is_sent(client: ExploreClient) -> None:
    """With the error of the builder."""
    trees: Any = client.dataset("trees")
    with pytest.raises(ODSQLSyntaxError, match="single ="):
        trees.records(where="a == 1")
    with pytest.raises(BuildError, match="not a condition"):
        trees.records(where=5)
    with pytest.raises(ConfigurationError, match=r"must be an odsql\.Query"):
        trees.records("a = 1", where="b = 2")
