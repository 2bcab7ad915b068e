"""Long and deep texts: one scan finds all positions, and the depth of a tree is limited."""

from __future__ import annotations

import copy
import pickle

import pytest

from odsql import ODSQLSyntaxError, format, parse_where, render
from odsql.nodes import walk
from odsql.syntax import spans
from odsql.syntax.parsing import MAX_NESTING


@pytest.mark.parametrize("predicates", [10, 3000])
def test_the_places_of_all_nodes_are_found_in_one_scan(predicates: int) -> None:
    """A scan for each node of a long text would take quadratic time."""
    text = " AND ".join(f"field{number} = {number}" for number in range(predicates))
    tree = parse_where(text)
    spans.forget_spans()
    places = [node.span for node in walk(tree)]
    caches = spans._of_short.cache_info(), spans._of_long.cache_info()
    assert sum(cache.misses for cache in caches) == 1
    assert [text[slice(*place)] for place in places[-3:] if place] == [
        f"field{predicates - 1} = {predicates - 1}", f"field{predicates - 1}", str(predicates - 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "repeated", "end", "spare"),
    [("", "not (b or ", "a", 3), ("a = ", "lower(", "b", 3), ("a = ", "-(1 + ", "b", 4)],
    ids=["conditions", "calls", "signs"],
)
def test_the_deepest_tree_can_be_used_like_any_other(
    start: str, repeated: str, end: str, spare: int
) -> None:
    """One level more is refused."""
    levels = (MAX_NESTING - spare) // (1 if "lower" in repeated else 2)
    deepest = start + repeated * levels + end + ")" * levels
    tree = parse_where(deepest)
    for other in (copy.deepcopy(tree), pickle.loads(pickle.dumps(tree)), parse_where(render(tree))):
        assert other == tree
        assert hash(other) == hash(tree)
        assert repr(other) == repr(tree)
    assert parse_where(format(tree, width=10)) == tree
    with pytest.raises(ODSQLSyntaxError, match="levels of nesting"):
        parse_where(start + repeated * (levels + 2) + end + ")" * (levels + 2))


def test_parentheses_that_say_nothing_are_no_depth() -> None:
    """Programs extend filters as f"({filter}) AND ({more})", again and again."""
    text = "a = 0"
    for number in range(1, 500):
        text = f"(({text}) AND (a = {number}))"
    assert parse_where(text) == parse_where(" AND ".join(f"a = {one}" for one in range(500)))


@pytest.mark.parametrize("repeated", ["(", "not ", "not ("])
def test_parentheses_by_the_thousand_are_refused(repeated: str) -> None:
    """They are refused before a tree is built."""
    with pytest.raises(ODSQLSyntaxError, match="levels of nesting"):
        parse_where(repeated * 10_000 + "a = 1" + ")" * 10_000)
