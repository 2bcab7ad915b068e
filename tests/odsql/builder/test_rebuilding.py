"""The builder can express everything that the grammar reads: trees are rebuilt and compared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from odsql import nodes
from odsql.nodes import rewrite, walk
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.parsing import parse
from tests.odsql import corpus, strategies
from tests.odsql.rebuilding import any_call, helper_call, items

BESIDE_THE_CORPUS = [
    ("where", "minute(d) = 1 and second(d) = 2 and month(d) = 3 and day(d) = 4"),
    ("where", "ifnull(a, 'x') = 'y' or disjoint(g, geom'POINT(1 2)')"),
    ("where", "vector_similarity_threshold('x')"),
    ("where", "polygon(g, geom'POINT(1 2)') or geometry(g, geom'POINT(1 2)', DISJOINT)"),
    ("where", "distance(g, geom'POINT(1 2)', 5km) and geometry(g, geom'POINT(1 2)')"),
    ("where", "a: true and b: FALSE and c: null and d = true and e != false and f = null"),
    ("where", "g = geom'POINT(1 2)' and within_distance(g, h, 5km)"),
    ("where", "1 = 2 and 'x' = a and now() > d and 1 < a and lower(a) = b"),
    ("select", "json_format(a, null), json_format(a, 'x'), json_format(a), bbox(g), envelope(g)"),
    ("select", "include(a*), exclude(b), include(*), *"),
    ("group_by", "range(d, date'2024', date'2025'), range(a, *, -1, 2.5), range(a, ]1, 2])"),
    ("order_by", "random(7), vector_similarity('x') desc, -a"),
    (
        "facet",
        "facet(name='a', disjunctive=true, hierarchical=false, separator='/', sort='-count')",
    ),
]


def _written_as_built(tree: Any) -> Any:
    """Return the tree as it is built: without double NOT, and with valid dates and geometries."""

    def change(node: nodes.Node) -> nodes.Node:
        match node:
            case nodes.Not(nodes.Not(inner)):
                return inner
            case nodes.Date():
                return nodes.Date("2024-01-31")
            case nodes.Geometry():
                return nodes.Geometry("POINT(1 2)")
        return node

    return rewrite(tree, change)


def _entries(clause: Any) -> list[nodes.Node]:
    """Return the entries of a clause as built: an ordering without direction is its expression."""
    if isinstance(clause, nodes.Where):
        return [] if clause.condition is None else [clause.condition]
    entries = getattr(clause, "items", [clause])
    return [
        one.expression if isinstance(one, nodes.Ordering) and one.direction is None else one
        for one in entries
    ]


@given(strategies.any_clause)
def test_every_tree_can_be_built(clause: tuple[str, Any]) -> None:
    """`call` accepts any arguments."""
    tree = _written_as_built(clause[1])
    assert items(tree, any_call) == _entries(tree)


@pytest.mark.parametrize(
    ("clause", "text"), [*corpus.entries("parse", "semantic-error"), *BESIDE_THE_CORPUS]
)
def test_every_query_that_portals_parse_can_be_built_with_the_helpers(
    clause: str, text: str
) -> None:
    """Their calls follow the reference, so the helpers can make them."""
    tree = parse(clause, text)
    assert items(tree, helper_call) == _entries(tree)


def test_the_helpers_of_all_functions_are_tried() -> None:
    """Otherwise the test above would prove nothing about them."""
    queries = [*corpus.entries("parse", "semantic-error"), *BESIDE_THE_CORPUS]
    trees = (parse(clause, text) for clause, text in queries)
    used = {node.name for tree in trees for node in walk(tree) if isinstance(node, nodes.Call)}
    assert used == set(CATALOGUE)
